"""gidgethub's client as the bot uses it: credentials go to the configured host only."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import gidgethub
import gidgethub.httpx
import msgspec
from gidgethub.sansio import RateLimit

from bot.github.errors import GitHubError, GitHubUnavailable

RAW = "application/vnd.github.raw+json"


class Login(msgspec.Struct):
    login: str


class Id(msgspec.Struct):
    id: int


T = TypeVar("T")


class Session(gidgethub.httpx.GitHubAPI):
    """gidgethub's client, which sends credentials to the configured host only."""

    async def _request(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes = b""
    ) -> tuple[int, Mapping[str, str], bytes]:
        # gidgethub follows `Link` headers and takes absolute URLs; a token must not follow them
        # to another host.
        if not url.startswith(self.base_url.rstrip("/") + "/"):
            raise GitHubError("refusing to send credentials to another host")
        status, answered, content = await super()._request(method, url, headers, body)
        if headers.get("accept") == RAW:
            # A file may hold anything, and gidgethub decodes it strictly.
            content = content.decode("utf-8", "replace").encode()
        # gidgethub counts a 304 as spent, which it is not; each answer has GitHub's own count.
        limit = RateLimit.from_http(answered)
        if limit is not None:
            self.rate_limit = limit
        return status, answered, content

    async def manage_rate_limit(self, *, method: str, url: str) -> None:
        """Do not ask while the hour's quota is used up."""
        limit = self.rate_limit
        if limit is not None and not limit:
            wait = (limit.reset_datetime - datetime.now(UTC)).total_seconds()
            raise GitHubUnavailable("rate limit", max(1.0, wait))


def decode(answer: Any, shape: type[T]) -> T:
    """GitHub's JSON as the fields we use; anything else counts as no answer."""
    try:
        return msgspec.convert(answer, shape)
    except msgspec.ValidationError as error:
        raise GitHubUnavailable(f"not understood: {error}") from error
