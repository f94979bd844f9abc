"""Both kinds of database under a ledger, held alike: opened, aged, looked into from outside."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString, cast

import psycopg
import pytest
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy.engine import make_url

from bot.storage.connect import open_store
from bot.storage.database import Store
from bot.storage.tables import metadata
from tests.support.conversation import ManualClock

TIMES = {
    "write_budgets": ("closed_until",),
    "waiting_writes": ("since", "asks_at"),
    "commands": ("decided_at",),
    "deliveries": ("received_at",),
    "heads": ("received_at",),
    "job_failures": ("seen_at",),
    "work_items": ("received_at", "replied_at", "failing_since", "due_at", "lease_until"),
    "periodic_jobs": ("next_due_at",),
}
"""What is stored by the store's own clock."""


@contextmanager
def new_database() -> Iterator[str]:
    """The address of an empty PostgreSQL database, dropped at the end."""
    server = os.environ["TEST_DATABASE_URL"]
    name = f"depot_bot_test_{uuid.uuid4().hex}"
    with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield (
            make_url(server)
            .set(drivername="postgresql", database=name)
            .render_as_string(hide_password=False)
        )
    finally:
        with psycopg.connect(server, autocommit=True, connect_timeout=5) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A PostgreSQL database made for this run, with the ledger's tables."""

    async def migrate(url: str) -> None:
        async with Database(url, ManualClock()).opened():
            pass

    with new_database() as url:
        asyncio.run(migrate(url))
        yield url


@dataclass(frozen=True)
class Database:
    """A database that stores can be opened on."""

    url: str
    clock: ManualClock

    @property
    def is_postgresql(self) -> bool:
        return self.url.startswith("postgresql:")

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Store]:
        store = await open_store(self.url, self.clock, waits_for_disk=False)
        try:
            yield store
        finally:
            await store.close()

    def passes(self, seconds: float) -> None:
        """Let time pass. PostgreSQL's own clock cannot be moved: there, all that is stored ages."""
        if not self.is_postgresql:
            self.clock.time += seconds
            return
        with psycopg.connect(self.url) as connection:
            for table, columns in TIMES.items():
                aged = sql.SQL(", ").join(
                    sql.SQL("{0} = {0} - {1}").format(sql.Identifier(column), sql.Literal(seconds))
                    for column in columns
                )
                connection.execute(sql.SQL("UPDATE {} SET {}").format(sql.Identifier(table), aged))
            for name in ("written", "unprivileged", "others"):
                aged = sql.SQL(
                    "UPDATE write_budgets SET {0} = (SELECT coalesce(json_agg(at::float8 - %s),"
                    " '[]') FROM json_array_elements_text({0}::json) AS at)"
                ).format(sql.Identifier(name))
                connection.execute(aged, [seconds])

    def near(self, seconds: float) -> Any:
        """Equal to so many seconds: but for the time that goes by meanwhile, where it does."""
        return pytest.approx(seconds, rel=0, abs=5.0 if self.is_postgresql else 0.0)

    def ago(self, seconds: float = 0.0) -> Any:
        """Equal to the time so many seconds ago, by the store's clock."""
        if not self.is_postgresql:
            return self.near(self.clock.time - seconds)
        ((now,),) = self.rows("SELECT extract(epoch FROM clock_timestamp())::float8")
        return self.near(now - seconds)

    def rows(self, query: LiteralString) -> list[tuple[Any, ...]]:
        """What others find in the database."""
        if self.is_postgresql:
            with psycopg.connect(self.url) as connection:
                return connection.execute(query).fetchall()
        file = cast(str, make_url(self.url).database)
        with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
            return database.execute(query).fetchall()

    def empty(self) -> None:
        """Delete every row. A store that is still in the middle of something fails this."""
        with psycopg.connect(self.url, options="-c lock_timeout=5s") as connection:
            # Quicker than TRUNCATE, which makes new files for every table.
            for table in reversed(metadata.sorted_tables):
                connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table.name)))


class Halt:
    """A place in a transaction where it stands until it is let go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.let_go = threading.Event()
        self._loop = asyncio.get_running_loop()

    def stand(self, db: sa.Connection) -> None:
        self._loop.call_soon_threadsafe(self.reached.set)
        assert self.let_go.wait(30)
