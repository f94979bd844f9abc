"""Ways between the bot and the simulated GitHub on which every message is checked.

What is wrong is kept and told at the end: the bot would take an exception on the way for trouble
that GitHub has, and go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from bot.demo.simulators.depot import InProcess
from bot.demo.simulators.github import SimulatedGitHub
from tests.contracts.github import api


class CheckedTransport(httpx.AsyncBaseTransport):
    """A way that keeps what was wrong on it."""

    def __init__(self) -> None:
        self.breaches: list[str] = []

    def assert_kept(self) -> None:
        """Tell of all breaches since it was last asked."""
        told, self.breaches = list(dict.fromkeys(self.breaches)), []
        assert not told, "\n".join(["not as GitHub describes it:", *told])


class ToGitHub(CheckedTransport):
    """The bot's way to the simulated GitHub; with *any_request*, a way to ask it anything."""

    def __init__(self, github: SimulatedGitHub, *, any_request: bool = False) -> None:
        super().__init__()
        self._any_request = any_request
        self._github = github
        self._inner = InProcess(github.app)
        self._api = api()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Check a request and its answer, unless the answer is trouble that a test asked for."""
        await request.aread()
        # Paths by a repository's id are what GitHub itself redirects to; no schema has them.
        is_redirected = request.url.path.startswith("/repositories/")
        if not self._any_request and not is_redirected:
            self.breaches += self._api.request(request)
        response = await self._inner.handle_async_request(request)
        # The newest record is this request's: nothing else has run since it was written.
        is_redirected |= response.status_code in {301, 307}
        if not self._github.requests[-1].faulty and not is_redirected:
            await response.aread()
            self.breaches += self._api.response(request, response)
        return response


@contextmanager
def transport_to(github: SimulatedGitHub, *, any_request: bool = False) -> Iterator[ToGitHub]:
    """A way to the simulated GitHub; at its end all on it must have been as GitHub describes."""
    way = ToGitHub(github, any_request=any_request)
    yield way
    way.assert_kept()
