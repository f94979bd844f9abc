"""The database under the ledger: transactions, and what both kinds have in common.

`bot.storage.sqlite` and `bot.storage.postgresql` are the two kinds; `bot.storage.connect` opens
the one that is set.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.storage.failures import failure
from bot.storage.tables import VERSION

RETRIES = 3
"""How often a transaction is tried that PostgreSQL aborts because of another one."""

OURS = frozenset({"alembic_version", "deliveries", "heads"})
"""Tables that a ledger of any version has."""

T = TypeVar("T")

Work = Callable[[sa.Connection], T]
"""What is done in one transaction. It may be repeated from its beginning."""


class LedgerUnavailable(Exception):
    """The store cannot be read or written now; the text says why."""


class LedgerUnusable(LedgerUnavailable):
    """The same, and waiting does not help: the operator has to change something first."""


class ConnectionLost(SQLAlchemyError):
    """The connection was lost before anything was committed: it can be done again."""


class AlreadyInUse(Exception):
    """Another process has this SQLite ledger open."""


class Store:
    """Transactions on either database, and what the two do differently."""

    def __init__(self) -> None:
        self._running: set[asyncio.Future[Any]] = set()
        """Transactions under way."""

    @staticmethod
    def now() -> sa.ColumnElement[float]:
        """The time by which leases and due steps go, in seconds since the epoch, as SQL."""
        raise NotImplementedError

    @staticmethod
    def insert(table: sa.Table) -> sqlite.Insert | postgresql.Insert:
        """An INSERT that knows ON CONFLICT."""
        raise NotImplementedError

    @staticmethod
    def is_among(column: sa.Column[str], parameter: str) -> sa.ColumnElement[bool]:
        """Whether a column is one of the texts in a parameter, which is a list."""
        return column.in_(sa.bindparam(parameter, expanding=True))

    @property
    def is_shared(self) -> bool:
        """Whether other processes may use it at the same time."""
        raise NotImplementedError

    @property
    def reader(self) -> Store:
        """The same for whoever only reads and must not be in anybody's way."""
        return self

    def notify(self, connection: sa.Connection) -> None:
        """Wake the workers of all processes, once the transaction is committed."""

    def give_space_back(self, connection: sa.Connection) -> bool:
        """Give some of the space of deleted rows back to the disk; whether there may be more."""
        return False

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call *wake* whenever another process stored something to do. Never returns."""
        await asyncio.Event().wait()

    async def transact(self, work: Work[T]) -> T:
        """Run *work* in a transaction; raises LedgerUnavailable when the store fails."""
        for tries_left in reversed(range(RETRIES)):
            try:
                running = self._begin(work)
                self._running.add(running)
                running.add_done_callback(self._running.discard)
                # A caller that is cancelled does not stop it: a transaction cut in the middle
                # would leave its connection in the middle of it.
                return await asyncio.shield(running)
            except (SQLAlchemyError, OSError) as error:
                if not (tries_left and _is_transient(error)):
                    raise unavailable(error) from error
        raise AssertionError("unreachable")

    def _begin(self, work: Work[T]) -> asyncio.Future[T]:
        """Have *work* done between BEGIN and COMMIT, in a thread."""
        raise NotImplementedError

    async def version(self) -> str | None:
        """The migration that the tables are at; none when there are none yet. Raises LedgerUnusable
        for another program's database and for a ledger newer than this code."""
        return await self.transact(version_of)

    async def check(self) -> None:
        """Raises LedgerUnavailable when the tables are not, or no longer, those of this version."""
        version = await self.version()
        if version is None:
            raise LedgerUnavailable(
                "there is no ledger in it yet: start the bot, or type `depot-bot migrate`"
            )
        if version != VERSION:
            raise LedgerUnavailable(
                f"the ledger is of an older version of the bot ({version}, not {VERSION}): start "
                "the bot, or type `depot-bot migrate`"
            )

    async def migrate(self) -> None:
        """Bring the tables up to date; raises LedgerUnusable, with nothing changed, for another
        program's database and for a ledger newer than this code."""
        await self.transact(self._upgrade)

    def _upgrade(self, connection: sa.Connection) -> None:
        self.lift_timeouts(connection)
        self.lock_for_migration(connection)
        if version_of(connection) == VERSION:
            return
        # Only here: it takes a sixth of a start, and most starts find their tables up to date.
        import alembic.command
        import alembic.config

        config = alembic.config.Config()
        config.set_main_option("script_location", "bot.storage:migrations")
        config.attributes["connection"] = connection
        alembic.command.upgrade(config, "head")

    def lift_timeouts(self, connection: sa.Connection) -> None:
        """Let this transaction take as long as it needs."""

    def lock_for_migration(self, connection: sa.Connection) -> None:
        """Keep other processes from migrating until this transaction is over."""

    async def close(self) -> None:
        """Let running transactions end, then close."""
        raise NotImplementedError


def version_of(connection: sa.Connection) -> str | None:
    """The migration that the tables are at; none when there are none yet.

    Raises LedgerUnusable for another program's tables and for a ledger newer than this code.
    """
    tables = set(sa.inspect(connection).get_table_names())
    if not tables:
        return None
    version: str | None = None
    if tables >= OURS:
        version = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    if version is None or not re.fullmatch(r"\d{4}", version):
        raise LedgerUnusable(
            "the database is another program's, and stays as it is: name one in DATABASE_URL that "
            "is the bot's alone"
        )
    if version > VERSION:
        raise LedgerUnusable(
            f"the ledger is of a newer version of the bot ({version}; this one knows it up to "
            f"{VERSION}): install that version again, or restore the backup from before it"
        )
    return version


def _is_transient(error: Exception) -> bool:
    """Whether it goes away when repeated: a deadlock, a serialization failure, a connection that
    was lost before the commit."""
    if isinstance(error, ConnectionLost):
        return True
    state = getattr(error.orig, "sqlstate", None) if isinstance(error, DBAPIError) else None
    return state in {"40001", "40P01"}


def unavailable(error: Exception) -> LedgerUnavailable:
    """What went wrong, without addresses or values in it."""
    found = failure((isinstance(error, ConnectionLost) and error.__cause__) or error)
    return LedgerUnusable(found.reason) if found.is_lasting else LedgerUnavailable(found.reason)
