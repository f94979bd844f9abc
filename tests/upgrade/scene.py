"""The world around a ledger that an older version wrote: eight pull requests, each one elsewhere.

`record` lets the present bot work in it and keeps its ledger; `test_upgrade` makes the same world
again from such a ledger and lets the present bot go on in it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg

from bot.demo.stage import Stage
from tests.support.conversation import FILES, REPO, START, Hook, ManualClock
from tests.support.databases import new_database

RUNNING, FINISHED, RETRYING, STARTING, TROUBLED, UNANSWERED, CLAIMED, OPENED = range(1, 9)
"""The pull requests, by what the ledger holds of them:

a run under way; two finished commands; a failed run, and a retry of it whose call to Depot had no
answer; a start whose call had none; a command that waits, since Depot does not list runs; a run
whose reply GitHub did not take; a command claimed by a process that died; and only that the pull
request was opened, from which a run follows.
"""

AUTOMATION = f"""\
automations:
- {{on: opened, paths: [change-{OPENED}.txt], do: run ci.yml job=lint}}
"""

FAKE_CLOCK = """
CREATE SCHEMA clock;
CREATE SCHEMA unseen;
CREATE TABLE unseen.clock (now float8 NOT NULL);
INSERT INTO unseen.clock VALUES (0);
CREATE FUNCTION clock.statement_timestamp() RETURNS timestamptz STABLE LANGUAGE sql
    AS 'SELECT to_timestamp(now) FROM unseen.clock';
"""
"""A clock that stands in a PostgreSQL database; before `pg_catalog` in the search path, it is the
one that statements find."""


class SharedClock(ManualClock):
    """The clock of a PostgreSQL database as well, to the millisecond."""

    def __init__(self, url: str, now: float = START) -> None:
        self._url = url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(FAKE_CLOCK)
            connection.execute(
                "DO $$ BEGIN EXECUTE format("
                "'ALTER DATABASE %I SET search_path = public, clock, pg_catalog',"
                " current_database()); END $$"
            )
        self.time = now

    @property
    def time(self) -> float:
        return self._time

    @time.setter
    def time(self, now: float) -> None:
        # Rounded up: what was to come due at this moment is due.
        self._time = math.ceil(now * 1000) / 1000
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute("UPDATE unseen.clock SET now = %s", [self._time])


@contextmanager
def postgresql(dump: Path | None = None) -> Iterator[tuple[str, ManualClock]]:
    """A PostgreSQL database whose clock is ours, with what was dumped in it."""
    with new_database() as url:
        if dump is not None:
            with psycopg.connect(url) as connection:
                connection.execute(dump.read_bytes())
        yield url, SharedClock(url)


def open_stage(clock: ManualClock, private_key: str, hook: Hook) -> Stage:
    """The repository and its pull requests, all but the last. Nobody has commented."""
    stage = Stage(
        now=clock.now,
        private_key=private_key,
        hook_client=httpx.AsyncClient(transport=hook),
        # gidgethub makes its JWTs by the machine's clock.
        jwt_now=time.time,
    )
    stage.github.repository(REPO, {**FILES, ".github/depot-bot.yml": AUTOMATION})
    stage.github.role(REPO, "alice", "write")
    for number in range(RUNNING, OPENED):
        open_pull_request(stage, number)
    stage.depot.plan(job="test", seconds=600)
    stage.depot.plan(job="lint", seconds=30)
    stage.depot.plan(job="build", attempt=1, seconds=20, outcome="failed", log=["No."])
    stage.depot.plan(job="build", attempt=2, seconds=40)
    clock.time += 60
    return stage


def open_pull_request(stage: Stage, number: int) -> None:
    """Each from a branch of its own, so that each has a commit of its own."""
    name = f"change-{number}"
    stage.github.pull_request(REPO, "alice", branch=name, files={f"{name}.txt": "one\n"})
