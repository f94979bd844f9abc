"""Commands on one PostgreSQL ledger with one, two and four bots: how many a second have their first
reply, and what each costs of the processor. All share this machine, with the simulators and the
server: on few cores more of them can hardly be quicker."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bot.demo.servers import BotProcess, bot_serving, serving
from bot.demo.stage import Stage
from tests.bench.commands import COMMAND, OWNERS, PATIENCE, quiet
from tests.bench.processes import environment, processor_seconds
from tests.bench.requests import repository, stage_for_load, webhook
from tests.bench.sender import send
from tests.bench.table import Row, cost, ratio
from tests.support.databases import new_database
from tests.support.postgresql import server

MACHINES = (1, 2, 4)

PULL_REQUESTS = 10
"""Of each owner: a command in each."""

AT_ONCE = 20
"""Webhooks under way at the same time."""

LOOK_SECONDS = 0.01


async def rows(folder: Path) -> list[Row]:
    """Each number of machines beside one."""
    with server(is_quick=False):
        found = {count: await _measure(folder, count) for count in MACHINES}
    alone = found[1]
    return [
        row
        for count, (a_second, milliseconds) in found.items()
        if count > 1
        for what in [f"PostgreSQL, {count} processes"]
        for row in (
            ratio(f"{what}: commands: one process", [a_second], [alone[0]], 0.5),
            cost(
                f"{what}: processor time per command: one process",
                *([milliseconds], [alone[1]], 2.0, "ms"),
            ),
        )
    ]


async def _measure(folder: Path, count: int) -> tuple[float, float]:
    """Commands a second, and milliseconds of processor time for each, with so many bots."""
    stage = stage_for_load(OWNERS, PULL_REQUESTS)
    stage.depot.plan(queued=0.5, seconds=0.5)
    async with AsyncExitStack() as stack:
        url = stack.enter_context(new_database())
        github_url = await stack.enter_async_context(serving(stage.github.app))
        depot_url = await stack.enter_async_context(serving(stage.depot.app))
        settings = environment(stage, folder, github_url, depot_url) | {"DATABASE_URL": url}
        bots: list[BotProcess] = []
        for _ in range(count):
            its_own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            bots.append(await stack.enter_async_context(bot_serving(settings, its_own)))
        await _tell(stage, bots)
        for bot in bots:
            await quiet(bot.process.pid)
        used = _used(bots)
        begun = time.monotonic()
        for number, owner in itertools.product(range(1, PULL_REQUESTS + 1), range(OWNERS)):
            stage.github.comment(repository(owner), number, "alice", COMMAND)
        await _tell(stage, bots)
        await _all_replied(stage)
        commands = OWNERS * PULL_REQUESTS
        a_second = commands / (time.monotonic() - begun)
        return a_second, (_used(bots) - used) / commands * 1000


async def _tell(stage: Stage, bots: list[BotProcess]) -> None:
    """Deliver what is pending, to all bots in turn."""
    pending = list(stage.github.pending_deliveries)
    stage.github.hooks.pending.clear()
    ports = itertools.cycle(int(bot.url.rpartition(":")[2]) for bot in bots)
    for begin in range(0, len(pending), AT_ONCE):
        some = pending[begin : begin + AT_ONCE]
        await asyncio.gather(*(send(next(ports), webhook(stage.github, one)) for one in some))


async def _all_replied(stage: Stage) -> None:
    deadline = time.monotonic() + PATIENCE
    places = {(repository(o), n) for o in range(OWNERS) for n in range(1, PULL_REQUESTS + 1)}
    while places:
        assert time.monotonic() < deadline, f"{len(places)} have no reply"
        await asyncio.sleep(LOOK_SECONDS)
        places = {place for place in places if len(stage.github.comments(*place)) < 2}


def _used(bots: list[BotProcess]) -> float:
    return sum(processor_seconds(bot.process.pid) for bot in bots)
