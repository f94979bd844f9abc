"""The bot's queue on PostgreSQL, against the least table of leases that will do.

The bot's side is its own ledger and worker with a step that does nothing but what every step must:
load, and let go. Both work on the same items in the same order: those of one key, which for the bot
is a pull request, one after the other.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psycopg
import sqlalchemy as sa
from sqlalchemy import event

from bot.core.clock import SystemClock
from bot.core.deliveries import Delivery
from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.models import Claim
from bot.core.reasons import Reason
from bot.core.types import RepoName, WorkItemId
from bot.engine.worker import COMMAND_SLOTS, Worker
from bot.storage.connect import open_store
from bot.storage.ledger import Ledger
from tests.bench.lease_table import TABLE, LeaseTable, Rest
from tests.bench.table import Row, at_most, ratio
from tests.support.conversation import REPO
from tests.support.databases import new_database
from tests.support.postgresql import server

ITEMS = 1000
KEYS = 100
STEPS = 3
ROUNDS = 3

CONNECTIONS = 10
"""As many as the bot has."""

PER_SECOND = 25
SECONDS = 10.0
"""How long statements are counted, after a pause in which everything has found its pace."""

PATIENCE = 120.0


class Queue(Protocol):
    """Either side: it counts its steps, and works until cancelled."""

    steps: int

    async def add(self, count: int) -> None: ...
    async def work(self) -> None: ...


@dataclass
class Bot:
    """The bot's ledger and worker."""

    ledger: Ledger
    rest: Rest
    steps: int = 0

    def __post_init__(self) -> None:
        self._had: Counter[WorkItemId] = Counter()

    async def add(self, count: int) -> None:
        for place in range(count):
            delivery = Delivery("1", f"guid-{place}", "issue_comment")
            await self.ledger.inbox.accept(delivery, (_comment(place),))

    async def work(self) -> None:
        worker = Worker(self.ledger.queue, self._step)
        running = asyncio.create_task(worker.run())
        try:
            await asyncio.shield(running)
        finally:
            worker.stop()
            await running

    async def _step(self, claim: Claim) -> None:
        request = await self.ledger.items.load(claim.work_item_id)
        self._had[claim.work_item_id] += 1
        wait = self.rest(self._had[claim.work_item_id])
        if wait is None:
            # Comments after it wait until its command is decided.
            await self.ledger.items.save_decision(
                claim, request.commands[0].command_id, Reason.ANSWERED, ""
            )
        await self.ledger.queue.release(claim, wait)
        self.steps += 1


class Table(LeaseTable):
    """The table of leases, with as many tasks as the bot has."""

    async def add(self, count: int) -> None:
        await self.add_items([(place, place % KEYS) for place in range(count)])

    async def work(self) -> None:
        await self.run(COMMAND_SLOTS)


async def rows(folder: Path) -> list[Row]:
    """Statements are counted in a run of their own: counting takes time."""
    with server(is_quick=False):
        return await _all_rows(folder)


async def _all_rows(folder: Path) -> list[Row]:
    rates: dict[bool, list[float]] = {True: [], False: []}
    for _, is_bot in itertools.product(range(ROUNDS), (True, False)):
        rates[is_bot].append(await _rate(is_bot))
    ours = await _statements(True, folder / "bot.trace")
    theirs = await _statements(False, folder / "table.trace")
    return [
        at_most(f"PostgreSQL: statements per step at {PER_SECOND} a second", ours, 20, theirs),
        ratio("PostgreSQL: steps: a minimal lease table", rates[True], rates[False], 0.5),
    ]


async def _rate(is_bot: bool) -> float:
    """Steps a second, as fast as it can."""
    async with _open(is_bot, lambda had: 0.0 if had < STEPS else None) as queue:
        await queue.add(ITEMS)
        begun = time.perf_counter()
        async with _working(queue):
            while queue.steps < ITEMS * STEPS:
                assert time.perf_counter() < begun + PATIENCE, f"only {queue.steps} steps"
                await asyncio.sleep(0.005)
        return queue.steps / (time.perf_counter() - begun)


async def _statements(is_bot: bool, trace: Path) -> float:
    """Statements per step when steps come due one by one: all that the client sends to be executed,
    BEGIN and COMMIT and what a pool sends of its own included."""
    turns = itertools.count(1)

    def rest(had: int) -> float:
        # Spread over a second first, then once a second each.
        return next(turns) / PER_SECOND if had == 1 else 1.0

    with trace.open("ab") as file:
        async with _open(is_bot, rest, file.fileno()) as queue:
            await queue.add(PER_SECOND)
            async with _working(queue):
                await asyncio.sleep(3.0)
                steps, sent = queue.steps, _sent(trace)
                await asyncio.sleep(SECONDS)
                return (_sent(trace) - sent) / (queue.steps - steps)


def _sent(trace: Path) -> int:
    """Statements in libpq's trace (postgresql.org, "PQtrace"): simple and extended queries."""
    messages = (line.split(b"\t") for line in trace.read_bytes().splitlines())
    return sum(b"F" in one and (b"Query" in one or b"Execute" in one) for one in messages)


@asynccontextmanager
async def _working(queue: Queue) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.work())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def _open(is_bot: bool, rest: Rest, trace: int | None = None) -> AsyncIterator[Queue]:
    """One of the two on a database of its own. What it sends is written to the file *trace*."""

    def connected(connection: psycopg.Connection | psycopg.AsyncConnection, _: object) -> None:
        if trace is not None:
            connection.pgconn.trace(trace)

    async with AsyncExitStack() as stack:
        url = stack.enter_context(new_database())
        if is_bot:
            event.listen(sa.Pool, "connect", connected)
            stack.callback(event.remove, sa.Pool, "connect", connected)
            store = await open_store(url, SystemClock())
            stack.push_async_callback(store.close)
            yield Bot(Ledger.on(store), rest)
            return
        connections = []
        for _ in range(CONNECTIONS):
            one = await psycopg.AsyncConnection.connect(url, autocommit=True)
            connections.append(await stack.enter_async_context(one))
            connected(one, None)
        await connections[0].execute(TABLE)
        yield Table(connections, rest)


def _comment(place: int) -> Comment:
    return Comment(
        source=Source.ISSUE_COMMENT,
        repo=RepoName(REPO),
        number=place % KEYS + 1,
        comment_id=place + 1,
        author=Actor("alice", is_bot=False),
        written_at=1.0 + place,
        url=f"https://github.com/{REPO}/pull/{place % KEYS + 1}",
        lines=(CommandLine("run ci.yml", ()),),
    )
