"""The database under the ledger: transactions that end, tables that fit the schema; one user of a
SQLite file, many of a PostgreSQL database."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import anyio
import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.engine import make_url

from bot.storage.connect import is_usable, open_store, without_password
from bot.storage.database import RETRIES, AlreadyInUse, LedgerUnavailable, Store
from bot.storage.postgresql import MIGRATION_LOCK
from bot.storage.tables import VERSION, deliveries, metadata
from tests.support.conversation import ManualClock
from tests.support.databases import Database, Halt, new_database

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(sqlite: Database) -> Path:
    return Path(str(make_url(sqlite.url).database))


def row(guid: str) -> dict[str, object]:
    return {"hook": "h", "guid": guid, "event": "e", "received_at": 1.0}


async def add(store: Store, guid: str) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(store.insert(deliveries).values(row(guid)))

    await store.transact(work)


async def guids(store: Store) -> list[str]:
    def work(db: sa.Connection) -> list[str]:
        return sorted(db.execute(sa.select(deliveries.c.guid)).scalars())

    return await store.transact(work)


# --- tables --------------------------------------------------------------------------------------


def test_the_version_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", "bot.storage:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == VERSION


async def test_the_migrated_tables_are_those_of_the_schema(
    store: Store, database: Database
) -> None:
    driver = "postgresql+psycopg" if database.is_postgresql else "sqlite"
    engine = sa.create_engine(make_url(database.url).set(drivername=driver))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        indexes = sa.inspect(connection).get_indexes("start_attempts")
    engine.dispose()
    # What compare_metadata does not see: the condition of an index.
    (open_attempts,) = (index for index in indexes if index["name"] == "start_attempts_open")
    assert open_attempts["unique"]
    assert "open" in str(open_attempts["dialect_options"][f"{driver.partition('+')[0]}_where"])


async def test_opening_again_changes_nothing(database: Database) -> None:
    for guid in ("a", "b"):
        async with database.opened() as store:
            await add(store, guid)
    async with database.opened() as store:
        assert await guids(store) == ["a", "b"]


async def test_a_commit_is_seen_by_others(store: Store, database: Database) -> None:
    await add(store, "a")
    assert database.rows("select guid from deliveries") == [("a",)]


async def test_a_commit_is_on_disk(sqlite: Database) -> None:
    def settings(db: sa.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "foreign_keys")
        return [db.scalar(sa.text(f"PRAGMA {name}")) for name in names]

    store = await open_store(sqlite.url, sqlite.clock)  # as the bot opens it
    assert await store.transact(settings) == ["wal", 2, 1]
    await store.close()


async def test_what_hangs_on_nothing_is_refused(store: Store) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(
            sa.text(
                "insert into pending_changes (command_id, run_id, attempts_before)"
                " values ('x', 'r', '{}')"
            )
        )

    with pytest.raises(LedgerUnavailable, match=r"IntegrityError|ForeignKeyViolation"):
        await store.transact(work)


@pytest.mark.parametrize(
    "url",
    [
        *("mysql://h/d", "oracle://h/d", "", "sqlite", "file.db", "postgresql+asyncpg://h/d"),
        # What is kept in memory is not kept.
        *("sqlite://", "sqlite:///", "sqlite:///:memory:", "postgresql://", "postgres://"),
    ],
)
async def test_a_database_we_cannot_use(url: str, clock: ManualClock) -> None:
    assert not is_usable(url)
    with pytest.raises(ValueError, match="DATABASE_URL"):
        await open_store(url, clock)


@pytest.mark.parametrize("url", ["sqlite:///:memory:?cache=shared", "sqlite:///?cache=shared"])
def test_a_ledger_in_memory_hidden_by_a_parameter(url: str) -> None:
    assert not is_usable(url)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgres://bot:s3cret@db.example:5433/bot", "postgresql://bot@db.example:5433/bot"),
        (
            "postgresql://db/bot?password=s3cret&sslmode=require",
            "postgresql://db/bot?sslmode=require",
        ),
        ("postgresql://db/bot?sslpassword=s3cret", "postgresql://db/bot"),
    ],
)
def test_where_a_ledger_is_can_be_told_to_everybody(url: str, shown: str) -> None:
    assert without_password(url) == shown


async def test_each_knows_whether_others_may_share_it(store: Store, database: Database) -> None:
    assert store.is_shared == database.is_postgresql


async def test_the_time_is_the_stores(store: Store, database: Database) -> None:
    def now(db: sa.Connection) -> object:
        return db.scalar(sa.select(store.now()))

    before = await store.transact(now)
    # PostgreSQL's does not go by this machine's clock.
    database.clock.time += 1e6
    after = await store.transact(now)
    assert isinstance(before, float)
    assert isinstance(after, float)
    assert after - before == database.near(0.0 if database.is_postgresql else 1e6)


async def test_postgresqls_time_goes_on_within_a_transaction(postgresql: Database) -> None:
    async with postgresql.opened() as store:

        def twice(db: sa.Connection) -> list[object]:
            return [db.scalar(sa.select(store.now())) for _ in range(2)]

        first, second = await store.transact(twice)
    assert first != second


# --- one user of a file --------------------------------------------------------------------------

OPENING = """
import asyncio, sys
from bot.core.clock import SystemClock
from bot.storage.database import AlreadyInUse
from bot.storage.connect import open_store

async def main():
    try:
        store = await open_store(sys.argv[1], SystemClock())
    except AlreadyInUse as error:
        return f"in use: {error}"
    await store.close()
    return "opened"

print(asyncio.run(main()))
"""


def opening(url: str) -> subprocess.Popen[str]:
    """Another process that opens it, once."""
    return subprocess.Popen(
        [sys.executable, "-c", OPENING, url],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error"},
    )


def said(process: subprocess.Popen[str]) -> str:
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return out.strip()


async def test_a_second_process_cannot_open_a_file(sqlite: Database, file: Path) -> None:
    async with sqlite.opened() as store:
        assert said(opening(sqlite.url)) == f"in use: another process is using {file}"
        assert await guids(store) == []
    assert said(opening(sqlite.url)) == "opened"


async def test_a_second_store_in_this_process_cannot_either(sqlite: Database) -> None:
    async with sqlite.opened() as store:
        with pytest.raises(AlreadyInUse):
            await open_store(sqlite.url, sqlite.clock)
        await add(store, "a")


async def test_a_place_that_is_not_there(tmp_path: Path, clock: ManualClock) -> None:
    with pytest.raises(LedgerUnavailable):
        await open_store(f"sqlite:///{tmp_path}/none/ledger.db", clock)


@pytest.fixture
def no_database(file: Path) -> Path:
    file.write_text("this is no database" * 100)
    return file


async def test_a_file_that_is_no_database(no_database: Path, clock: ManualClock) -> None:
    for _ in range(2):  # the lock is let go in between
        with pytest.raises(LedgerUnavailable):
            await open_store(f"sqlite:///{no_database}", clock)


# --- transactions --------------------------------------------------------------------------------


async def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(store.insert(deliveries).values(row("a")))
        raise KeyError("on purpose")

    with pytest.raises(KeyError):
        await store.transact(work)
    assert await guids(store) == []


async def test_a_database_error_is_the_stores(store: Store) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(sa.text("select * from nowhere"))

    with pytest.raises(LedgerUnavailable):
        await store.transact(work)
    await add(store, "a")
    with pytest.raises(LedgerUnavailable):
        await add(store, "a")
    assert await guids(store) == ["a"]


async def test_what_went_wrong_is_said_without_values(store: Store, database: Database) -> None:
    await add(store, "s3cret")
    with pytest.raises(LedgerUnavailable) as caught:
        await add(store, "s3cret")
    expected = "UniqueViolation" if database.is_postgresql else "IntegrityError"
    assert str(caught.value) == expected


async def test_transactions_on_a_file_come_one_after_the_other(sqlite: Database) -> None:
    async with sqlite.opened() as store:

        def count(db: sa.Connection) -> int:
            found = db.scalar(sa.select(sa.func.count()).select_from(deliveries))
            number = int(found or 0)
            db.execute(store.insert(deliveries).values(row(str(number))))
            return number

        assert sorted(await asyncio.gather(*(store.transact(count) for _ in range(50)))) == list(
            range(50)
        )


async def test_more_transactions_than_connections(store: Store) -> None:
    await asyncio.gather(*(add(store, f"{number:03}") for number in range(50)))
    assert await guids(store) == [f"{number:03}" for number in range(50)]


async def test_a_task_cancelled_in_a_transaction_leaves_the_connection_usable(
    store: Store, database: Database
) -> None:
    # SQLite has one: if it stayed in the middle of a transaction, all would wait for ever.
    halt = Halt()

    def slow(db: sa.Connection) -> None:
        db.execute(store.insert(deliveries).values(row("slow")))
        halt.stand(db)
        db.execute(store.insert(deliveries).values(row("slower")))

    task = asyncio.create_task(store.transact(slow))
    await halt.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    waiting = asyncio.create_task(add(store, "next"))
    halt.let_go.set()
    await waiting
    await store.close()  # waits for the cancelled one as well
    # What was under way went on to its end, whole.
    found = database.rows("select guid from deliveries order by guid")
    assert found == [("next",), ("slow",), ("slower",)]


async def test_many_cancelled_tasks_leave_the_connections_usable(store: Store) -> None:
    for turn in range(30):
        task = asyncio.create_task(add(store, f"a{turn}"))
        for _ in range(turn):  # a little further into the transaction each time
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    # As many at once as there are connections: none of them is stuck.
    await asyncio.gather(*(add(store, f"last{number}") for number in range(10)))
    assert {f"last{number}" for number in range(10)} <= set(await guids(store))


async def test_closing_waits_for_what_is_under_way(store: Store, database: Database) -> None:
    halt = Halt()

    def slow(db: sa.Connection) -> None:
        halt.stand(db)
        db.execute(store.insert(deliveries).values(row("slow")))

    task = asyncio.create_task(store.transact(slow))
    await halt.reached.wait()
    closing_it = asyncio.create_task(store.close())
    await asyncio.sleep(0)
    halt.let_go.set()
    await asyncio.gather(task, closing_it)
    assert database.rows("select guid from deliveries") == [("slow",)]


async def test_nobody_else_tells_the_only_process(sqlite: Database) -> None:
    woken: list[None] = []
    async with sqlite.opened() as store:
        listening = asyncio.create_task(store.listen(lambda: woken.append(None)))
        await store.transact(store.notify)
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening
    assert woken == []


# --- several machines on one PostgreSQL ----------------------------------------------------------


async def test_a_server_that_is_not_there(clock: ManualClock) -> None:
    with pytest.raises(LedgerUnavailable) as caught:
        await open_store("postgresql://nobody:s3cret@127.0.0.1:1/none", clock)
    assert "s3cret" not in repr(caught.value)


async def test_as_hosts_hand_the_address_out(postgresql: Database) -> None:
    url = postgresql.url.replace("postgresql://", "postgres://", 1)
    store = await open_store(url, postgresql.clock)
    await add(store, "a")
    await store.close()
    assert postgresql.rows("select guid from deliveries") == [("a",)]


async def test_two_processes_bring_the_tables_up_to_date_at_once(clock: ManualClock) -> None:
    with new_database() as url, psycopg.connect(url, autocommit=True) as us:
        # Both come to the lock before either may go on.
        us.execute("select pg_advisory_lock(%s)", [MIGRATION_LOCK])
        processes = [opening(url) for _ in range(2)]
        with anyio.fail_after(60):
            while count(us, "select count(*) from pg_locks where not granted") < len(processes):
                assert all(process.poll() is None for process in processes)
                await asyncio.sleep(0.01)
        assert count(us, "select count(*) from pg_tables where schemaname = 'public'") == 0
        us.execute("select pg_advisory_unlock(%s)", [MIGRATION_LOCK])
        assert [said(process) for process in processes] == ["opened", "opened"]
        async with Database(url, clock).opened() as store:
            await add(store, "a")
        assert count(us, "select count(*) from alembic_version") == 1


def count(connection: psycopg.Connection[tuple[int, ...]], query: str) -> int:
    found = connection.execute(query.encode()).fetchone()
    assert found is not None
    return found[0]


async def test_two_that_wait_for_each_other_both_get_done(postgresql: Database) -> None:
    """A real deadlock: PostgreSQL ends one of the two, and it is done again."""
    async with postgresql.opened() as here, postgresql.opened() as there:
        for guid in ("a", "b"):
            await add(here, guid)
        has_locked = [threading.Event(), threading.Event()]
        is_through = [threading.Event(), threading.Event()]
        tries = [0, 0]

        def work(me: int) -> Callable[[sa.Connection], None]:
            def both(db: sa.Connection) -> None:
                tries[me] += 1
                if tries[me] > 1:
                    # The other goes first now, or the two could meet like this again.
                    assert is_through[1 - me].wait(30)
                for guid in ("ab", "ba")[me]:
                    db.execute(
                        sa.update(deliveries)
                        .where(deliveries.c.guid == guid)
                        .values(event=deliveries.c.event + str(me))
                    )
                    has_locked[me].set()
                    assert has_locked[1 - me].wait(30)

            return both

        async def runs(store: Store, me: int) -> None:
            await store.transact(work(me))
            is_through[me].set()

        with anyio.fail_after(30):
            await asyncio.gather(runs(here, 0), runs(there, 1))
    assert sorted(tries) == [1, 2]
    events = postgresql.rows("select event from deliveries order by guid")
    assert events in ([("e01",), ("e01",)], [("e10",), ("e10",)])


@pytest.mark.parametrize("state", ["40001", "40P01"])
async def test_a_transaction_is_transient_is_done_again(state: str, postgresql: Database) -> None:
    tries: list[str] = []

    def lost(times: int) -> Callable[[sa.Connection], None]:
        def work(db: sa.Connection) -> None:
            tries.append(state)
            db.execute(deliveries.insert().values(row(f"try {len(tries)}")))
            if len(tries) <= times:
                db.execute(sa.text(f"do $$ begin raise sqlstate '{state}'; end $$"))

        return work

    async with postgresql.opened() as store:
        await store.transact(lost(RETRIES - 1))
        assert len(tries) == RETRIES
        assert await guids(store) == [f"try {RETRIES}"]  # the earlier ones left nothing
        tries.clear()
        with pytest.raises(LedgerUnavailable):
            await store.transact(lost(RETRIES))
        assert len(tries) == RETRIES


@pytest.mark.parametrize("state", ["23505", "57014", "53300"])
async def test_other_failures_are_not_done_again(state: str, postgresql: Database) -> None:
    tries: list[None] = []

    def work(db: sa.Connection) -> None:
        tries.append(None)
        db.execute(sa.text(f"do $$ begin raise sqlstate '{state}'; end $$"))

    async with postgresql.opened() as store:
        with pytest.raises(LedgerUnavailable):
            await store.transact(work)
    assert len(tries) == 1


TERMINATE = """
    select pg_terminate_backend(pid, 10000) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""


async def test_a_restarted_server_is_not_noticed_between_transactions(postgresql: Database) -> None:
    async with postgresql.opened() as store:
        await asyncio.gather(*(add(store, f"a{number}") for number in range(10)))
        # Every connection in the pool is dead now.
        assert len(postgresql.rows(TERMINATE)) > 1
        await asyncio.gather(*(add(store, f"b{number}") for number in range(10)))
        assert len(await guids(store)) == 20


async def test_a_restart_in_the_middle_of_a_transaction_fails_that_one(
    postgresql: Database,
) -> None:
    async with postgresql.opened() as store:

        def cut(db: sa.Connection) -> None:
            db.execute(store.insert(deliveries).values(row("cut")))
            postgresql.rows(TERMINATE)
            db.execute(store.insert(deliveries).values(row("cut again")))

        with pytest.raises(LedgerUnavailable):
            await store.transact(cut)
        await add(store, "next")
        assert await guids(store) == ["next"]


async def test_a_server_that_is_gone_without_a_word_is_noticed(postgresql: Database) -> None:
    def settings(db: sa.Connection) -> list[int]:
        driver = cast(psycopg.Connection, db.connection.driver_connection)
        with socket.socket(fileno=os.dup(driver.fileno())) as its:
            tcp = socket.IPPROTO_TCP
            names = (socket.TCP_USER_TIMEOUT, socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL)
            return [
                its.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                *(its.getsockopt(tcp, name) for name in names),
            ]

    async with postgresql.opened() as store:
        assert await store.transact(settings) == [1, 30_000, 30, 10]


class Bell:
    """Rings whenever somebody is woken."""

    def __init__(self) -> None:
        self.rung = 0
        self._rang = asyncio.Event()

    def ring(self) -> None:
        self.rung += 1
        self._rang.set()

    async def rings(self) -> None:
        with anyio.fail_after(30):
            await self._rang.wait()
        self._rang.clear()


async def test_a_word_from_another_process_arrives(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        bell = Bell()
        listening = asyncio.create_task(here.listen(bell.ring))
        await bell.rings()  # it listens, and looks for what it may have missed

        def undone(db: sa.Connection) -> None:
            there.notify(db)
            raise KeyError("on purpose")

        with pytest.raises(KeyError):
            await there.transact(undone)
        await there.transact(there.notify)
        await bell.rings()
        # Notifications come in order: that of what was undone would have come first.
        assert bell.rung == 2
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening


async def test_a_listener_cut_off_listens_again(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        bell = Bell()
        listening = asyncio.create_task(here.listen(bell.ring))
        await bell.rings()
        await asyncio.to_thread(postgresql.rows, TERMINATE)
        await bell.rings()  # what was told meanwhile is looked for
        await there.transact(there.notify)
        await bell.rings()
        assert not listening.done()
        listening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await listening


# --- SQLite's group commit -----------------------------------------------------------------------


async def at_once(store: Store, *transactions: Awaitable[object]) -> list[object]:
    """What becomes of transactions that all wait for one before them: with SQLite, one group."""
    halt = Halt()
    before = asyncio.create_task(store.transact(halt.stand))
    await halt.reached.wait()
    waiting = [asyncio.ensure_future(one) for one in transactions]
    await asyncio.sleep(0)  # each begins, in this order
    halt.let_go.set()
    found = await asyncio.gather(*waiting, return_exceptions=True)
    await before
    return list(found)


async def test_what_fails_in_a_group_leaves_the_others_alone(store: Store) -> None:
    class OnPurpose(Exception):
        pass

    def adding(guid: str) -> Callable[[sa.Connection], str]:
        def work(db: sa.Connection) -> str:
            db.execute(store.insert(deliveries).values(row(guid)))
            if guid == "b":
                raise OnPurpose
            if guid == "c":
                db.execute(sa.text("select * from nowhere"))
            return guid

        return work

    found = await at_once(store, *(store.transact(adding(guid)) for guid in "abcd"))
    assert (found[0], found[3]) == ("a", "d")
    assert isinstance(found[1], OnPurpose)
    assert isinstance(found[2], LedgerUnavailable)
    assert await guids(store) == ["a", "d"]


async def test_a_group_that_cannot_be_committed_is_told_to_all(sqlite: Database) -> None:
    async with sqlite.opened() as store:
        defer = "PRAGMA defer_foreign_keys = ON"  # broken references are found at the commit

        def dangling(db: sa.Connection) -> None:
            db.execute(sa.text(defer))
            db.execute(sa.text("insert into pending_changes values ('nobody', 'run', '{}')"))

        found = await at_once(store, store.transact(dangling), add(store, "a"), add(store, "b"))
        assert [type(one) for one in found] == [LedgerUnavailable] * 3
        assert await guids(store) == []
        await add(store, "next")


async def test_a_closed_store_says_so(sqlite: Database) -> None:
    async with sqlite.opened() as store:
        await store.close()
        with anyio.fail_after(5), pytest.raises(RuntimeError):
            await add(store, "late")


async def test_a_new_file_is_for_its_owner(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    store = await open_store(f"sqlite:///{file}", ManualClock())
    try:
        await add(store, "one")
        for name in ("ledger.db", "ledger.db-wal"):
            assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    finally:
        await store.close()


async def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    file.touch(0o640)
    file.chmod(0o640)
    store = await open_store(f"sqlite:///{file}", ManualClock())
    await store.close()
    assert file.stat().st_mode & 0o777 == 0o640


# --- SQLite's files, and who only reads -----------------------------------------------------------


@pytest.mark.parametrize("which", ["", "-wal"])
@pytest.mark.parametrize("is_replaced", [False, True])
async def test_a_file_that_is_removed_or_replaced_is_an_error(
    sqlite: Database, file: Path, which: str, is_replaced: bool
) -> None:
    async with sqlite.opened() as store:
        await add(store, "a")
        one = file.with_name(file.name + which)
        kept = one.rename(file.with_name("kept"))
        if is_replaced:
            one.write_bytes(kept.read_bytes())
        for work in (add(store, "b"), guids(store), guids(store.reader)):
            with pytest.raises(LedgerUnavailable, match="was moved, replaced or deleted"):
                await work
        # Nothing of it was lost in a file that nobody has.
        kept.rename(one)
        await add(store, "c")
        assert await guids(store.reader) == ["a", "c"]


async def test_who_reads_waits_for_no_writer(store: Store) -> None:
    halt = Halt()

    def slow(db: sa.Connection) -> None:
        db.execute(store.insert(deliveries).values(row("slow")))
        halt.stand(db)

    await add(store, "a")
    writing = asyncio.create_task(store.transact(slow))
    await halt.reached.wait()
    with anyio.fail_after(30):
        assert await guids(store.reader) == ["a"]
    halt.let_go.set()
    await writing
    assert await guids(store.reader) == ["a", "slow"]


async def test_no_writer_waits_for_who_reads(store: Store) -> None:
    halt = Halt()

    def slow(db: sa.Connection) -> int:
        counted = sa.select(sa.func.count()).select_from(deliveries)
        db.scalar(counted)
        halt.stand(db)
        return cast(int, db.scalar(counted))

    reading = asyncio.create_task(store.reader.transact(slow))
    await halt.reached.wait()
    with anyio.fail_after(30):
        await add(store, "a")
    halt.let_go.set()
    # SQLite shows a reader what was there when it began.
    assert await reading == int(store.is_shared)


async def test_who_reads_writes_nothing(sqlite: Database) -> None:
    async with sqlite.opened() as store:
        with pytest.raises(LedgerUnavailable):
            await add(store.reader, "a")
        assert await guids(store) == []
