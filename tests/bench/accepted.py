"""Commands that are on disk before they are answered, against bare inserts of aiosqlite."""

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
    """The bot's side comes over HTTP, signed and parsed, and stores three rows for each command;
    the other side only inserts one."""
    stage = stage_for_load()
    port = free_port()
    settings = environment(stage, folder)
    requests = commands(stage.github)
    accepted, inserted = [], []
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(
            running("tests.bench.peers", "accepting", str(port), port=port, **settings)
        )
        ways = [await one(stack, folder) for one in (_one_connection, _many_connections)]
        numbers = itertools.count(1)
        for _ in range(ROUNDS):
            # Made beforehand: the sender must not keep the bot waiting.
            ready = list(itertools.islice(requests, MOST))
            found = await asyncio.to_thread(rate, port, iter(ready), CONNECTIONS, SECONDS)
            accepted.append(found)
            inserted.append([await _insert_all(way, numbers) for way in ways])
    best = max(zip(*inserted, strict=True), key=statistics.median)
    return [ratio("accepted for good: bare inserts", accepted, best, 0.5)]


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
    connection = await _connect(stack, folder / "one.db")
    return lambda number: _insert(connection, number)


async def _many_connections(stack: AsyncExitStack, folder: Path) -> Insert:
    free = [await _connect(stack, folder / "many.db") for _ in range(CONNECTIONS)]

    async def insert(number: int) -> None:
        connection = free.pop()
        await _insert(connection, number)
        free.append(connection)

    return insert


async def _connect(stack: AsyncExitStack, file: Path) -> aiosqlite.Connection:
    """As durable as the bot's own: WAL, and each commit on disk when it returns."""
    connection = await stack.enter_async_context(
        aiosqlite.connect(file, isolation_level=None, timeout=30)
    )
    await connection.execute("PRAGMA journal_mode=WAL")
    await connection.execute("PRAGMA synchronous=FULL")
    await connection.execute(
        "CREATE TABLE IF NOT EXISTS commands (id INTEGER PRIMARY KEY, guid TEXT, line TEXT)"
    )
    return connection


async def _insert(connection: aiosqlite.Connection, number: int) -> None:
    await connection.execute(
        "INSERT INTO commands VALUES (?, ?, ?)",
        (number, f"guid-{number}", "/depot run ci.yml job=test"),
    )
