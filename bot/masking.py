"""Secrets in logs, masked before a log is shown to everybody.

Pure. Depot masks what it knows to be secret; this is a second net for what looks like a
credential, by the shapes that their issuers document.
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
    | \beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{5,}  # JSON Web Tokens
    """,
    re.VERBOSE,
)
_KEY_BLOCK = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL
)
_HEADER = re.compile(r"(?i)\b(authorization\s*[:=]\s*[\"']?(?:bearer|basic|token)\s+)[^\s\"']+")
_IN_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://[^\s/:@]{0,100}:)[^\s/@]{1,200}(?=@)")
_ASSIGNED = re.compile(
    r"""(?ix)
    \b((?:[a-z0-9_-]{0,40}[_-])?
       (?:password|passwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)
       (?:[_-][a-z0-9]{1,20})?
       [\"']?\s*[=:]\s*[\"']?)
    [^\s\"',;]{8,}
    """
)


def mask(text: str) -> str:
    """*text* with everything that looks like a credential replaced by `***`."""
    text = _KEY_BLOCK.sub(MASK, text)
    text = _SHAPES.sub(MASK, text)
    for kept in (_HEADER, _IN_URL, _ASSIGNED):
        text = kept.sub(rf"\g<1>{MASK}", text)
    return text
