"""The store for several machines: leases go by the database's clock, and a notification wakes
idle workers on all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import sqlalchemy as sa
import structlog
from sqlalchemy import event
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from bot.storage.database import ConnectionLost, LedgerUnavailable, Store, T, Work

log = structlog.get_logger()

CHANNEL = "depot_bot"
"""The channel on which workers are notified of due work."""

MIGRATION_LOCK = 0x6465706F74
"""Key of the advisory lock under which the tables are brought up to date ("depot")."""

LEAST_VERSION = 15
"""PostgreSQL's oldest release that is tested; it is kept up until November 2027."""

IDLE_CONNECTIONS = 4
CONNECTIONS = 10
"""Connections that are kept, and at most; the listener has one more."""

THREADS = 64
"""More than connections: a transaction that gets none within `PATIENCE` fails, and does not wait
for a thread."""

PATIENCE = 5.0
"""Seconds that a transaction waits for a connection."""

TIMEOUTS = {
    "lock_timeout": 2_000,
    "statement_timeout": 5_000,
    # A process that is frozen in a transaction keeps its locks for so long.
    "idle_in_transaction_session_timeout": 10_000,
}
"""Milliseconds (postgresql.org, "Client Connection Defaults"). Who waits for a webhook's answer is
GitHub, and for ten seconds; what takes longer is done again."""

POLL_SECONDS = 1.0
"""Between two looks for due work where no notification arrives."""

POOLED = "is_pooled"
"""Key of what is known of a connection: a pooler is between us and the server."""

CONNECT: dict[str, Any] = {
    "application_name": "depot-bot",
    "connect_timeout": 5,
    # A server that is gone without closing (a failover, a lost network) is noticed within a minute;
    # TCP alone takes a quarter of an hour, or two hours where nothing is to be sent.
    "tcp_user_timeout": 30_000,  # milliseconds
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
}
"""Parameters of every connection (postgresql.org, "Parameter Key Words"); seconds but for one."""


class PostgresqlStore(Store):
    """Transactions side by side, each in a thread, over a pool of connections."""

    def __init__(self, url: URL) -> None:
        super().__init__()
        self._conninfo = url.set(drivername="postgresql").render_as_string(hide_password=False)
        self._engine = sa.create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=IDLE_CONNECTIONS,
            max_overflow=CONNECTIONS - IDLE_CONNECTIONS,
            pool_timeout=PATIENCE,
            connect_args=CONNECT,
        )
        event.listen(self._engine, "connect", _set_up_connection)
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ledger")

    @staticmethod
    def now() -> sa.ColumnElement[float]:
        return sa.cast(sa.func.extract("epoch", sa.func.statement_timestamp()), sa.Double)

    @staticmethod
    def insert(table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    @staticmethod
    def is_among(column: sa.Column[str], parameter: str) -> sa.ColumnElement[bool]:
        # The same words for any number of texts: what is prepared is executed again.
        return column == sa.any_(sa.bindparam(parameter, type_=postgresql.ARRAY(sa.Text)))

    @property
    def is_shared(self) -> bool:
        return True

    def _begin(self, work: Work[T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)

    def _work(self, work: Work[T]) -> T:
        with self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                if connection.info[POOLED]:
                    # The session is somebody else's before and after.
                    connection.execute(_setting(TIMEOUTS))
                value = work(connection)
            except DBAPIError as error:
                if error.connection_invalidated:
                    # The server has closed it, perhaps long ago, and nothing of it is stored.
                    raise ConnectionLost from error
                raise
            transaction.commit()
            return value

    def lift_timeouts(self, connection: sa.Connection) -> None:
        connection.execute(_setting(dict.fromkeys(TIMEOUTS, 0)))

    def lock_for_migration(self, connection: sa.Connection) -> None:
        check_version(connection.dialect.server_version_info or ())
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))

    def notify(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))

    async def listen(self, wake: Callable[[], None]) -> None:
        while not await self._is_pooled():
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._conninfo, autocommit=True, **CONNECT
                )
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    wake()  # notifications that came while nobody listened
                    async for _ in connection.notifies():
                        wake()
            except (psycopg.Error, OSError):
                # Polling goes on meanwhile; a notification only makes it quicker.
                await asyncio.sleep(1.0)
        log.warning(
            "notifications_do_not_arrive",
            hint="there is a pooler before PostgreSQL: due work is looked for once a second",
        )
        while True:
            await asyncio.sleep(POLL_SECONDS)
            wake()

    async def _is_pooled(self) -> bool:
        """Whether there is a pooler before the server; while it cannot be asked, there is none."""
        try:
            return await self.transact(lambda db: bool(db.info[POOLED]))
        except LedgerUnavailable:
            return False

    async def close(self) -> None:
        if self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown()
        self._engine.dispose()


def check_version(version: tuple[int | str, ...]) -> None:
    """Raises LedgerUnavailable for a server that is too old."""
    if not version or int(version[0]) < LEAST_VERSION:
        found = ".".join(map(str, version))
        raise LedgerUnavailable(f"PostgreSQL {LEAST_VERSION} or newer is needed; this is {found}")


def _set_up_connection(connection: psycopg.Connection[Any], record: Any) -> None:
    """Find out whether there is a pooler such as pgbouncer: it makes up the number of the server's
    process that it tells, since a session is on another one with each transaction."""
    with connection.cursor() as cursor:
        (server,) = cursor.execute("SELECT pg_backend_pid()").fetchone() or (None,)
        is_pooled = record.info[POOLED] = server != connection.info.backend_pid
        if is_pooled:
            # What is prepared is on the server that the session was on.
            connection.prepare_threshold = None
        else:
            for name, milliseconds in TIMEOUTS.items():
                cursor.execute("SELECT set_config(%s, %s, false)", [name, str(milliseconds)])
    connection.commit()


def _setting(timeouts: Mapping[str, int]) -> sa.Select[Any]:
    """Has these hold until the transaction is over."""
    return sa.select(*(sa.func.set_config(name, str(ms), True) for name, ms in timeouts.items()))
