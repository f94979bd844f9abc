"""A ledger with a million finished requests, against an empty one in the same run.

Two bots as they are served, on the same simulated GitHub and Depot, take turns: one on a ledger
that `tests.support.filled` has filled, one on a new one. Then the statements of an idle worker, on
both ledgers, without a bot.
"""

from __future__ import annotations

import asyncio
import itertools
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import httpx

from bot.core.clock import SystemClock
from bot.demo.servers import BotProcess, bot_serving, serving
from bot.demo.stage import Stage
from bot.storage.connect import open_store
from bot.storage.ledger import Ledger
from tests.bench.commands import COMMAND, OWNERS, Place, quiet
from tests.bench.processes import environment
from tests.bench.requests import repository, stage_for_load, webhook
from tests.bench.sender import send
from tests.bench.table import Row, below, cost
from tests.support.databases import new_database
from tests.support.filled import analyze, fill
from tests.support.postgresql import server

FINISHED = 1_000_000

FILL_SECONDS = 60.0

ROUNDS = 3
COMMANDS = 40
"""Commands of a round, on each side."""

PAGES = 40
STATEMENTS = 200
"""How often each page is read, and each statement executed, in a round."""

WANTED = 1.5
"""How many times what it takes on an empty ledger."""

PATIENCE = 60.0
"""Seconds that anything here may take."""

LOOK_SECONDS = 0.001

Measured = dict[str, list[float]]
"""By what was measured, in milliseconds: one value for each round."""


@dataclass(frozen=True, slots=True)
class Side:
    """A bot on one of the ledgers."""

    stage: Stage
    bot: BotProcess

    async def command(self, place: Place) -> tuple[float, float]:
        """Give a command; seconds until the webhook is answered, and until `Run` is called."""
        github = self.stage.github
        runs = len(self.stage.depot.calls_of("Run"))
        github.comment(*place, "alice", COMMAND)
        request = webhook(github, github.hooks.pending.pop())
        begun = time.perf_counter()
        accepted = await send(int(self.bot.url.rpartition(":")[2]), request)
        while len(self.stage.depot.calls_of("Run")) == runs:
            assert time.perf_counter() < begun + PATIENCE, "no run"
            await asyncio.sleep(LOOK_SECONDS)
        started = time.perf_counter() - begun
        while len(github.comments(*place)) < 2:
            assert time.perf_counter() < begun + PATIENCE, "no reply"
            await asyncio.sleep(LOOK_SECONDS)
        return accepted, started

    async def round(self, places: list[Place]) -> dict[str, float]:
        """One round, in milliseconds."""
        seconds = [await self.command(place) for place in places]
        accepted, started = zip(*seconds, strict=True)
        return {
            "accept, median": statistics.median(accepted) * 1000,
            "accept, 99th percentile": _percentile(accepted, 0.99) * 1000,
            "webhook to `Run`, median": statistics.median(started) * 1000,
        }

    async def pages(self) -> dict[str, float]:
        """How long pages take, in milliseconds."""
        async with httpx.AsyncClient(
            trust_env=False, base_url=self.bot.url, auth=("", self.stage.admin_password)
        ) as client:
            return {
                f"`{path}`": await _median(partial(_read, client, path), PAGES) * 1000
                for path in ("/", "/metrics")
            }


async def rows(folder: Path) -> list[Row]:
    found = await _on_sqlite(folder)
    with server(is_quick=False), new_database() as grown, new_database() as empty:
        return found + await _of_both("PostgreSQL", grown, empty, folder)


async def _on_sqlite(folder: Path) -> list[Row]:
    grown, empty = (f"sqlite:///{folder / name}.db" for name in ("grown", "empty"))
    return await _of_both("SQLite", grown, empty, folder)


async def _of_both(store: str, grown: str, empty: str, folder: Path) -> list[Row]:
    for url in (grown, empty):
        await (await open_store(url, SystemClock())).close()
    begun = time.monotonic()
    await asyncio.to_thread(fill, grown, FINISHED, time.time())
    seconds = time.monotonic() - begun
    if store == "PostgreSQL":  # it counts by itself, in time; SQLite never does
        await asyncio.to_thread(analyze, grown)
    bots, ready = await _bots([grown, empty], folder)
    idle = [await _statements(url) for url in (grown, empty)]
    found = [
        below(f"{store}: {FINISHED:,} finished requests filled in", seconds, FILL_SECONDS, "s")
    ]
    for ours, theirs in (bots, idle):
        found += [_row(store, what, ours[what], theirs[what]) for what in ours]
    found.append(_row(store, "start until ready", [ready[0] * 1000], [ready[1] * 1000]))
    return found


def _row(store: str, what: str, grown: list[float], empty: list[float]) -> Row:
    return cost(f"{store}, grown: {what}: empty", grown, empty, WANTED, "ms")


async def _bots(urls: list[str], folder: Path) -> tuple[list[Measured], list[float]]:
    """Round by round in turns, after a round that warms up; and how long they took to start."""
    async with _serving(urls, folder) as sides:
        places = _places()
        found: list[Measured] = [{} for _ in sides]
        for number in range(ROUNDS + 1):
            for side, measured in zip(sides, found, strict=True):
                one_round = await side.round(list(itertools.islice(places, COMMANDS)))
                _add(measured, one_round if number else {})
        for side in sides:
            await quiet(side.bot.process.pid)
        for _ in range(ROUNDS):
            for side, measured in zip(sides, found, strict=True):
                _add(measured, await side.pages())
        return found, [side.bot.ready_after for side in sides]


def _add(measured: Measured, one_round: dict[str, float]) -> None:
    for what, value in one_round.items():
        measured.setdefault(what, []).append(value)


@asynccontextmanager
async def _serving(urls: list[str], folder: Path) -> AsyncIterator[list[Side]]:
    pull_requests = 2 * (ROUNDS + 1) * COMMANDS // OWNERS
    stage = stage_for_load(OWNERS, pull_requests)
    stage.depot.plan(queued=0.5, seconds=0.5)
    async with AsyncExitStack() as stack:
        github_url = await stack.enter_async_context(serving(stage.github.app))
        depot_url = await stack.enter_async_context(serving(stage.depot.app))
        settings = environment(stage, folder, github_url, depot_url)
        sides = []
        for url in urls:
            its_own = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder)))
            bot = await stack.enter_async_context(
                bot_serving({**settings, "DATABASE_URL": url}, its_own)
            )
            sides.append(Side(stage, bot))
        for delivery in stage.github.pending_deliveries:
            for side in sides:
                port = int(side.bot.url.rpartition(":")[2])
                await send(port, webhook(stage.github, delivery))
        stage.github.hooks.pending.clear()
        yield sides


def _places() -> Iterator[Place]:
    """Pull requests, in turn over the owners."""
    for number in itertools.count(1):
        for owner in range(OWNERS):
            yield repository(owner), number


async def _statements(url: str) -> Measured:
    """What a worker with nothing to do executes."""
    store = await open_store(url, SystemClock())
    queue = Ledger.on(store).queue
    found: Measured = {"claim": [], "until_due": []}
    try:
        for _ in range(ROUNDS):
            claim = await _median(lambda: queue.claim(10, 10), STATEMENTS)
            until_due = await _median(queue.until_due, STATEMENTS)
            found["claim"].append(claim * 1000)
            found["until_due"].append(until_due * 1000)
    finally:
        await store.close()
    return found


async def _median(work: Callable[[], Awaitable[object]], times: int) -> float:
    """Seconds that it takes, the median of so many times."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        await work()
        found.append(time.perf_counter() - begun)
    return statistics.median(found)


async def _read(client: httpx.AsyncClient, path: str) -> None:
    (await client.get(path)).raise_for_status()


def _percentile(values: tuple[float, ...], share: float) -> float:
    return sorted(values)[int(share * (len(values) - 1) + 0.5)]
