"""Commands while many runs are followed: how long a webhook waits for its answer.

Everything is real but GitHub and Depot: commands come as signed webhooks, the runs that are
followed were started by commands before. The simulators share the machine with the bot.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bot.demo.servers import serving
from bot.demo.stage import Stage
from tests.bench.processes import bot, environment
from tests.bench.requests import repository, stage_for_load, webhook
from tests.bench.table import Row, below

OWNERS = 50
"""Each is an installation with a budget of writes of its own, as GitHub has it."""

PULL_REQUESTS = 10

FOLLOWED = 1000
PER_SECOND = 25.0
SECONDS = 20.0

PATIENCE = 120.0
"""Seconds that the runs to be followed may take to be started."""


@dataclass(frozen=True, slots=True)
class Load:
    """The simulators, and the bot's port."""

    stage: Stage
    port: int

    async def send(self, count: int, per_second: float) -> list[float]:
        """Give so many commands, in all pull requests in turn; seconds to each answer."""
        return await self._send([self._command(place) for place in range(count)], per_second)

    async def _send(self, requests: list[bytes], per_second: float) -> list[float]:
        sender = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.bench.sender", str(self.port), str(per_second)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        seconds, _ = await sender.communicate(msgspec.msgpack.encode(requests))
        assert sender.returncode == 0, "the bot did not accept a command"
        return msgspec.json.decode(seconds, type=list[float])

    async def tell_what_happened(self) -> None:
        """Deliver what came before: the pull requests that were opened."""
        pending = self.stage.github.pending_deliveries
        self.stage.github.hooks.pending.clear()
        await self._send(
            [webhook(self.stage.github, delivery) for delivery in pending], 2 * PER_SECOND
        )

    def _command(self, place: int) -> bytes:
        owner, number = place % OWNERS, place // OWNERS % PULL_REQUESTS + 1
        github = self.stage.github
        github.comment(repository(owner), number, "alice", "/depot run ci.yml job=test force")
        delivery = github.hooks.pending.pop()
        return webhook(github, delivery)

    async def until_followed(self, count: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while len(self.stage.depot.runs) < count:
            assert time.monotonic() < deadline, f"only {len(self.stage.depot.runs)} runs started"
            await asyncio.sleep(0.1)


async def rows(folder: Path) -> list[Row]:
    stage = stage_for_load(OWNERS, PULL_REQUESTS)
    stage.depot.plan(queued=0.0, seconds=3600.0)
    async with (
        serving(stage.github.app) as github_url,
        serving(stage.depot.app) as depot_url,
        bot(environment(stage, folder, github_url, depot_url), folder) as (port, _),
    ):
        load = Load(stage, port)
        await load.tell_what_happened()
        await load.send(FOLLOWED, PER_SECOND)
        await load.until_followed(FOLLOWED)
        seconds = await load.send(int(PER_SECOND * SECONDS), PER_SECOND)
        await load.until_followed(FOLLOWED + int(PER_SECOND * SECONDS))
    what = f"answer to a command, {PER_SECOND:.0f} a second, {FOLLOWED:,} runs followed"
    centiles = statistics.quantiles(seconds, n=100)
    return [
        below(f"{what}: median", centiles[49] * 1000, 50.0, "ms"),
        below(f"{what}: 99th percentile", centiles[98] * 1000, 50.0, "ms"),
    ]
