"""Who may see the pages that are for the operator: the password, or this very machine."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address

FORWARDING = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip")
"""Headers by which a proxy says that somebody else is asking."""

CHALLENGE = 'Basic realm="depot-bot", charset="UTF-8"'

ONLY_HERE = (
    "Set ADMIN_PASSWORD to see this page from elsewhere: "
    "without it, it is shown to this machine only, under localhost."
)
WRONG_PASSWORD = "This page needs the password in ADMIN_PASSWORD; any user name will do."

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:]+)(?::\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Denied:
    """Why somebody may not see it."""

    status: int
    text: str


def denied(headers: Mapping[str, str], peer: str, password: str) -> Denied | None:
    """Why a request is turned away, or none; *peer* is the address it came from.

    Without a password only a browser on this machine is served. A loopback peer alone is no sign
    of that: a proxy beside us has one too, and so has a page of a stranger in a browser here,
    whose name was made to lead to this machine (DNS rebinding). The name it asks for tells.
    """
    if password:
        given = _password(headers.get("authorization", ""))
        is_right = hmac.compare_digest(_digest(given), _digest(password))
        return None if is_right else Denied(401, WRONG_PASSWORD)
    is_forwarded = any(name in headers for name in FORWARDING)
    if _is_loopback(peer) and not is_forwarded and _names_loopback(headers.get("host", "")):
        return None
    return Denied(403, ONLY_HERE)


def _digest(text: str) -> bytes:
    # Of one length: comparing then takes the same time whatever was given.
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()


def _password(authorization: str) -> str:
    """The password of HTTP Basic (RFC 7617); empty when there is none."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        text = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return text.partition(":")[2]


def _is_loopback(address: str) -> bool:
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return bool((mapped or ip).is_loopback)


def _names_loopback(host: str) -> bool:
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match[1].lower().rstrip(".")
    return name == "localhost" or _is_loopback(name.strip("[]"))
