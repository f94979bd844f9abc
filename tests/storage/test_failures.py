"""What is wrong with a database is said with what to do, and what is not ours stays as it is."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, LiteralString

import psycopg
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bot.storage.connect import is_usable, ledger_version, open_store
from bot.storage.database import LedgerUnavailable, LedgerUnusable
from bot.storage.failures import failure
from bot.storage.queue import Queue
from bot.storage.tables import VERSION
from tests.support.conversation import ManualClock
from tests.support.databases import Database, new_database
from tests.support.ledgers import migrated

pytestmark = pytest.mark.anyio

SECRET = "s3cret-password"


async def opening(url: str) -> LedgerUnavailable:
    """What is said when the bot opens it; looking, without making anything, comes to the same."""
    clock = ManualClock()
    with pytest.raises(LedgerUnavailable) as looked:
        await ledger_version(url, clock)
    with pytest.raises(LedgerUnavailable) as opened:
        await open_store(url, clock)
    assert (type(looked.value), str(looked.value)) == (type(opened.value), str(opened.value))
    return opened.value


# --- SQLite: the driver's own errors -------------------------------------------------------------


def a_disk_that_is_full(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA max_page_count = 3")
        database.execute("CREATE TABLE x (a)")
        database.execute("INSERT INTO x VALUES (zeroblob(100000))")


def a_file_that_is_read_only(file: Path) -> None:
    sqlite3.connect(file).executescript("CREATE TABLE x (a)").close()
    with closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as database:
        database.execute("INSERT INTO x VALUES (1)")


def a_folder_that_is_not_there(file: Path) -> None:
    with closing(sqlite3.connect(file / "none" / "ledger.db")) as database:
        database.execute("CREATE TABLE x (a)")


def a_file_that_another_program_locks(file: Path) -> None:
    with (
        closing(sqlite3.connect(file)) as theirs,
        closing(sqlite3.connect(file, timeout=0)) as ours,
    ):
        theirs.execute("BEGIN EXCLUSIVE")
        ours.execute("BEGIN IMMEDIATE")


def a_file_that_is_no_database(file: Path) -> None:
    file.write_text("this is no database\n" * 100)
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE x (a)")


def a_file_that_is_damaged(file: Path) -> None:
    damage(file)
    with closing(sqlite3.connect(file)) as database:
        database.execute("SELECT * FROM sqlite_master")


def a_file_that_was_moved(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        database.execute("CREATE TABLE x (a)")
        file.rename(file.with_name("elsewhere.db"))
        database.execute("INSERT INTO x VALUES (1)")


def damage(file: Path) -> None:
    """Keep the head of a ledger and overwrite what comes after it."""
    migrated(file)
    with file.open("r+b") as opened:
        opened.seek(100)
        opened.write(b"\xff" * 4000)


@pytest.mark.parametrize(
    ("what", "said", "is_lasting"),
    [
        (a_disk_that_is_full, "the disk is full: make room", False),
        (a_file_that_is_read_only, "cannot be written: let the bot's user write both", False),
        (a_folder_that_is_not_there, "its folder has to be there", False),
        (a_file_that_another_program_locks, "another program holds the file locked", False),
        (a_file_that_is_no_database, "is no SQLite database, and stays as it is", True),
        (a_file_that_is_damaged, "is damaged: stop the bot and restore a backup", True),
        (a_file_that_was_moved, "was moved, replaced or deleted", False),
    ],
)
def test_an_error_of_sqlite(
    what: Callable[[Path], None], said: str, is_lasting: bool, tmp_path: Path
) -> None:
    with pytest.raises(sqlite3.Error) as caught:
        what(tmp_path / "x.db")
    found = failure(caught.value)
    assert said in found.reason
    assert found.is_lasting == is_lasting


def test_an_error_that_nobody_foresaw_has_its_name() -> None:
    with closing(sqlite3.connect(":memory:")) as database, pytest.raises(sqlite3.Error) as caught:
        database.execute("SELECT * FROM nowhere")
    assert failure(caught.value).reason == "OperationalError"
    assert failure(sqlite3.ProgrammingError("closed")).reason == "ProgrammingError"


# --- SQLite: files that are not ours -------------------------------------------------------------


@contextmanager
def left_as_it_is(folder: Path) -> Iterator[None]:
    """Every file keeps its bytes, its mode and its time, and none comes beside them."""

    def seen() -> dict[str, tuple[bytes, int, int]]:
        return {
            one.name: (one.read_bytes(), one.stat().st_mode, one.stat().st_mtime_ns)
            for one in folder.iterdir()
            # Whoever reads a write-ahead log writes down in its index that they do.
            if not one.name.endswith("-shm")
        }

    before = seen()
    yield
    assert seen() == before


def of_another_program(file: Path) -> None:
    sqlite3.connect(file).executescript("CREATE TABLE deliveries (a); CREATE TABLE x (a)").close()


def of_another_program_that_uses_alembic(file: Path) -> None:
    script = "CREATE TABLE alembic_version (version_num); INSERT INTO alembic_version VALUES {};"
    script += "CREATE TABLE deliveries (a); CREATE TABLE heads (a);"
    sqlite3.connect(file).executescript(script.format("('8f7e2a')")).close()


def of_another_program_that_is_running(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE x (a)")
        database.commit()
        for name in ("x.db-wal", "x.db-shm"):
            shutil.copy(file.with_name(name), file.with_name(f"copy-{name}"))
    # As if it had never been closed.
    for name in ("x.db-wal", "x.db-shm"):
        file.with_name(f"copy-{name}").rename(file.with_name(name))


def no_database(file: Path) -> None:
    file.write_text("this is no database\n" * 100)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (of_another_program, "another program's, and stays as it is"),
        (of_another_program_that_uses_alembic, "another program's, and stays as it is"),
        (of_another_program_that_is_running, "another program's, and stays as it is"),
        (no_database, "no SQLite database, and stays as it is"),
        (damage, "is damaged"),
    ],
)
async def test_a_file_that_is_no_ledger(
    make: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.db"
    make(file)
    with left_as_it_is(tmp_path):
        error = await opening(f"sqlite:///{file}")
    assert isinstance(error, LedgerUnusable)
    assert str(error).startswith(f"{file}: ")
    assert said in str(error)


async def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    # As `mktemp` makes it.
    file = tmp_path / "x.db"
    file.touch(0o600)
    url = f"sqlite:///{file}"
    assert await ledger_version(url, ManualClock()) is None
    assert os.stat(file).st_size == 0
    async with Database(url, ManualClock()).opened() as store:
        assert await store.version() == VERSION


async def test_where_no_file_can_be_made(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/none/ledger.db"
    with pytest.raises(LedgerUnavailable, match="cannot be made: its folder is missing or not"):
        await ledger_version(url, ManualClock())
    with pytest.raises(LedgerUnavailable, match=r"cannot be written: .*Its folder has to be there"):
        await open_store(url, ManualClock())
    assert await ledger_version(f"sqlite:///{tmp_path}/ledger.db", ManualClock()) is None
    assert os.listdir(tmp_path) == []


# --- either: ledgers of other versions -----------------------------------------------------------


def set_version(database: Database, version: LiteralString) -> None:
    if database.is_postgresql:
        with psycopg.connect(database.url) as connection:
            connection.execute("UPDATE alembic_version SET version_num = %s", [version])
        return
    with closing(sqlite3.connect(str(make_url(database.url).database))) as file:
        file.execute("UPDATE alembic_version SET version_num = ?", [version])
        file.commit()


async def test_a_ledger_newer_than_the_bot(database: Database, tmp_path: Path) -> None:
    set_version(database, "9999")
    try:
        with left_as_it_is(tmp_path):
            error = await opening(database.url)
        assert isinstance(error, LedgerUnusable)
        assert f"of a newer version of the bot (9999; this one knows it up to {VERSION})" in str(
            error
        )
    finally:
        set_version(database, VERSION)


async def test_a_guest_finds_a_ledger_of_an_older_version(database: Database) -> None:
    set_version(database, "0009")
    try:
        with pytest.raises(LedgerUnavailable, match="or type `depot-bot migrate`"):
            await open_store(database.url, database.clock, is_guest=True)
        assert await ledger_version(database.url, database.clock) == "0009"
    finally:
        set_version(database, VERSION)


async def test_the_tables_of_a_bot_at_work_become_newer(database: Database) -> None:
    async with database.opened() as store:
        await Queue(store).check_writing()
        set_version(database, "9999")
        try:
            with pytest.raises(LedgerUnusable, match="of a newer version of the bot"):
                await Queue(store).check_writing()
        finally:
            set_version(database, VERSION)
        await Queue(store).check_writing()


async def test_the_file_of_a_bot_at_work_is_moved(sqlite: Database) -> None:
    file = Path(str(make_url(sqlite.url).database))
    elsewhere = file.with_name("elsewhere.db")
    async with sqlite.opened() as store:
        os.rename(file, elsewhere)
        for copied in (False, True):
            if copied:
                # Another file under that name is not the one that is written to.
                shutil.copy(elsewhere, file)
            with pytest.raises(LedgerUnavailable, match="was moved, replaced or deleted"):
                await Queue(store).check_writing()
        os.rename(elsewhere, file)
        await Queue(store).check_writing()


# --- PostgreSQL ----------------------------------------------------------------------------------


async def test_another_programs_tables_stay_as_they_are() -> None:
    with new_database() as url:
        database = Database(url, ManualClock())
        with psycopg.connect(url) as connection:
            connection.execute("CREATE TABLE x (a int); INSERT INTO x VALUES (1)")
        error = await opening(url)
        assert isinstance(error, LedgerUnusable)
        assert "is another program's, and stays as it is" in str(error)
        tables = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        assert database.rows(tables) == [("x",)]


async def test_an_empty_database_holds_no_ledger_yet() -> None:
    with new_database() as url:
        assert await ledger_version(url, ManualClock()) is None
        with pytest.raises(LedgerUnavailable, match="there is no ledger in it yet"):
            await open_store(url, ManualClock(), is_guest=True)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """A database with roles that may do too little."""
    options = {
        "reader": "LOGIN",
        "outsider": "LOGIN",
        "nologin": "NOLOGIN",
        "busy": "LOGIN CONNECTION LIMIT 0",
    }
    with new_database() as url, psycopg.connect(url, autocommit=True) as connection:
        database = str(make_url(url).database)
        connection.execute(f"REVOKE CONNECT ON DATABASE {database} FROM PUBLIC".encode())
        for kind, option in options.items():
            create = f"CREATE ROLE {role(kind, url)} {option} PASSWORD '{SECRET}'"
            connection.execute(create.encode())
            if kind != "outsider":
                grant = f"GRANT CONNECT ON DATABASE {database} TO {role(kind, url)}"
                connection.execute(grant.encode())
        try:
            yield url
        finally:
            for name in (role(kind, url) for kind in options):
                connection.execute(f"DROP OWNED BY {name}; DROP ROLE {name}".encode())


def role(kind: str, url: str) -> str:
    """All databases of a server have the same roles: each run has its own."""
    return f"{kind}_{make_url(url).database}"


@pytest.mark.parametrize(
    ("changes", "said", "is_lasting"),
    [
        ({"host": "no-such-host.invalid"}, "the host in DATABASE_URL is not known", False),
        ({"port": 1}, "nothing listens at the host and port", False),
        ({"password": SECRET}, "the role or the password", True),
        ({"password": None}, "the role or the password", True),
        ({"username": "nobody-knows-me"}, "the role or the password", True),
        ({"role": "nologin", "password": SECRET}, "the role or the password", True),
        ({"database": "nowhere"}, "the database in DATABASE_URL does not exist", True),
        (
            {"role": "outsider", "password": SECRET},
            "the role in DATABASE_URL may not do what the bot needs",
            True,
        ),
        (
            {"role": "busy", "password": SECRET},
            "PostgreSQL has no connection left",
            False,
        ),
        ({"query": {"sslmode": "require"}}, "do not agree on TLS", True),
        ({"query": {"nonsense": "1"}}, "DATABASE_URL cannot be read", True),
        ({"host": None, "query": {"host": "/nowhere"}}, "nothing listens at the host", False),
    ],
)
async def test_a_connection_that_does_not_come_about(
    server: str, changes: dict[str, Any], said: str, is_lasting: bool
) -> None:
    url = make_url(server)
    if "role" in changes:
        changes = {**changes, "username": role(changes["role"], server)}
    changed = url._replace(
        **{key: one for key, one in changes.items() if key not in ("role", "query")}
    )
    changed = changed.set(query=changes.get("query", {}))
    error = await opening(changed.render_as_string(hide_password=False))
    assert said in str(error)
    assert isinstance(error, LedgerUnusable) == is_lasting
    # Everybody may read it.
    for value in (SECRET, url.password, url.host, url.database, "nobody-knows-me", "nowhere"):
        assert value is None or value not in str(error)


async def test_a_role_that_may_make_no_tables(server: str) -> None:
    url = make_url(server).set(username=role("reader", server), password=SECRET)
    with pytest.raises(LedgerUnusable, match="make it the owner of the database"):
        await open_store(url.render_as_string(hide_password=False), ManualClock())


async def test_a_server_that_takes_no_writes() -> None:
    with new_database() as url:
        options = "-c default_transaction_read_only=on"
        standby = make_url(url).update_query_dict({"options": options})
        with pytest.raises(LedgerUnavailable, match="the primary, not a standby"):
            await open_store(standby.render_as_string(hide_password=False), ManualClock())


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("53100", "the disk of the PostgreSQL server is full"),
        ("53300", "no connection left"),
        ("57014", "took too long"),
        ("57P03", "starting or stopping"),
        ("08006", "the connection to PostgreSQL was lost"),
        ("XX001", "restore a backup"),
        ("22012", "DivisionByZero"),
    ],
)
async def test_an_error_of_postgresql(state: str, said: str, postgresql: Database) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(sa.text(f"do $$ begin raise sqlstate '{state}'; end $$"))

    async with postgresql.opened() as store:
        with pytest.raises(LedgerUnavailable, match=said):
            await store.transact(work)


async def test_a_connection_that_is_cut(postgresql: Database) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(sa.text("select pg_terminate_backend(pg_backend_pid())"))

    async with postgresql.opened() as store:
        with pytest.raises(LedgerUnavailable, match="the bot goes on once it is") as caught:
            await store.transact(work)
        assert not isinstance(caught.value, LedgerUnusable)
        await store.check()


@pytest.mark.parametrize(
    ("text", "said", "is_lasting"),
    [
        # As a server that restarts says it under TLS.
        ("connection failed: SSL connection has been closed unexpectedly", "was lost", False),
        ("connection failed: SSL SYSCALL error: EOF detected", "was lost", False),
        ("consuming input failed: server closed the connection unexpectedly", "was lost", False),
        ("connection failed: server closed the connection unexpectedly", "is it Post", False),
        ("connection failed: SSL error: certificate verify failed", "agree on TLS", True),
        ('connection failed: root certificate file "/x" does not exist', "agree on TLS", True),
        ('connection failed: FATAL:  no pg_hba.conf entry for host "h"', "pg_hba.conf", True),
        ("connection failed: FATAL:  the database system is starting up", "starting", False),
        ("connection failed: FATAL:  Passwort-Authentifizierung", "its log says why", False),
        ("connection timeout expired", "does not answer", False),
        ("something else", "OperationalError", False),
    ],
)
def test_what_has_no_code_is_known_by_its_text(text: str, said: str, is_lasting: bool) -> None:
    found = failure(psycopg.OperationalError(text))
    assert said in found.reason
    assert found.is_lasting == is_lasting


@pytest.mark.parametrize(
    ("url", "it_is"),
    [
        ("postgresql://u:p@h/d", True),
        ("postgresql://u:p@h:5433/d", True),
        ("postgresql://u:p@h:port/d", False),
        ("sqlite:///x.db", True),
    ],
)
def test_an_address_that_can_be_read(url: str, it_is: bool) -> None:
    assert is_usable(url) is it_is
