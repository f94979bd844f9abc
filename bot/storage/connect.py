"""Opening the store that `DATABASE_URL` names."""

from __future__ import annotations

from sqlalchemy.engine import URL, make_url

from bot.core.clock import Clock
from bot.storage.database import Store
from bot.storage.sqlite import SqliteStore


def is_usable(url: str) -> bool:
    """Whether `DATABASE_URL` names a store that we can keep a ledger in."""
    if is_shared(url):
        return True
    scheme, _, rest = url.partition("://")
    # A ledger in memory would lose what it is there to keep.
    file = rest.removeprefix("/").partition("?")[0]
    return scheme == "sqlite" and rest.startswith("/") and file not in {"", ":memory:"}


def is_shared(url: str) -> bool:
    """Whether several machines may keep their ledger there: it is PostgreSQL."""
    scheme, _, rest = url.partition("://")
    return scheme in {"postgres", "postgresql"} and bool(rest)


def without_secrets(url: str) -> str:
    """`DATABASE_URL` for everybody's eyes."""
    # A password may stand among the parameters, too.
    return _parsed(url).set(query={}).render_as_string()


def _parsed(url: str) -> URL:
    return make_url(url.replace("postgres://", "postgresql://", 1))


async def open_store(
    url: str, clock: Clock, *, waits_for_disk: bool = True, is_guest: bool = False
) -> Store:
    """Open the ledger that `DATABASE_URL` names, with its tables up to date.

    *clock* is SQLite's, and so is *waits_for_disk*, whether a commit is on disk when it returns;
    PostgreSQL has its own of both. A guest may come while the bot is running, and finds the tables
    as they are. Raises ValueError for a URL we cannot use,
    `bot.storage.database.AlreadyInUse`, and `bot.storage.database.LedgerUnavailable`.
    """
    if not is_usable(url):
        raise ValueError("DATABASE_URL must name a SQLite file or a PostgreSQL database")
    parsed = _parsed(url)
    store: Store
    if parsed.get_backend_name() == "sqlite":
        store = SqliteStore(parsed, clock, waits_for_disk=waits_for_disk, is_guest=is_guest)
    else:
        # Only here: who keeps the ledger in SQLite needs no driver for PostgreSQL.
        from bot.storage.postgresql import PostgresqlStore

        store = PostgresqlStore(parsed)
    if is_guest:
        return store
    try:
        await store.migrate()
    except BaseException:
        await store.close()
        raise
    return store
