"""Commands from webhook to reply, against a bot that a user would write instead.

Both are real processes (the bot as it is served, on SQLite; `tests.bench.plain_bot`) on the same
simulated GitHub and Depot, and take turns. Each command is on a pull request of its own, which the
bot has heard of when it was opened.
"""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.demo.servers import free_port, serving
from bot.demo.stage import Stage
from tests.bench.processes import bot, environment, processor_seconds, running
from tests.bench.requests import repository, stage_for_load, webhook
from tests.bench.sender import send
from tests.bench.table import Row, below, cost

COMMAND = "/depot run ci.yml job=test"

OWNERS = 20
"""Each is an installation with a budget of writes of its own, as GitHub has it."""

ROUNDS = 5

AT_ONCE = 40

LAST_SECONDS = 5.0
"""Within so long the last of forty has its first reply. Forty replies are within what GitHub allows
in a minute, so that nothing but work stands between them and the first."""

PATIENCE = 90.0
"""Seconds that anything here may take."""

LOOK_SECONDS = 0.001

QUIET_SECONDS = 1.0
QUIET_SHARE = 0.02
"""A process is quiet when it used less than this share of a core for so long."""

Place = tuple[str, int]
"""A repository, and the number of a pull request in it."""


@dataclass(frozen=True, slots=True)
class Side:
    """The bot or its peer: a process that is told of comments."""

    stage: Stage
    port: int
    pid: int

    async def asked(self, place: Place) -> None:
        """Somebody gives a command there, and the webhook is answered."""
        github = self.stage.github
        github.comment(*place, "alice", COMMAND)
        delivery = github.hooks.pending.pop()
        await send(self.port, webhook(github, delivery))

    async def replied(self, place: Place) -> None:
        """Wait for the first reply there."""
        deadline = time.monotonic() + PATIENCE
        while len(self.stage.github.comments(*place)) < 2:
            assert time.monotonic() < deadline, "no reply"
            await asyncio.sleep(LOOK_SECONDS)

    async def quiet(self) -> None:
        """Wait until it has nothing more to do for what went before."""
        await quiet(self.pid)

    async def processor_time(self, places: list[Place]) -> float:
        """Processor time for each of these, one after the other: from the first webhook to the
        last reply, in milliseconds."""
        begun = processor_seconds(self.pid)
        for place in places:
            await self.asked(place)
            await self.replied(place)
        return (processor_seconds(self.pid) - begun) / len(places) * 1000

    async def until_last(self, places: list[Place]) -> float:
        """Seconds until the last of these, all at once, has its first reply."""
        begun = time.monotonic()
        await asyncio.gather(*(self.asked(place) for place in places))
        await asyncio.gather(*(self.replied(place) for place in places))
        return time.monotonic() - begun


async def quiet(pid: int) -> None:
    """Wait until a process uses next to nothing of the processor."""
    used = processor_seconds(pid)
    async with asyncio.timeout(PATIENCE):
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            before, used = used, processor_seconds(pid)
            if used - before < QUIET_SHARE * QUIET_SECONDS:
                return


async def rows(folder: Path) -> list[Row]:
    found = []
    for name, measure in (("one by one", processor_time_of_both), ("at once", _at_once)):
        with tempfile.TemporaryDirectory(prefix=name, dir=folder) as its_own:
            found.append(await measure(Path(its_own)))
    return found


async def processor_time_of_both(folder: Path) -> Row:
    """Round by round in turns, after a round that warms up."""
    async with _both(folder, OWNERS, 2 * (ROUNDS + 1)) as (stage, ours, theirs):
        places = _places(OWNERS, 2 * (ROUNDS + 1))
        found: dict[int, list[float]] = {ours.pid: [], theirs.pid: []}
        for _ in range(ROUNDS + 1):
            for side in (ours, theirs):
                one_round = list(itertools.islice(places, OWNERS))
                found[side.pid].append(await side.processor_time(one_round))
                stage.github.hooks.pending.clear()
                await ours.quiet()
    what = "processor time per command, webhook to reply: a plain gidgethub bot"
    return cost(what, found[ours.pid][1:], found[theirs.pid][1:], 4.0, "ms")


async def _at_once(folder: Path) -> Row:
    async with _both(folder, 1, 2 * AT_ONCE + 2) as (_, ours, theirs):
        places = _places(1, 2 * AT_ONCE + 2)
        found = []
        for side in (ours, theirs):
            await side.processor_time([next(places)])
            await side.quiet()
            found.append(await side.until_last(list(itertools.islice(places, AT_ONCE))))
    what = f"{AT_ONCE} commands at once on {AT_ONCE} pull requests: the last first reply"
    return below(what, found[0], LAST_SECONDS, "s", beside=found[1])


def _places(owners: int, pull_requests: int) -> Iterator[Place]:
    """All there are, in turn over the owners."""
    for number in range(1, pull_requests + 1):
        for owner in range(owners):
            yield repository(owner), number


@asynccontextmanager
async def _both(
    folder: Path, owners: int, pull_requests: int
) -> AsyncIterator[tuple[Stage, Side, Side]]:
    """The bot and its peer on the same simulators, and both have heard of the pull requests."""
    stage = stage_for_load(owners, pull_requests)
    stage.depot.plan(queued=0.5, seconds=0.5)
    port = free_port()
    async with (
        serving(stage.github.app) as github_url,
        serving(stage.depot.app) as depot_url,
    ):
        settings = environment(stage, folder, github_url, depot_url)
        async with (
            bot(settings, folder) as (bot_port, bot_pid),
            running("tests.bench.plain_bot", str(port), port=port, **settings) as pid,
        ):
            sides = (Side(stage, bot_port, bot_pid), Side(stage, port, pid))
            for delivery in stage.github.pending_deliveries:
                for side in sides:
                    await send(side.port, webhook(stage.github, delivery))
            stage.github.hooks.pending.clear()
            await sides[0].quiet()
            yield (stage, *sides)
