"""The store for several machines: leases go by the database's clock, and a notification wakes
idle workers on all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError

from bot.storage.database import ConnectionLost, Store, T, Work

CHANNEL = "depot_bot"
"""The channel on which workers are notified of due work."""

MIGRATION_LOCK = 0x6465706F74
"""Key of the advisory lock under which the tables are brought up to date ("depot")."""

CONNECTIONS = 10

THREADS = 64
"""More than connections: a transaction that gets none within `PATIENCE` fails, and does not wait
for a thread."""

PATIENCE = 10.0
"""Seconds that a transaction waits for a connection."""

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
            pool_size=CONNECTIONS,
            max_overflow=0,
            pool_timeout=PATIENCE,
            connect_args=CONNECT,
        )
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="ledger")

    def now(self) -> sa.ColumnElement[float]:
        return sa.cast(sa.func.extract("epoch", sa.func.statement_timestamp()), sa.Double)

    def insert(self, table: sa.Table) -> postgresql.Insert:
        return postgresql.insert(table)

    @property
    def is_shared(self) -> bool:
        return True

    def _begin(self, work: Work[T]) -> asyncio.Future[T]:
        return asyncio.get_running_loop().run_in_executor(self._threads, self._work, work)

    def _work(self, work: Work[T]) -> T:
        with self._engine.connect() as connection:
            transaction = connection.begin()
            try:
                value = work(connection)
            except DBAPIError as error:
                if error.connection_invalidated:
                    # The server has closed it, perhaps long ago, and nothing of it is stored.
                    raise ConnectionLost from error
                raise
            transaction.commit()
            return value

    def lock_for_migration(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(MIGRATION_LOCK)))

    def notify(self, connection: sa.Connection) -> None:
        connection.execute(sa.select(sa.func.pg_notify(CHANNEL, "")))

    async def listen(self, wake: Callable[[], None]) -> None:
        while True:
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

    async def close(self) -> None:
        if self._running:
            await asyncio.wait(self._running)
        self._threads.shutdown()
        self._engine.dispose()
