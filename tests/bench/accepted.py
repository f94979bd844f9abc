"""Commands that are on disk before they are answered, against a handler that stores one row of
each, and against bare inserts of aiosqlite."""

from __future__ import annotations

import asyncio
import itertools
import statistics
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import aiosqlite

from bot.demo.servers import free_port
from tests.bench.load import rate
from tests.bench.peers import durable, insert
from tests.bench.processes import environment, running
from tests.bench.requests import commands, stage_for_load
from tests.bench.table import Row, ratio

CONNECTIONS = 16
ROUNDS = 9
SECONDS = 1.0

MOST = 8_000
"""Commands for one round: more than anybody accepts in it."""

Insert = Callable[[int], Awaitable[None]]


async def rows(folder: Path) -> list[Row]:
    """The bot stores three rows for each command. The handler gets the same webhooks. The bare
    inserts come from nowhere, so how they compare says how fast the machine's disk is beside its
    network: nothing is wanted of that."""
    stage = stage_for_load()
    ours, theirs = free_port(), free_port()
    settings = environment(stage, folder)
    requests = commands(stage.github)
    accepted: list[float] = []
    handled: list[float] = []
    inserted: list[list[float]] = []
    async with AsyncExitStack() as stack:
        for port, *arguments in (
            (ours, "accepting", str(ours)),
            (theirs, "inserting", str(theirs), str(folder / "handler.db")),
        ):
            server = running("tests.bench.peers", *arguments, port=port, **settings)
            await stack.enter_async_context(server)
        ways = [await one(stack, folder) for one in (_one_connection, _many_connections)]
        numbers = itertools.count(1)
        for _ in range(ROUNDS):
            for port, found in ((ours, accepted), (theirs, handled)):
                # Made beforehand: the sender must not keep them waiting.
                ready = list(itertools.islice(requests, MOST))
                sent = await asyncio.to_thread(rate, port, iter(ready), CONNECTIONS, SECONDS)
                found.append(sent)
            inserted.append([await _insert_all(way, numbers) for way in ways])
    best = max(zip(*inserted, strict=True), key=statistics.median)
    return [
        ratio("accepted for good: a handler that inserts a row", accepted, handled, 0.75),
        ratio("accepted for good: bare inserts", accepted, best),
    ]


async def _insert_all(insert: Insert, numbers: itertools.count[int]) -> float:
    """Inserts a second, from as many tasks as there are connections on the other side."""
    end = time.perf_counter() + SECONDS

    async def keep_inserting() -> int:
        done = 0
        while time.perf_counter() < end:
            await insert(next(numbers))
            done += 1
        return done

    return sum(await asyncio.gather(*(keep_inserting() for _ in range(CONNECTIONS)))) / SECONDS


async def _one_connection(stack: AsyncExitStack, folder: Path) -> Insert:
    connection = await stack.enter_async_context(durable(folder / "one.db"))
    return lambda number: _insert(connection, number)


async def _many_connections(stack: AsyncExitStack, folder: Path) -> Insert:
    places = [durable(folder / "many.db") for _ in range(CONNECTIONS)]
    free = [await stack.enter_async_context(place) for place in places]

    async def one(number: int) -> None:
        connection = free.pop()
        await _insert(connection, number)
        free.append(connection)

    return one


async def _insert(connection: aiosqlite.Connection, number: int) -> None:
    await insert(connection, number, f"guid-{number}", "/depot run ci.yml job=test")
