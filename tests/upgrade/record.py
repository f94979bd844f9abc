"""Records the ledgers that `test_upgrade` starts from, with the bot as it is now:

    python -m tests.upgrade.record tests/upgrade/ledger_NNNN

needs `pg_dump` and the tests' PostgreSQL server. Run it before a migration is added, not after.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from bot.demo.simulators.github import generate_private_key
from bot.demo.stage import Stage
from bot.services import Services
from tests.support.conversation import HOOK, REPO, START, Conversation, Hook, ManualClock, bot_on
from tests.upgrade import scene


async def record(url: str, clock: ManualClock) -> None:
    """Let the bot work until each pull request is where it is to be, and stop it."""
    hook = Hook()
    stage = scene.open_stage(clock, generate_private_key(), hook)
    async with bot_on(stage, clock, hook, Path(), DATABASE_URL=url) as services:
        await play(stage, clock, services)


async def play(stage: Stage, clock: ManualClock, services: Services) -> None:
    github, depot = stage.github, stage.depot
    prs = {n: Conversation(clock, stage, services, REPO, n) for n in range(1, scene.OPENED)}

    async def passes(seconds: int) -> None:
        for _ in range(seconds):
            await prs[1].passes(1)
            depot.settle()

    await prs[1].settles()
    await prs[scene.FINISHED].says("alice", "/depot run ci.yml job=lint\n/depot status")
    await passes(60)
    await prs[scene.RETRYING].says("alice", "/depot run ci.yml job=build")
    await passes(60)
    await prs[scene.RUNNING].says("alice", "/depot run ci.yml job=test")
    await passes(60)
    assert await services.ledger.queue.claim_periodic_job("missed deliveries", 300.0)

    # All at the same moment: what waits here would be done seconds later.
    github.faults.bad_gateway("POST", f"/issues/{scene.UNANSWERED}/comments")
    await prs[scene.UNANSWERED].says("alice", "/depot run ci.yml job=lint")
    depot.faults.drop("Run")
    await prs[scene.STARTING].says("alice", "/depot run ci.yml job=lint")
    depot.faults.drop("RetryFailedJobs")
    await prs[scene.RETRYING].says("alice", "/depot retry")
    depot.faults.refuse("ListRuns")
    await prs[scene.TROUBLED].says("alice", "/depot run ci.yml job=lint")
    github.comment(REPO, scene.CLAIMED, "alice", "/depot run ci.yml job=lint")
    await github.deliver(HOOK)
    assert len(await services.ledger.queue.claim(10, 10)) == 1
    scene.open_pull_request(stage, scene.OPENED)
    await github.deliver(HOOK)


def dump_sqlite(file: Path) -> str:
    with closing(sqlite3.connect(file)) as database:
        return "\n".join(database.iterdump()) + "\n"


def dump_postgresql(url: str) -> str:
    """Tables and rows; without what `pg_dump` says of itself and of the session."""
    options = ["--column-inserts", "--no-owner", "--no-privileges", "--table=public.*"]
    command = ["pg_dump", *options, url]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    _, first, rest = text.partition("CREATE TABLE")
    return re.sub(r"\n--\n-- .*\n--\n|\n\\unrestrict .*", "", first + rest).strip() + "\n"


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        file = Path(name, "ledger.db")
        asyncio.run(record(f"sqlite:///{file}", ManualClock(START)))
        (folder / "sqlite.sql").write_text(dump_sqlite(file))
    with scene.postgresql() as (url, clock):
        asyncio.run(record(url, clock))
        (folder / "postgresql.sql").write_text(dump_postgresql(url))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
