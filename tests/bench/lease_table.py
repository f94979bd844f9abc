"""What the bot's queue on PostgreSQL is measured against: the least table of leases that will do.

Items of a key are worked on in their order, each in some steps. A step is claimed under a lease
with a fencing token (FOR UPDATE SKIP LOCKED), loaded, and released with the time of the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import psycopg

TABLE = """
CREATE TABLE items (
    id bigint PRIMARY KEY, key bigint NOT NULL, steps int NOT NULL DEFAULT 0,
    due_at timestamptz DEFAULT now(), lease_until timestamptz NOT NULL DEFAULT '-infinity',
    fence int NOT NULL DEFAULT 0
);
CREATE INDEX ON items (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX ON items (key, id) WHERE due_at IS NOT NULL;
"""
ADD = "INSERT INTO items (id, key) VALUES (%s, %s)"
CLAIM = """
UPDATE items SET lease_until = clock_timestamp() + interval '10 s', fence = fence + 1
WHERE id IN (
    SELECT id FROM items AS one
    WHERE due_at <= clock_timestamp() AND lease_until <= clock_timestamp() AND NOT EXISTS (
        SELECT FROM items AS earlier
        WHERE earlier.key = one.key AND earlier.id < one.id AND earlier.due_at IS NOT NULL)
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id, fence
"""
WAIT = "SELECT extract(epoch FROM min(greatest(due_at, lease_until)) - clock_timestamp())::float8 \
FROM items WHERE due_at IS NOT NULL"
LOAD = "SELECT key, steps FROM items WHERE id = %s"
RELEASE = """
UPDATE items SET steps = steps + 1, lease_until = '-infinity',
    due_at = clock_timestamp() + make_interval(secs => %s)
WHERE id = %s AND fence = %s
"""

Rest = Callable[[int], float | None]
"""Seconds until the next step of an item, by how many it has had; none when it is done."""


class LeaseTable:
    """The table, a worker on it, and its connections."""

    def __init__(self, connections: list[psycopg.AsyncConnection], rest: Rest) -> None:
        self._free = connections
        self._room = asyncio.Semaphore(len(connections))
        self._rest = rest
        self._ended = asyncio.Event()
        self.steps = 0

    async def add_items(self, items: Sequence[tuple[int, int]]) -> None:
        """Items, each with its key."""
        async with self._connection() as db, db.transaction(), db.cursor() as cursor:
            await cursor.executemany(ADD, items)

    async def run(self, concurrency: int) -> None:
        """Work until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            under_way: set[asyncio.Task[None]] = set()
            while True:
                self._ended.clear()
                claims, wait = await self._claim(concurrency - len(under_way))
                for item, fence in claims:
                    task = tasks.create_task(self._step(item, fence))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                # Not `wait_for`: on Python 3.11 it can swallow a cancellation.
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._ended.wait()

    async def _claim(self, room: int) -> tuple[list[tuple[int, int]], float | None]:
        """What is due, or else the seconds until something is; nothing while no step has ended."""
        if not room:
            return [], None
        async with self._connection() as db, db.transaction():
            claims = await (await db.execute(CLAIM, (room,))).fetchall()
            if claims:
                return claims, None
            ((wait,),) = await (await db.execute(WAIT)).fetchall()
            return [], min(max(wait or 0.0, 0.001), 5.0)

    async def _step(self, item: int, fence: int) -> None:
        async with self._connection() as db:
            async with db.transaction():
                ((_, steps),) = await (await db.execute(LOAD, (item,))).fetchall()
            async with db.transaction():
                done = await db.execute(RELEASE, (self._rest(steps + 1), item, fence))
        assert done.rowcount == 1, "the lease was lost"
        self.steps += 1
        self._ended.set()

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[psycopg.AsyncConnection]:
        async with self._room:
            connection = self._free.pop()
            try:
                yield connection
            finally:
                self._free.append(connection)
