"""SQL statements of one command on SQLite, from its comment to the end of a short run.

Counted, not timed: a conversation in which only time is ours (`tests.support.conversation`).
SQLite itself tells what it executes, so that none goes uncounted; a statement that is executed for
several rows counts for each. BEGIN, COMMIT and savepoints are not counted.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import sqlalchemy as sa
from sqlalchemy import event

from bot.demo.simulators.github import generate_private_key
from bot.demo.stage import Stage
from tests.bench.table import Row, at_most
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on

COMMAND = "/depot run ci.yml job=test"

RUN_SECONDS = 2.0

LONG_ENOUGH = 60.0
"""Seconds after which the reply says that the run is over."""

FRAME = ("BEGIN", "COMMIT", "ROLLBACK", "SAVEPOINT", "RELEASE")
"""What begins and ends transactions and parts of them."""


@contextmanager
def traced(told: Callable[[str], None]) -> Iterator[None]:
    """Tell of every statement that SQLite executes, as long as this lasts, on all connections that
    SQLAlchemy opens meanwhile."""

    def connected(connection: sqlite3.Connection, _: object) -> None:
        connection.set_trace_callback(told)

    event.listen(sa.Pool, "connect", connected)
    try:
        yield
    finally:
        event.remove(sa.Pool, "connect", connected)


def is_frame(statement: str) -> bool:
    """Whether it only begins or ends a transaction, or a part of one."""
    return statement.lstrip().upper().startswith(FRAME)


async def rows(folder: Path) -> list[Row]:
    """The first command in a repository and a later one; the greater count has to do."""
    told: list[str] = []
    with traced(told.append):
        found = await _converse(folder, told)
    return [at_most("SQL statements per command, start to end of a short run", max(found), 40)]


async def _converse(folder: Path, told: list[str]) -> list[int]:
    """Two commands, one after the other on pull requests of their own."""
    clock, hook = ManualClock(), Hook()
    async with httpx.AsyncClient(transport=hook) as client:
        stage = Stage(
            now=clock.now, private_key=generate_private_key(), hook_client=client, jwt_now=time.time
        )
        stage.depot.plan(queued=0.0, seconds=RUN_SECONDS)
        stage.github.repository(REPO, FILES)
        stage.github.role(REPO, "alice", "write")
        for number in (1, 2):
            files = {"change.txt": f"{number}\n"}
            stage.github.pull_request(REPO, "alice", branch=f"feature-{number}", files=files)
        clock.time += 60  # the head is older than the comment
        async with bot_on(stage, clock, hook, folder / "ledger.db") as services:
            return [
                await _count(Conversation(clock, stage, services, REPO, number), told)
                for number in (1, 2)
            ]


async def _count(conversation: Conversation, told: list[str]) -> int:
    await conversation.settles()
    told.clear()
    await conversation.says("alice", COMMAND)
    await conversation.passes(LONG_ENOUGH)
    assert conversation.depot.runs[-1].status == "finished", "the run is not over"
    return sum(not is_frame(statement) for statement in told)
