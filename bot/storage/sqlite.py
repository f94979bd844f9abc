"""The embedded store: one SQLite file, one process.

WAL and `synchronous=FULL` (a commit is on disk when it returns; tests that cut no power may do
without), and a lock file beside the database that a second process cannot take.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import sqlite
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from bot.core.clock import Clock
from bot.storage.database import (
    AlreadyInUse,
    LedgerUnavailable,
    Store,
    T,
    Work,
    unavailable,
    version_of,
)
from bot.storage.failures import MOVED

MAX_JOURNAL = 64 * 1024 * 1024
"""Bytes of the write-ahead log that stay when something large was written."""

PAGES_AT_ONCE = 200
"""Free pages that are given back in one transaction. Measured: 7 ms."""

MIN_FREE_PAGES = 1000
"""Of 4 KB each; what is free beyond a quarter of the file is given back."""


@dataclass(frozen=True, slots=True)
class _Job:
    """A transaction that is to be done, and where its outcome goes."""

    work: Work[Any]
    outcome: Future[Any] = field(default_factory=Future)


class _Sqlite(Store):
    """What statements for SQLite are made of: the same for each of its stores."""

    @staticmethod
    def now() -> sa.ColumnElement[float]:
        return sa.func.clock_now(type_=sa.Float)

    @staticmethod
    def insert(table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    @property
    def is_shared(self) -> bool:
        return False


class SqliteStore(_Sqlite):
    """Transactions in a thread of their own, with group commit.

    SQLite has one writer, so transactions wait for each other. Those that wait at the same time are
    committed together, each in a savepoint of its own: the disk is then waited for once. (One
    after the other, an answer to a command took four times as long with 1,000 runs followed:
    `tests/bench/under_way.py`.) In the
    thread a transaction runs without interruption; a driver that comes back to the event loop for
    each statement (aiosqlite) took three times the processor time for the same work.
    """

    def __init__(
        self, url: URL, clock: Clock, *, waits_for_disk: bool = True, is_guest: bool = False
    ) -> None:
        super().__init__()
        path = Path(str(url.database))
        if path.exists():
            look_at(path)
        elif is_guest:
            raise LedgerUnavailable(f"there is no {path}")
        self._lock = None if is_guest else _lock(path)
        self._files = _Files(path.absolute())
        self._engine = _engine(url, clock)
        synchronous = "FULL" if waits_for_disk else "OFF"
        event.listen(self._engine, "connect", partial(_set_up_connection, synchronous))
        if not is_guest:
            event.listen(self._engine, "connect", _write_ahead)
        self._connection: sa.Connection | None = None
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._is_closed = False
        self._thread = Thread(target=self._work, name="ledger", daemon=True)
        self._thread.start()
        self._reader = _Reader(url, clock, self._files)

    @property
    def reader(self) -> Store:
        return self._reader

    def give_space_back(self, connection: sa.Connection) -> bool:
        # Pages are moved for it, and new rows want free ones: so some are left. All at once, as
        # VACUUM does, would take 20 s for a million requests.
        free, pages = (
            connection.exec_driver_sql(f"PRAGMA {count}").scalar_one()
            for count in ("freelist_count", "page_count")
        )
        if free < max(MIN_FREE_PAGES, pages / 4):
            return False
        for _ in range(PAGES_AT_ONCE):
            # Python's driver takes the first of its steps only, however many pages are named.
            connection.exec_driver_sql("PRAGMA incremental_vacuum(1)")
        # In a file that was not made for it nothing happens.
        return bool(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one() < free)

    def _begin(self, work: Work[T]) -> asyncio.Future[T]:
        if self._is_closed:
            raise RuntimeError("the store is closed")
        job = _Job(work)
        running = asyncio.wrap_future(job.outcome)
        self._jobs.put(job)
        return running

    def _work(self) -> None:
        """The thread: commit what waits, group by group, until there is nothing more to come."""
        is_last = False
        while not is_last:
            group = [self._jobs.get()]
            while not self._jobs.empty():
                group.append(self._jobs.get())
            is_last = None in group
            jobs = [job for job in group if job and job.outcome.set_running_or_notify_cancel()]
            if jobs:
                self._commit(jobs)
        if self._connection is not None:
            self._connection.close()

    def _commit(self, jobs: Sequence[_Job]) -> None:
        """Do these in one transaction; one that fails leaves nothing, and the others alone."""
        try:
            if self._connection is None:
                self._connection = self._engine.connect()
            connection = self._connection
            database = cast(sqlite3.Connection, connection.connection.driver_connection)
            # The write lock is taken up front, for reads as well: a transaction that reads first
            # and writes later could otherwise fail at the write.
            database.execute("BEGIN IMMEDIATE")
            try:
                self._files.check()
                if len(jobs) == 1:
                    outcomes = [_alone(connection, database, jobs[0])]
                else:
                    outcomes = [_in_savepoint(connection, database, job) for job in jobs]
                    database.execute("COMMIT")
            except BaseException:
                database.rollback()
                raise
        except Exception as error:
            # It could not be begun or not be committed: nothing of it is stored.
            why = error if isinstance(error, LedgerUnavailable) else None
            for job in jobs:
                job.outcome.set_exception(why or unavailable(error))
            return
        for report in outcomes:
            report()

    async def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)
        await self._reader.close()
        self._engine.dispose()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


class _Reader(_Sqlite):
    """Reads the same file on a connection and in a thread of its own: whoever writes does not wait
    for it, nor it for them (sqlite.org, "Write-Ahead Logging")."""

    def __init__(self, url: URL, clock: Clock, files: _Files) -> None:
        super().__init__()
        self._files = files
        self._engine = _engine(url, clock)
        event.listen(self._engine, "connect", _set_up_reading)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="ledger-reader")

    def _begin(self, work: Work[T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._thread, self._read, work)

    def _read(self, work: Work[T]) -> T:
        self._files.check()  # to connect to a file that is gone would make a new one
        with self._engine.connect() as connection:
            database = cast(sqlite3.Connection, connection.connection.driver_connection)
            database.execute("BEGIN")
            try:
                return work(connection)
            finally:
                database.rollback()

    async def close(self) -> None:
        await asyncio.to_thread(self._thread.shutdown)
        self._engine.dispose()


class _Files:
    """The database file and its write-ahead log, which must stay where they are. SQLite itself goes
    on writing to what was removed, and all of it is lost."""

    def __init__(self, database: Path) -> None:
        self._known: dict[str, tuple[int, int]] = {}
        self._database = str(database)

    def check(self) -> None:
        """Raises LedgerUnavailable when one of them was removed or replaced since this was first
        called, which is when they are open."""
        for path in (self._database, f"{self._database}-wal"):
            try:
                found = os.stat(path)
            except FileNotFoundError:
                if path in self._known or path == self._database:
                    raise LedgerUnavailable(MOVED.reason) from None
                continue
            which = (found.st_dev, found.st_ino)
            if self._known.setdefault(path, which) != which:
                raise LedgerUnavailable(MOVED.reason)


def _engine(url: URL, clock: Clock) -> sa.Engine:
    """Connects once. Transactions are begun and ended by the stores; SQLAlchemy has no part."""
    engine = sa.create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        poolclass=sa.StaticPool,
        # A store's thread works with it and is over when `close` closes it.
        connect_args={"check_same_thread": False},
    )
    event.listen(engine, "connect", partial(_set_up_clock, clock))
    return engine


def _set_up_clock(clock: Clock, connection: Any, _: Any) -> None:
    # Deterministic is what it is within one statement (sqlite.org, "Create Or Redefine SQL
    # Functions"): it is called once for each.
    connection.create_function("clock_now", 0, clock.now, deterministic=True)


def _set_up_reading(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _alone(
    connection: sa.Connection, database: sqlite3.Connection, job: _Job
) -> Callable[[], None]:
    """Do one that has the transaction to itself, and end that; what reports its outcome."""
    try:
        value = job.work(connection)
    except Exception as error:
        database.rollback()
        return partial(job.outcome.set_exception, error)
    database.execute("COMMIT")
    return partial(job.outcome.set_result, value)


def _in_savepoint(
    connection: sa.Connection, database: sqlite3.Connection, job: _Job
) -> Callable[[], None]:
    """Do one; what reports its outcome, to be called once all are committed."""
    database.execute("SAVEPOINT one")
    try:
        value = job.work(connection)
    except Exception as error:
        database.execute("ROLLBACK TO one")
        return partial(job.outcome.set_exception, error)
    finally:
        database.execute("RELEASE one")
    return partial(job.outcome.set_result, value)


def look_at(path: Path) -> None:
    """Raise LedgerUnavailable for a file that holds no ledger of ours, and leave it as it is.

    Opening it as we do changes its journal mode, and so the file.
    """
    # Without a write-ahead log nobody has a ledger open, and all of it is in the file.
    how = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
    engine = sa.create_engine(
        "sqlite://",
        creator=lambda: sqlite3.connect(f"{path.absolute().as_uri()}?{how}", uri=True),
        poolclass=sa.NullPool,
    )
    try:
        with engine.connect() as connection:
            version_of(connection)
    except LedgerUnavailable as error:
        raise type(error)(f"{path}: {error}") from None
    except (SQLAlchemyError, sqlite3.Error) as error:
        found = unavailable(error)
        raise type(found)(f"{path}: {found}") from error


def _lock(path: Path) -> int:
    """The lock file, open and locked, with the database's file beside it, made if need be."""
    try:
        lock = os.open(f"{path}.lock", os.O_WRONLY | os.O_CREAT, 0o666)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(lock, 0)
            os.write(lock, b"%d" % os.getpid())
            _create(path)
        except BaseException:
            os.close(lock)
            raise
    except BlockingIOError:
        raise AlreadyInUse(f"another process is using {path}") from None
    except OSError as error:
        raise LedgerUnavailable(
            f"{path} cannot be written: {error.strerror}. Its folder has to be there, with room on "
            "its disk, and the bot's user has to be allowed to make files in it"
        ) from error
    return lock


def _create(path: Path) -> None:
    """Create a new ledger for its owner's eyes only; SQLite gives its other files the same mode."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _set_up_connection(synchronous: str, connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA synchronous={synchronous}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _write_ahead(connection: Any, _: Any) -> None:
    # The file keeps these: who comes as a guest finds it so, or changes nothing.
    connection.execute("PRAGMA auto_vacuum=INCREMENTAL").close()  # before its first table
    connection.execute("PRAGMA journal_mode=WAL").close()
    connection.execute(f"PRAGMA journal_size_limit={MAX_JOURNAL}").close()
