"""A ledger that an older version wrote is brought up to date, and the work in it goes on.

The folders beside this file hold such ledgers, each as the dumps of a SQLite file and of a
PostgreSQL database (how they were made: `record`).
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, LiteralString

import msgspec
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bot.core.events import PullRequestEvent
from bot.core.models import StartRequest
from bot.core.runs import Run
from bot.demo.stage import Stage
from bot.storage.status_queries import StatusQueries
from bot.storage.tables import metadata
from tests.support.commands import facts, said
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.databases import Database, new_database
from tests.upgrade import scene

pytestmark = pytest.mark.anyio

LEDGER = Path(__file__).with_name("ledger_0001")


@pytest.fixture(params=["sqlite", "postgresql"])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """The old ledger on each kind of database, not opened yet."""
    dump = LEDGER / f"{request.param}.sql"
    if request.param == "postgresql":
        with scene.postgresql(dump) as (url, clock):
            yield Database(url, clock)
        return
    file = tmp_path / "ledger.db"
    with closing(sqlite3.connect(file)) as database:
        database.executescript(dump.read_text())
    yield Database(f"sqlite:///{file}", ManualClock())


@dataclass(frozen=True)
class Past:
    """Makes a world what it was when an old ledger was left."""

    stage: Stage
    clock: ManualClock
    ledger: Database

    def happens(self) -> None:
        """All that the ledger tells of, each at its time and under its id."""
        events = [*self._comments(), *self._replies(), *self._starts(), *self._retries()]
        # In the order of the list where the time is the same.
        for at, act in sorted(events, key=lambda event: event[0]):
            # Depot hands out ids as things happen: second by second, as when it was recorded.
            while self.clock.time + 1 <= at:
                self.clock.time += 1
                self.stage.depot.settle()
            self.clock.time = at
            act()
        scene.open_pull_request(self.stage, scene.OPENED)
        # The older version has had all this.
        self.stage.github.hooks.pending.clear()

    def _comments(self) -> Iterator[tuple[float, Callable[[], object]]]:
        for item, comment_id, number, author, at in self.ledger.rows(
            "SELECT id, comment_id, number, author, written_at FROM requests"
            " WHERE source = 'ic' ORDER BY comment_id"
        ):
            lines = [
                f"/depot {line}"
                for request_id, line in self.ledger.rows(
                    "SELECT request_id, line FROM commands ORDER BY place"
                )
                if request_id == item
            ]
            yield at, self._writing(comment_id, number, author, "\n".join(lines))

    def _replies(self) -> Iterator[tuple[float, Callable[[], object]]]:
        for comment_id, number, text, at in self.ledger.rows(
            "SELECT reply_id, number, reply_text, replied_at FROM requests"
            " WHERE reply_id IS NOT NULL ORDER BY reply_id"
        ):
            yield at, self._writing(comment_id, number, "depot-bot[bot]", text)

    def _writing(self, comment_id: int, number: int, login: str, body: str) -> Callable[[], object]:
        github = self.stage.github

        def write() -> None:
            github._ids = itertools.count(comment_id)
            author = github.user(login)
            via = github.bot_app if login.endswith("[bot]") else None
            github.add_comment(github.thread(REPO, number), author, body, via)
            github._ids = itertools.count(10_000 + comment_id)

        return write

    def _starts(self) -> Iterator[tuple[float, Callable[[], object]]]:
        for repo, sha, start, at in self.ledger.rows(
            "SELECT repo, sha, start, noted_at FROM intents ORDER BY id"
        ):
            asked = msgspec.json.decode(start)
            yield at, self._starting(repo, sha, asked)

    def _starting(self, repo: str, sha: str, asked: dict[str, Any]) -> Callable[[], object]:
        workflow = f".depot/workflows/{asked['workflow']}"
        return lambda: self.stage.depot.foreign_run(repo, sha, workflow, asked["job"])

    def _retries(self) -> Iterator[tuple[float, Callable[[], object]]]:
        for run_id, at in self.ledger.rows(
            "SELECT run_id, troubled_since FROM deeds JOIN commands ON command_id = id"
        ):
            yield at, self._retrying(run_id)

    def _retrying(self, run_id: str) -> Callable[[], object]:
        return lambda: self.stage.depot.retried_elsewhere(run_id)


@pytest.fixture
def stage(old: Database, private_key: str, hook: Hook) -> Stage:
    """The world as it was when the ledger was left."""
    stage = scene.open_stage(old.clock, private_key, hook)
    Past(stage, old.clock, old).happens()
    heads = dict(old.rows("SELECT number, sha FROM heads"))
    assert heads == {n: stage.github.pull(REPO, n).head_sha for n in heads}
    known = {run_id for (run_id,) in old.rows("SELECT run_id FROM runs")}
    lost = {run.run_id for run in stage.depot.runs if run.order.sha == heads[scene.STARTING]}
    assert known | lost == {run.run_id for run in stage.depot.runs}
    return stage


async def test_the_work_goes_on(old: Database, stage: Stage, hook: Hook) -> None:
    depot = stage.depot
    before = [run.run_id for run in depot.runs]
    assert len(before) == 5
    async with bot_on(stage, old.clock, hook, Path(), DATABASE_URL=old.url) as services:
        prs = {
            number: Conversation(old.clock, stage, services, REPO, number)
            for number in range(scene.RUNNING, scene.OPENED + 1)
        }
        await prs[1].passes(700)
        queue = await StatusQueries(services.store).queue()
        assert (queue.undecided, queue.due, queue.followed_runs) == (0, 0, 0)
        assert await services.ledger.queue.until_due() is None

    # Each reply stands once, with all that there is to say.
    told = {
        number: [
            [
                (c["reason"], [run.get("state", "linked") for run in c["runs"]])
                for c in facts(reply)["commands"]
            ]
            for reply in said(pr)
        ]
        for number, pr in prs.items()
    }
    started = ("started", ["finished"])
    assert told == {
        scene.RUNNING: [[started]],
        scene.FINISHED: [[started, ("answered", [])]],
        scene.RETRYING: [[started], [("retried", ["linked"])]],
        scene.STARTING: [[started]],
        scene.TROUBLED: [[started]],
        scene.UNANSWERED: [[started]],
        scene.CLAIMED: [[started]],
        scene.OPENED: [[started]],
    }
    assert len(said(prs[scene.FINISHED])[0].versions) == 1

    # Only what had not been started was, once.
    new = [run for run in depot.runs if run.run_id not in before]
    heads = [prs[number].head for number in (scene.TROUBLED, scene.CLAIMED, scene.OPENED)]
    assert sorted(run.order.sha for run in new) == sorted(heads)
    assert len(depot.calls_of("Run")) == 3
    assert not depot.calls_of("RetryFailedJobs")


STORED: dict[LiteralString, Any] = {
    "SELECT event FROM work_items WHERE event IS NOT NULL": PullRequestEvent,
    "SELECT blocks FROM commands": tuple[str, ...],
    "SELECT request FROM start_attempts": StartRequest,
    "SELECT run_ids_before FROM start_attempts": tuple[str, ...],
    "SELECT attempts_before FROM pending_changes": dict[str, int],
    "SELECT state FROM tracked_runs": Run,
}
"""JSON in the ledger, and what it is read as."""


NEWER: dict[type, dict[str, Any]] = {StartRequest: {"is_last": True, "times": 1, "number": 1}}
"""What has come to be stored since, with its default."""


async def test_no_part_of_stored_json_is_passed_over(old: Database) -> None:
    # A key that the type does not know is dropped in silence, and the default taken instead.
    async with old.opened():
        pass
    for query, kind in STORED.items():
        found = [text for (text,) in old.rows(query)]
        assert found
        for text in found:
            again = msgspec.json.encode(msgspec.json.decode(text, type=kind))
            stored = msgspec.json.decode(text)
            newer = NEWER.get(kind)
            read = msgspec.json.decode(again) if newer else _without_newer(again)
            assert read == (newer | stored if newer else stored)


def _without_newer(text: bytes) -> Any:
    """JSON without what has come to be stored of jobs since."""
    return msgspec.json.decode(text.replace(b',"conclusion":""', b""))


# --- its tables ----------------------------------------------------------------------------------


async def test_its_tables_become_those_of_a_new_ledger(old: Database, tmp_path: Path) -> None:
    """And both are those that the schema makes, without any history."""
    with ExitStack() as databases:
        if old.is_postgresql:
            new, made = (databases.enter_context(new_database()) for _ in range(2))
        else:
            new, made = (f"sqlite:///{tmp_path / name}" for name in ("new.db", "made.db"))
        for database in (old, Database(new, ManualClock())):
            async with database.opened():
                pass
        with connected(made) as connection:
            metadata.create_all(connection)
            if old.is_postgresql:
                connection.execute(sa.text(OPEN_ONLY))
            connection.commit()
        assert shape(old.url) == shape(new) == shape(made)


OPEN_ONLY = """
DROP INDEX start_attempts_open;
CREATE UNIQUE INDEX start_attempts_open ON start_attempts (repo, sha, workflow)
    WHERE outcome = 'open';
"""
"""What only the migration says on PostgreSQL (see `bot.storage.tables`)."""


def shape(url: str) -> dict[str, Any]:
    """All that a database says of its tables."""
    with connected(url) as connection:
        inspector = sa.inspect(connection)
        found: dict[str, Any] = {
            table: {
                "columns": [{**one, "type": str(one["type"])} for one in columns],
                "primary key": inspector.get_pk_constraint(table),
                "foreign keys": inspector.get_foreign_keys(table),
                "indexes": [_readable(index) for index in inspector.get_indexes(table)],
                "unique": inspector.get_unique_constraints(table),
                "checks": inspector.get_check_constraints(table),
            }
            for table in inspector.get_table_names()
            for columns in [inspector.get_columns(table)]
            if table != "alembic_version"
        }
        if connection.dialect.name == "postgresql":
            found["sequences"] = inspector.get_sequence_names()
        return found


def _readable(index: Any) -> dict[str, Any]:
    """Conditions are compared by what they say."""
    options = {key: str(value) for key, value in index.get("dialect_options", {}).items()}
    return {**index, "dialect_options": options}


@contextmanager
def connected(url: str) -> Iterator[sa.Connection]:
    parsed = make_url(url)
    if parsed.get_backend_name() == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    engine = sa.create_engine(parsed)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()
