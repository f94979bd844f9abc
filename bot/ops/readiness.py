"""Whether the bot can work: its ledger can be written, GitHub and Depot take its credentials.

Looked at from the start and now and then, beside the work, so that a probe costs nothing. A refusal
counts when it was seen twice, since a token may just be being replaced; what the first look finds
counts at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import structlog

from bot.depot.client import DepotError
from bot.depot.organisations import Organisations
from bot.github.api import GitHub
from bot.github.errors import BadCredentials, GitHubError
from bot.storage.database import LedgerUnavailable
from bot.storage.queue import Queue

LOOK_EVERY = 20.0
"""Seconds between two looks: what is wrong is said within a minute."""

CLOCK_SECONDS = 30.0
"""So far apart this machine's clock and GitHub's are worth a word."""

log = structlog.get_logger()


class Readiness:
    """What keeps the bot from working, by what it concerns; nothing while all is well."""

    def __init__(self, queue: Queue, github: GitHub, organisations: Organisations) -> None:
        self._queue = queue
        self._github = github
        self._organisations = organisations
        self._suspected: Mapping[str, str] | None = None
        """What the last look found; none before the first."""
        self.problems: Mapping[str, str] = {}

    async def look(self) -> None:
        """Look at everything; log what has become wrong, and that all is well again."""
        looks: Mapping[str, Callable[[], Awaitable[str]]] = {
            "database": self._ledger_problem,
            "github": self._github_problem,
            "depot": self._depot_problem,
        }
        seen = await asyncio.gather(*(look() for look in looks.values()))
        found = {name: problem for name, problem in zip(looks, seen, strict=True) if problem}
        suspected = found if self._suspected is None else self._suspected
        confirmed = {name: problem for name, problem in found.items() if name in suspected}
        for name in confirmed.keys() - self.problems.keys():
            log.error("not_ready", what=name, reason=confirmed[name])
        for name in self.problems.keys() - found.keys():
            log.info("ready_again", what=name)
        self._suspected, self.problems = found, confirmed

    async def _ledger_problem(self) -> str:
        try:
            await self._queue.check_writing()
        except LedgerUnavailable as error:
            return str(error)
        return ""

    async def _github_problem(self) -> str:
        try:
            await self._github.check()
        except BadCredentials as error:
            return f"GitHub does not take the credentials: {error}{clock_note(self._github)}"
        except GitHubError as error:
            return f"GitHub does not answer as it should: {error}"
        return ""

    async def _depot_problem(self) -> str:
        for owner, depot in self._organisations.by_owner().items():
            of = f" of {owner}" if owner else ""
            try:
                await depot.check()
            except DepotError as error:
                if error.code in {"unauthenticated", "permission_denied"}:
                    return f"Depot does not take the token{of}: {error.code}"
                return f"Depot does not answer as it should: {error.code}"
        return ""


def clock_difference(github: GitHub) -> str:
    """How far this machine's clock is from GitHub's; empty when that is no matter."""
    ahead = github.server_clock.offset
    if abs(ahead) < CLOCK_SECONDS:
        return ""
    where = "ahead of" if ahead > 0 else "behind"
    return f"this machine's clock is {abs(ahead):.0f} s {where} GitHub's"


def clock_note(github: GitHub) -> str:
    """The same, to be put behind a reason."""
    difference = clock_difference(github)
    return f"; {difference}" if difference else ""
