"""The database under the ledger: opening it, bringing its tables up to date, transactions.

SQLite, one process: WAL, `synchronous=FULL` (a commit is on disk when it returns), and a lock file
beside the database that a second process cannot take.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, TypeVar

import alembic.command
import alembic.config
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

T = TypeVar("T")


class LedgerUnavailable(Exception):
    """The store cannot be read or written now."""


class AlreadyInUse(Exception):
    """Another process has this SQLite ledger open."""


async def open_store(url: str) -> Store:
    """Open the ledger that `DATABASE_URL` names, with its tables up to date.

    Raises ValueError for a URL we cannot use, AlreadyInUse, and LedgerUnavailable.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        raise ValueError("DATABASE_URL must begin with sqlite:///")
    database = parsed.database or ":memory:"
    lock = _lock(database) if database != ":memory:" else None
    engine = create_async_engine(
        parsed.set(drivername="sqlite+aiosqlite"),
        # One connection: SQLite has one writer, and waiting for it here is fair and cannot fail.
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
    )
    event.listen(engine.sync_engine, "connect", _set_up_connection)
    event.listen(engine.sync_engine, "begin", _begin)
    store = Store(engine, lock)
    try:
        await store.migrate()
    except BaseException:
        await store.close()
        raise
    return store


def _lock(database: str) -> IO[str]:
    path = Path(f"{database}.lock")
    try:
        lock = path.open("w")
    except OSError as error:
        raise LedgerUnavailable(f"cannot write beside {database}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AlreadyInUse(f"another process is using {database}") from None
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _set_up_connection(connection: Any, _: Any) -> None:
    # The driver must not begin transactions by itself: `_begin` does, for reads as well.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    # The write lock is taken up front: a transaction that reads first and writes later could
    # otherwise fail at the write.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


class Store:
    def __init__(self, engine: AsyncEngine, lock: IO[str] | None) -> None:
        self._engine = engine
        self._lock = lock
        self._running: set[asyncio.Task[Any]] = set()

    def insert(self, table: sa.Table) -> Insert:
        """An INSERT that knows ON CONFLICT."""
        return sqlite_insert(table)

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run *work* in a transaction; raises LedgerUnavailable when the store fails.

        A caller that is cancelled does not stop it: a transaction cut in the middle would leave
        the only connection in the middle of it.
        """
        task = asyncio.ensure_future(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        try:
            async with self._engine.begin() as connection:
                return await work(connection)
        except SQLAlchemyError as error:
            raise LedgerUnavailable(type(error).__name__) from error

    async def migrate(self) -> None:
        """Bring the tables up to date."""
        config = alembic.config.Config()
        config.set_main_option("script_location", "bot:migrations")

        def upgrade(connection: sa.Connection) -> None:
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")

        await self.transact(lambda connection: connection.run_sync(upgrade))

    async def close(self) -> None:
        """Let running transactions end, then close."""
        if self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()
        if self._lock is not None:
            self._lock.close()
