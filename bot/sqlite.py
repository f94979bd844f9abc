"""The embedded store: one SQLite file, one process.

WAL and `synchronous=FULL` (a commit is on disk when it returns), and a lock file beside the
database that a second process cannot take.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from bot.clock import Clock
from bot.store import AlreadyInUse, LedgerUnavailable, Store, T, Work


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A transaction that has not been done, and who waits for it."""

    work: Work[Any]
    result: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class _Outcome:
    value: Any = None
    error: BaseException | None = None


class SqliteStore(Store):
    """Transactions in a thread of their own, with group commit.

    SQLite has one writer, so transactions wait for each other. Those that wait at the same time are
    committed together, each in a savepoint of its own: the disk is then waited for once. In the
    thread a transaction runs without interruption; a driver that comes back to the event loop for
    each statement (aiosqlite) took three times the processor time for the same work.
    """

    def __init__(self, url: URL, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self._lock = _lock(str(url.database))
        # Transactions are begun and ended below; SQLAlchemy has no part in them.
        self._engine = sa.create_engine(
            url,
            isolation_level="AUTOCOMMIT",
            poolclass=sa.StaticPool,
            # The thread works with it and is over when `close` closes it.
            connect_args={"check_same_thread": False},
        )
        event.listen(self._engine, "connect", _set_up_connection)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger")
        self._waiting: list[_Waiting] = []
        self._committing: asyncio.Task[None] | None = None
        self._connection: sa.Connection | None = None

    def now(self) -> sa.ColumnElement[float]:
        return sa.bindparam("now", callable_=self._clock.now, type_=sa.Float, unique=True)

    def insert(self, table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    @property
    def is_shared(self) -> bool:
        return False

    async def _begin(self, work: Work[T]) -> T:
        waiting = _Waiting(work, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all())
        result: T = await waiting.result
        return result

    async def _commit_all(self) -> None:
        """Commit what waits, and what comes up meanwhile, group by group."""
        while self._waiting:
            group, self._waiting = self._waiting, []
            try:
                outcomes = await asyncio.get_running_loop().run_in_executor(
                    self._thread, self._commit, [one.work for one in group]
                )
            except RuntimeError as error:  # closed meanwhile: nobody may wait for ever
                outcomes = [_Outcome(error=error)] * len(group)
            for waiting, outcome in zip(group, outcomes, strict=True):
                if outcome.error is not None:
                    waiting.result.set_exception(outcome.error)
                else:
                    waiting.result.set_result(outcome.value)
        self._committing = None

    def _commit(self, works: Sequence[Work[Any]]) -> list[_Outcome]:
        """Do these in one transaction; one that fails leaves nothing, and the others alone."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            database = cast(sqlite3.Connection, self._connection.connection.driver_connection)
            # The write lock is taken up front, for reads as well: a transaction that reads first
            # and writes later could otherwise fail at the write.
            database.execute("BEGIN IMMEDIATE")
            try:
                outcomes = [_in_savepoint(self._connection, database, work) for work in works]
                database.execute("COMMIT")
            except BaseException:
                database.rollback()
                raise
            return outcomes
        except (SQLAlchemyError, sqlite3.Error) as error:
            # It could not be begun or not be committed: nothing of it is stored.
            return [_Outcome(error=LedgerUnavailable(type(error).__name__))] * len(works)

    async def close(self) -> None:
        await super().close()
        self._thread.shutdown()
        if self._connection is not None:
            self._connection.close()
        self._engine.dispose()
        self._lock.close()


def _in_savepoint(
    connection: sa.Connection, database: sqlite3.Connection, work: Work[Any]
) -> _Outcome:
    database.execute("SAVEPOINT one")
    try:
        outcome = _Outcome(work(connection))
    except Exception as error:
        database.execute("ROLLBACK TO one")
        outcome = _Outcome(error=error)
    database.execute("RELEASE one")
    return outcome


def _lock(database: str) -> IO[str]:
    path = Path(f"{database}.lock")
    try:
        lock = path.open("a")
    except OSError as error:
        raise LedgerUnavailable(f"cannot write beside {database}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise AlreadyInUse(f"another process is using {database}") from None
    lock.truncate(0)
    lock.write(str(os.getpid()))
    lock.flush()
    return lock


def _set_up_connection(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()
