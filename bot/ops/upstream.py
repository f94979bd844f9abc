"""The HTTP client for GitHub and Depot: httpx's, which tells of each request it has sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx

Observer = Callable[[httpx.Request, int | None], None]
"""Called with each request and the status of its answer; none when no answer came."""


class ObservedClient(httpx.AsyncClient):
    """Sends as httpx does, proxies of the environment and all."""

    def __init__(self, told: Observer, **options: Any) -> None:
        super().__init__(**options)
        self._told = told

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            response = await super().send(request, **options)
        except httpx.RequestError:
            self._told(request, None)
            raise
        self._told(request, response.status_code)
        return response


def by_verb(request: httpx.Request) -> str:
    """GitHub's methods are HTTP's."""
    return request.method


def by_last_part(request: httpx.Request) -> str:
    """Depot's methods are the last part of the path."""
    return request.url.path.rpartition("/")[2]
