"""The database under the ledger: opening it, bringing its tables up to date, transactions.

- SQLite, one process: WAL, `synchronous=FULL` (a commit is on disk when it returns), and a lock
  file beside the database that a second process cannot take.
- PostgreSQL, several machines: leases go by the database's clock, and a notification wakes idle
  workers on all of them.
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
import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.clock import Clock

CHANNEL = "depot_bot"
"""The PostgreSQL channel on which workers are told that there is something to do."""

MIGRATION_LOCK = 0x6465706F74
"""Key of the advisory lock under which PostgreSQL's tables are brought up to date ("depot")."""

RETRIES = 3
"""How often a transaction is done again that PostgreSQL ended for the sake of another."""

T = TypeVar("T")


class LedgerUnavailable(Exception):
    """The store cannot be read or written now."""


class AlreadyInUse(Exception):
    """Another process has this SQLite ledger open."""


def is_usable(url: str) -> bool:
    """Whether `DATABASE_URL` names a store that we can keep a ledger in."""
    scheme, _, rest = url.partition("://")
    if scheme in {"postgres", "postgresql"}:
        return bool(rest)
    # A ledger in memory would lose what it is there to keep.
    file = rest.removeprefix("/").partition("?")[0]
    return scheme == "sqlite" and rest.startswith("/") and file not in {"", ":memory:"}


async def open_store(url: str, clock: Clock) -> Store:
    """Open the ledger that `DATABASE_URL` names, with its tables up to date.

    *clock* is SQLite's; PostgreSQL has its own. Raises ValueError for a URL we cannot use,
    AlreadyInUse, and LedgerUnavailable.
    """
    if not is_usable(url):
        raise ValueError("DATABASE_URL must name a SQLite file or a PostgreSQL database")
    parsed = make_url(url.replace("postgres://", "postgresql://", 1))
    store: Store
    if parsed.get_backend_name() == "sqlite":
        store = _open_sqlite(parsed, clock)
    else:
        store = _open_postgresql(parsed)
    try:
        await store.migrate()
    except BaseException:
        await store.close()
        raise
    return store


class Store:
    """Transactions on either database, and what the two do differently."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._running: set[asyncio.Task[Any]] = set()

    def now(self) -> sa.ColumnElement[float]:
        """The time by which leases and due steps go, in seconds since the epoch, as SQL."""
        raise NotImplementedError

    def insert(self, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT."""
        raise NotImplementedError

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it at the same time."""
        raise NotImplementedError

    async def tell(self, connection: AsyncConnection) -> None:
        """Wake the workers of all processes, once the transaction is committed."""

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call *wake* whenever another process stored something to do. Never returns."""
        await asyncio.Event().wait()

    async def transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run *work* in a transaction; raises LedgerUnavailable when the store fails.

        A caller that is cancelled does not stop it: a transaction cut in the middle would leave
        its connection in the middle of it.
        """
        task = asyncio.ensure_future(self._transact(work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def _transact(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        for tries_left in reversed(range(RETRIES)):
            try:
                async with self._engine.begin() as connection:
                    return await work(connection)
            except (SQLAlchemyError, OSError) as error:
                if not (tries_left and _lost_to_another(error)):
                    raise LedgerUnavailable(_reason(error)) from error
        raise AssertionError("unreachable")

    async def migrate(self) -> None:
        """Bring the tables up to date."""
        config = alembic.config.Config()
        config.set_main_option("script_location", "bot:migrations")

        def upgrade(connection: sa.Connection) -> None:
            self.lock_for_migration(connection)
            config.attributes["connection"] = connection
            alembic.command.upgrade(config, "head")

        await self.transact(lambda connection: connection.run_sync(upgrade))

    def lock_for_migration(self, connection: sa.Connection) -> None:
        """Keep other processes from migrating until this transaction is over."""

    async def close(self) -> None:
        """Let running transactions end, then close."""
        if self._running:
            await asyncio.wait(self._running)
        await self._engine.dispose()


def _lost_to_another(error: Exception) -> bool:
    """A deadlock or a serialization failure: doing it again is the remedy."""
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return state in {"40001", "40P01"}


def _reason(error: Exception) -> str:
    """What went wrong, without addresses or values in it."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    return type(cause).__name__


# --- SQLite --------------------------------------------------------------------------------------


def _open_sqlite(url: URL, clock: Clock) -> SqliteStore:
    lock = _lock(str(url.database))
    engine = create_async_engine(
        url.set(drivername="sqlite+aiosqlite"),
        # One connection: SQLite has one writer, and waiting for it here is fair and cannot fail.
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
    )
    event.listen(engine.sync_engine, "connect", _set_up_connection)
    event.listen(engine.sync_engine, "begin", _begin)
    return SqliteStore(engine, clock, lock)


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


class SqliteStore(Store):
    def __init__(self, engine: AsyncEngine, clock: Clock, lock: IO[str]) -> None:
        super().__init__(engine)
        self._clock = clock
        self._lock = lock

    def now(self) -> sa.ColumnElement[float]:
        return sa.literal(self._clock.now(), sa.Float)

    def insert(self, table: sa.Table) -> sqlite.Insert:
        return sqlite.insert(table)

    @property
    def is_shared(self) -> bool:
        return False

    async def close(self) -> None:
        await super().close()
        self._lock.close()


# --- PostgreSQL ----------------------------------------------------------------------------------


def _open_postgresql(url: URL) -> PostgresqlStore:
    engine = create_async_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=10,
        max_overflow=0,
        pool_timeout=10,
        # A connection that the server has closed meanwhile is replaced, not handed out.
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5, "application_name": "depot-bot"},
    )
    return PostgresqlStore(engine, url)


class PostgresqlStore(Store):
    def __init__(self, engine: AsyncEngine, url: URL) -> None:
        super().__init__(engine)
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)

    def now(self) -> sa.ColumnElement[float]:
        return sa.cast(sa.func.extract("epoch", sa.func.clock_timestamp()), sa.Double)

    def insert(self, table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    @property
    def is_shared(self) -> bool:
        return True

    def lock_for_migration(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))

    async def tell(self, connection: AsyncConnection) -> None:
        await connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))

    async def listen(self, wake: Callable[[], None]) -> None:
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True, connect_timeout=5
                )
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    wake()  # what was told while nobody listened
                    async for _ in connection.notifies():
                        wake()
            except (psycopg.Error, OSError):
                # Polling goes on meanwhile; a notification only makes it quicker.
                await asyncio.sleep(1.0)
