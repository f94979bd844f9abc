"""Masking of secrets in logs, before a log is shown in public.

Pure. Depot masks the secrets that it knows. This masks in addition what looks like a credential, by
the formats that the issuers document.
"""

from __future__ import annotations

import re

MASK = "***"

_SHAPES = re.compile(
    r"""
      \bgh[pousr]_[A-Za-z0-9]{16,}                    # GitHub tokens
    | \bgithub_pat_[A-Za-z0-9_]{20,}
    | \bglpat-[A-Za-z0-9_-]{16,}                      # GitLab
    | \b(?:AKIA|ASIA)[A-Z0-9]{16}\b                   # AWS access key ids
    | \bAIza[A-Za-z0-9_-]{30,}                        # Google API keys
    | \bya29\.[A-Za-z0-9_-]{20,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                # Slack
    | \b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}          # Stripe
    | \bsk-[A-Za-z0-9_-]{20,}                         # OpenAI, Anthropic and others
    | \bnpm_[A-Za-z0-9]{30,}
    | \bpypi-[A-Za-z0-9_-]{30,}
    | \bdop_v1_[a-f0-9]{32,}                          # DigitalOcean
    | \bhf_[A-Za-z0-9]{20,}                           # Hugging Face
    | \bdepot_(?:org|user|project)_[A-Za-z0-9_]{16,}  # Depot
    | (?<![A-Za-z0-9_-])                              # JSON Web Tokens
      eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{5,}
    """,
    re.VERBOSE,
)
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
# The end of a key whose beginning is not in the text.
_KEY_END = re.compile(
    r"(?:^[A-Za-z0-9+/=]{4,100}+\n){0,100}+-----END [A-Z ]*PRIVATE KEY-----", re.MULTILINE
)
_HEADER = re.compile(
    r"""(?i)\b(authorization["']?\s{0,5}[:=]\s{0,5}["']?(?:bearer|basic|token)\s{1,5})[^\s"']+"""
)
_OPTION = re.compile(
    r"(?i)(?<!\S)(--?(?:[a-z0-9]{1,20}-){0,3}(?:password|passwd|secret|token|key)[ =])[^\s]{4,}"
)
_IN_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,100}:)[^\s/@]{1,200}(?=@)")
# Text after a colon is prose more often than a credential: there a digit is required.
_ASSIGNED = re.compile(
    r"""(?ix)
    \b((?:[a-z0-9_-]{0,40}[_-])?
       (?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)
       (?:[_-][a-z0-9]{1,20}){0,3}
       [\"']?\s{0,5}(?:=|:(?=[^,;\n]{0,80}[0-9]))\s{0,5}[\"']?)
    [^\s\"',;]{8,}
    """
)


def mask(text: str) -> str:
    """*text* with everything that looks like a credential replaced by `***`."""
    text = _KEY_END.sub(MASK, _KEY_BLOCK.sub(MASK, text))
    text = _SHAPES.sub(MASK, text)
    for kept in (_HEADER, _OPTION, _IN_URL, _ASSIGNED):
        text = kept.sub(rf"\g<1>{MASK}", text)
    return text
