"""The errors of requests to GitHub. gidgethub's and the HTTP client's errors are translated here.

GitHubError               every failure
├── NotFound              404: it is not there, not there yet, or not visible to the bot
│   └── Gone              410: it was there
├── Forbidden             403 that is no rate limit: the bot lacks a permission, or lacks it yet
│   ├── Blocked           451: nobody may see it
│   └── NotInstalled      the App has no such installation, or none on this repository
├── Unprocessable         422: GitHub refuses what was sent
└── GitHubUnavailable     no answer, or a server error: what was sent may have been done
    └── NotDone           a rate limit, 409, or not sent: nothing was done; ask again later
        └── BadCredentials  401: the token may be about to be replaced
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus

import gidgethub
import gidgethub.httpx
import httpx
import jwt

from bot.core.backoff import LONGEST_ASKED, seconds_asked

SECONDARY_PAUSE = 60.0
"""Seconds to wait when GitHub refuses for a limit and does not say how long (bot/github/README.md,
"Rate limits")."""


class GitHubError(Exception):
    """A request to GitHub failed. The text is for the log, never for a reply."""

    what = ""
    """What was asked for, as the path of the request, where that is known."""


class NotFound(GitHubError):
    pass


class Gone(NotFound):
    pass


class Forbidden(GitHubError):
    """`lacking` are the permissions that would allow it, such as `contents=read`, when GitHub said
    so."""

    def __init__(self, text: str, lacking: str = "") -> None:
        super().__init__(text)
        self.lacking = lacking


class Blocked(Forbidden):
    pass


class NotInstalled(Forbidden):
    pass


class Unprocessable(GitHubError):
    pass


class GitHubUnavailable(GitHubError):
    """No useful answer now. `retry_after` is in seconds, when GitHub said so."""

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text, retry_after)
        self.text = text
        self.retry_after = retry_after

    def __str__(self) -> str:
        return self.text


class NotDone(GitHubUnavailable):
    """Not now, and nothing was done."""


class BadCredentials(NotDone):
    """GitHub does not take the bot's credentials."""


class AnswerTooLarge(httpx.DecodingError):
    """The answer is longer than any that we want."""


class TooLarge(GitHubError):
    """A file is larger than we read."""


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise what gidgethub and httpx raise as GitHubError."""
    try:
        yield
    except GitHubError:
        raise
    except jwt.PyJWTError as error:
        raise BadCredentials("the App's private key cannot be used") from error
    except gidgethub.RateLimitExceeded as error:
        raise NotDone("rate limit", _retry_after(error)) from error
    except gidgethub.HTTPException as error:
        raise _http_error(error) from error
    except gidgethub.GitHubException as error:
        raise GitHubUnavailable(f"not understood: {type(error).__name__}") from error
    except AnswerTooLarge as error:
        raise TooLarge(str(error)) from error
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise NotDone(type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise GitHubUnavailable(type(error).__name__) from error
    except (ValueError, ArithmeticError, LookupError, TypeError, RecursionError) as error:
        # gidgethub does not guard its decoding of bodies and status codes: a proxy's page or a
        # truncated answer fails there.
        raise GitHubUnavailable(f"not understood: {type(error).__name__}") from error


def _http_error(error: gidgethub.HTTPException) -> GitHubError:
    text = f"{error.status_code.value}: {error}"
    match error.status_code:
        case HTTPStatus.UNAUTHORIZED:
            return BadCredentials(text)
        case HTTPStatus.TOO_MANY_REQUESTS | HTTPStatus.CONFLICT:
            return NotDone(text, _retry_after(error))
        case HTTPStatus.FORBIDDEN:
            if "retry-after" in error.headers or re.search("rate limit|abuse", text, re.I):
                return NotDone(text, _retry_after(error))
            return Forbidden(text, error.headers.get("x-accepted-github-permissions", ""))
        case HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS:
            return Blocked(text)
        case HTTPStatus.NOT_FOUND:
            return NotFound(text)
        case HTTPStatus.GONE:
            return Gone(text)
        case HTTPStatus.UNPROCESSABLE_ENTITY:
            return Unprocessable(text)
    return GitHubUnavailable(text, _retry_after(error))


def _retry_after(error: gidgethub.HTTPException) -> float | None:
    """How long GitHub wants us to wait, in seconds (bot/github/README.md, "Rate limits")."""
    headers = error.headers
    if (asked := seconds_asked(headers)) is not None:
        return asked
    if error.status_code not in {HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS}:
        return None
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        return min(max(1.0, float(reset[:12]) - _server_time(headers)), LONGEST_ASKED)
    return SECONDARY_PAUSE


def _server_time(headers: Mapping[str, str]) -> float:
    """GitHub's own time, by which its reset times go."""
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except (ValueError, OverflowError):
        return datetime.now(UTC).timestamp()
