"""PUBLIC_URL with a path: the bot lives under a part of somebody else's host.

Some proxies pass that path on, others take it away; both ways lead to the same routes. Links on the
pages, the cookie and redirects carry it.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send


def path_of(public_url: str) -> str:
    """The path of the address, as links have it; empty when it has none."""
    path = urlsplit(public_url).path.strip("/")
    return f"/{path}" if path else ""


def without_prefix(prefix: str) -> list[Middleware]:
    """What an application needs to be reached under this path as well; nothing without one."""
    return [Middleware(WithoutPrefix, prefix)] if prefix else []


class WithoutPrefix:
    """Takes the prefix away from each request's path, where it is there."""

    def __init__(self, app: ASGIApp, prefix: str) -> None:
        self._app = app
        self._prefix = unquote(prefix)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            rest = scope["path"].removeprefix(self._prefix)
            if rest != scope["path"] and (not rest or rest.startswith("/")):
                scope = {**scope, "path": rest or "/"}
        await self._app(scope, receive, send)
