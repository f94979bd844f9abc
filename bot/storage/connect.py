"""Opening the store that `DATABASE_URL` names."""

from __future__ import annotations

import os
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.core.clock import Clock
from bot.storage.database import LedgerUnavailable, Store
from bot.storage.sqlite import SqliteStore


def is_usable(url: str) -> bool:
    """Whether `DATABASE_URL` names a store that we can keep a ledger in."""
    try:
        make_url(url)
    except (ArgumentError, ValueError):  # a port that is no number is a ValueError
        return False
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


async def open_store(
    url: str, clock: Clock, *, waits_for_disk: bool = True, is_guest: bool = False
) -> Store:
    """Open the ledger that `DATABASE_URL` names, with its tables up to date.

    *clock* is SQLite's, and so is *waits_for_disk*, whether a commit is on disk when it returns;
    PostgreSQL has its own of both. A guest may come while the bot is running, and has to find the
    tables up to date. Raises ValueError for a URL we cannot use,
    `bot.storage.database.AlreadyInUse`, and `bot.storage.database.LedgerUnavailable`: with nothing
    changed for another program's database and for a ledger newer than this code.
    """
    store = _store(url, clock, waits_for_disk=waits_for_disk, is_guest=is_guest)
    try:
        if is_guest:
            await store.check()
        else:
            await store.migrate()
    except BaseException:
        await store.close()
        raise
    return store


async def ledger_version(url: str, clock: Clock) -> str | None:
    """The migration that the ledger is at; none when there is none yet. Nothing is changed.

    Raises as `open_store` does, also where a new SQLite file could not be made.
    """
    file = file_of(url)
    if file is not None and not (file.exists() and file.stat().st_size):
        if not os.access(file.absolute().parent, os.W_OK | os.X_OK):
            raise LedgerUnavailable(f"{file} cannot be made: its folder is missing or not writable")
        return None
    store = _store(url, clock, is_guest=True)
    try:
        return await store.version()
    finally:
        await store.close()


def file_of(url: str) -> Path | None:
    """The SQLite file that the ledger is in; none when it is in PostgreSQL."""
    parsed = _parsed(url)
    return Path(str(parsed.database)) if parsed.get_backend_name() == "sqlite" else None


def without_password(url: str) -> str:
    """`DATABASE_URL` as PostgreSQL's own programs take it, for everybody's eyes."""
    parsed = _parsed(url)
    query = {name: value for name, value in parsed.query.items() if "password" not in name}
    return URL.create(
        "postgresql",
        username=parsed.username,
        host=parsed.host,
        port=parsed.port,
        database=parsed.database,
        query=query,
    ).render_as_string()


def _parsed(url: str) -> URL:
    if not is_usable(url):
        raise ValueError("DATABASE_URL must name a SQLite file or a PostgreSQL database")
    return make_url(url.replace("postgres://", "postgresql://", 1))


def _store(url: str, clock: Clock, *, waits_for_disk: bool = True, is_guest: bool) -> Store:
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return SqliteStore(parsed, clock, waits_for_disk=waits_for_disk, is_guest=is_guest)
    # Only here: who keeps the ledger in SQLite needs no driver for PostgreSQL.
    from bot.storage.postgresql import PostgresqlStore

    return PostgresqlStore(parsed)
