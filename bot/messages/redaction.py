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
    | \bv1\.[0-9a-f]{40}\b                           # GitHub, older installation tokens
    | \bgl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat|ffct)-[A-Za-z0-9_.-]{16,}  # GitLab
    | \b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b         # AWS access key ids
    | \bAIza[A-Za-z0-9_-]{30,}                        # Google API keys
    | \bya29\.[A-Za-z0-9_-]{20,}
    | \bGOCSPX-[A-Za-z0-9_-]{20,}
    | \bxox[abeoprs]-[A-Za-z0-9-]{10,}                # Slack
    | \bxapp-[0-9]-[A-Za-z0-9-]{10,}
    | hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9/_-]{20,}
    | discord(?:app)?\.com/api/webhooks/[0-9]{10,}/[A-Za-z0-9_-]{20,}
    | webhook\.office\.com/[^\s"']{20,}
    | \b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}          # Stripe
    | \bwhsec_[A-Za-z0-9]{20,}
    | \bsk-[A-Za-z0-9_-]{20,}                         # OpenAI, Anthropic and others
    | \bnpm_[A-Za-z0-9]{30,}
    | \bpypi-[A-Za-z0-9_-]{30,}
    | \brubygems_[a-f0-9]{40,}
    | \bdckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}           # Docker Hub
    | \bdo[por]_v1_[a-f0-9]{32,}                      # DigitalOcean
    | \bhf_[A-Za-z0-9]{20,}                           # Hugging Face
    | \bdepot_(?:org|user|project)_[A-Za-z0-9_]{16,}  # Depot
    | \bSG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}    # SendGrid
    | \bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}            # Shopify
    | \bhv[sbr]\.[A-Za-z0-9_-]{20,}                   # Vault
    | \bATATT3[A-Za-z0-9_=-]{20,}                     # Atlassian
    | \b(?:lin_api|figd|sbp|NRAK|PMAK|tfp)[_-][A-Za-z0-9_-]{20,}
    | \bdapi[0-9a-f]{32}                             # Databricks
    | \bEAAC[A-Za-z0-9]{20,}                         # Facebook
    | \bGR1348941[A-Za-z0-9_-]{20,}                  # GitLab runners
    | \bgl(?:sa|c)_[A-Za-z0-9_+/=-]{20,}             # Grafana
    | \bsntry[su]_[A-Za-z0-9_+/=-]{20,}              # Sentry
    | \bsq[apu]_[0-9a-f]{40}                         # Sonar
    | \bsq0[a-z]{3}-[A-Za-z0-9_-]{20,}               # Square
    | \bpul-[0-9a-f]{40}                             # Pulumi
    | \bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9_.=-]{20,} # PlanetScale
    | \bdp\.(?:pt|st|ct|sa|scim|audit)\.[A-Za-z0-9_.-]{20,}  # Doppler
    | \btskey-[a-z]{2,20}-[A-Za-z0-9-]{10,}          # Tailscale
    | \b(?:CCIPAT|CCIPRJ|bkua|nfp|gsk|r8|ntn|sb_secret)_[A-Za-z0-9_-]{20,}
    | \b(?:HRKU|pplx|xai)-[A-Za-z0-9_-]{20,}
    | \bATBB[A-Za-z0-9]{24,}                         # Bitbucket
    | \bfm[12][a-z]?_[A-Za-z0-9+/=_-]{20,}           # Fly.io
    | \.atlasv1\.[A-Za-z0-9_=-]{40,}                 # Terraform
    | \b[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}  # Azure client secrets
    | \b(?:AKCp|cmVmdGtu)[A-Za-z0-9]{20,}            # JFrog
    | \boy2[a-z0-9]{43}                              # NuGet
    | \b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}              # Telegram
    | \b[MNO][A-Za-z0-9_-]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}  # Discord
    | \bX-Amz-(?:Signature|Security-Token)=[A-Za-z0-9%/+=]{16,}  # signed addresses
    | (?<=[?&])sig=[A-Za-z0-9%/+=]{20,}
    | \bAGE-SECRET-KEY-1[A-Z0-9]{20,}
    | (?<![A-Za-z0-9_-])                              # JSON Web Tokens
      eyJ[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{10,}+\.[A-Za-z0-9_-]{5,}
    """,
    re.VERBOSE,
)
# A line of a log may begin with its time, a job's name or the like.
_PREFIX = r"[^\n]{0,120}?"
_BLOCK = r"(?:[A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)?|PGP MESSAGE)"
_KEY_BLOCK = re.compile(
    rf"-----BEGIN {_BLOCK}-----.{{0,20000}}?(?:-----END {_BLOCK}-----|\Z)", re.DOTALL
)
# The end of a key whose beginning is not in the text.
_KEY_END = re.compile(
    rf"(?:^{_PREFIX}(?<![A-Za-z0-9+/=])[A-Za-z0-9+/=]{{4,100}}\n){{0,100}}"
    rf"{_PREFIX}-----END {_BLOCK}-----",
    re.MULTILINE,
)
_HEADER = re.compile(
    r"""(?ix)
    \b((?:proxy-)?authorization["']?\s{0,5}[:=]\s{0,5}["']?)
    (?:((?:bearer|basic|token|digest|negotiate|aws4-hmac-sha256)\s{1,5})[^\s"',;]+
      |(?=[^\s"',;]{0,200}[0-9])[^\s"',;]{4,})
    """
)
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie[\"']?\s{0,5}:\s{0,5})[^\n\"']{4,}")
_USER_OPTION = re.compile(
    r"(?<!\S)((?:-u|--user|--proxy-user)[ =]?[\"']?[^\s:\"']{1,100}:)[^\s\"']{1,200}"
)
_IN_URL = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{0,20}://(?:[^\s/:@]{0,100}:)?)[^\s/]{1,200}(?=@)")
_PROGRAM = re.compile(
    r"\b(docker\s{1,5}login\b[^\n]{0,200}?\s-p[ =]?|sshpass\s{1,5}-p ?"
    r"|mysql[a-z]{0,10}\b[^\n]{0,200}?\s-p(?=\S)|redis-cli\b[^\n]{0,200}?\s-a\s"
    r"|machine\s{1,5}\S{1,100}\s{1,5}login\s{1,5}\S{1,100}\s{1,5}password\s{1,5})\S{1,200}"
)
_ELEMENT = re.compile(
    r"(?i)(<[a-z0-9_.:-]{0,40}(?:password|secret|token)[^<>]{0,80}>)[^<\n]{4,500}(?=</)"
)

_SECRET_WORDS = (
    r"(?:password|passwd|passphrase|passwort|pass|pwd|secret|token|credentials?|auth"
    r"|api[_-]?key|access[_-]?key|private[_-]?key|secret[_-]?key|signing[_-]?key|encryption[_-]?key"
    r"|client[_-]?secret|connection[_-]?string|dsn|jwt|session[_-]?key|account[_-]?key"
    r"|key[_-]?data)"
)
# A name in any case style that has such a word in it as a part: DB_PASS, dbPassword, accessToken.
_NAME = (
    r"(?:"
    rf"(?:[A-Za-z0-9]{{1,40}}[_.-]){{0,6}}(?:[A-Za-z0-9]{{1,40}}(?=[A-Z]))?(?i:{_SECRET_WORDS})"
    r"(?:[_-][A-Za-z0-9]{1,20}){0,3}"
    r"|[A-Z0-9]{1,20}(?:PASSWORD|PASSWD|SECRET|TOKEN)|[A-Z0-9]{1,20}(?:_[A-Z0-9]{1,20}){0,6}_PAT)"
)
_IS = r"""\\?["']?\s{0,5}(?::=|=>|[:=])\s{0,5}"""
_QUOTED = re.compile(
    rf"""(?<![A-Za-z0-9])({_NAME}s?{_IS}\[?)"""
    r"""(?:(")(?:\\.|[^"\\\n]){4,500}"|(')(?:\\.|[^'\\\n]){4,500}')"""
)
_OPTION = re.compile(rf"(?<!\S)(--?{_NAME}[ =])[^\s]{{4,}}")
# Text after a colon is prose more often than a credential: there a digit is required.
_ASSIGNED = re.compile(
    rf"""(?<![A-Za-z0-9])({_NAME}\\?["']?\s{{0,5}}(?::=|=>?|:(?=[^,;\n]{{0,80}}[0-9]))\s{{0,5}}\\?["']?)"""
    r"""[^\s"',;]{4,}"""
)


def mask(text: str) -> str:
    """*text* with everything that looks like a credential replaced by `***`. Best effort."""
    text = _KEY_BLOCK.sub(MASK, text)
    if "-----END " in text:
        text = _KEY_END.sub(MASK, text)
    text = _SHAPES.sub(MASK, text)
    text = _HEADER.sub(rf"\g<1>\g<2>{MASK}", text)
    text = _QUOTED.sub(rf"\g<1>\g<2>\g<3>{MASK}\g<2>\g<3>", text)
    for kept in (_COOKIE, _USER_OPTION, _IN_URL, _PROGRAM, _ELEMENT, _OPTION, _ASSIGNED):
        text = kept.sub(rf"\g<1>{MASK}", text)
    return text
