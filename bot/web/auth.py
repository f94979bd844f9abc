"""Who sees the pages that are for the operator: those who have the password.

Without ADMIN_PASSWORD one is made at each start, and a link that holds it logs a browser in. No
address and no name of a host lets anybody in: a proxy beside the bot makes all of them look local.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

CHALLENGE = 'Basic realm="depot-bot", charset="UTF-8"'

COOKIE = "depot-bot-login"

NEEDS_PASSWORD = "This page needs the password in ADMIN_PASSWORD; any user name will do."
NEEDS_LINK = (
    "This page opens with the link that the bot printed to the terminal when it started; "
    "set ADMIN_PASSWORD for a password that stays."
)


@dataclass(slots=True)
class Access:
    """The password of the operator's pages."""

    password: str = field(repr=False)
    is_made: bool = False
    """It was made at this start: a link logs in with it."""

    @classmethod
    def with_password(cls, password: str) -> Access:
        """With this password; with a new one when it is empty."""
        return cls(password) if password else cls(secrets.token_urlsafe(32), is_made=True)

    def use(self, password: str) -> None:
        """Go on with another password; without one, the one that was made at the start stays."""
        if password:
            self.password, self.is_made = password, False

    @property
    def hint(self) -> str:
        """What to do, for somebody who may not see a page."""
        return NEEDS_LINK if self.is_made else NEEDS_PASSWORD

    @property
    def cookie(self) -> str:
        """The value of the cookie of a browser that is logged in. It is not the password, which
        opens more than this browser."""
        return hmac.digest(self.password.encode(), b"depot-bot login", "sha256").hex()

    def link(self, address: str) -> str:
        """The link that logs in."""
        return f"{address}/login?token={self.password}"

    def logs_in(self, token: str) -> bool:
        """Whether this is the token of the link."""
        return self.is_made and _is_same(token, self.password)

    def allows(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers may see the pages; their names are in lower case."""
        given = _password(headers.get("authorization", ""))
        if _is_same(given, self.password):
            return True
        return self.is_made and _is_same(_cookie(headers.get("cookie", "")), self.cookie)


def _is_same(given: str, right: str) -> bool:
    # Of one length: comparing then takes the same time whatever was given.
    return hmac.compare_digest(_digest(given), _digest(right))


def _digest(text: str) -> bytes:
    return sha256(text.encode(errors="surrogateescape")).digest()


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


def _cookie(header: str) -> str:
    """The value of our cookie; empty when there is none. Other cookies of the same host, whatever
    is in them, are passed over: Python's own parser gives up at some, and takes seconds for
    others."""
    for part in header.split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""
