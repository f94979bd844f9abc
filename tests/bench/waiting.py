"""What the bot needs of memory while it follows many runs that are waiting."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.core.backoff import POLLING
from bot.core.clock import SystemClock
from bot.core.deliveries import Delivery
from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.models import Claim, Progress, Reply, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha
from bot.demo.servers import serving
from bot.demo.simulators.depot import SimulatedDepot
from bot.messages import reply
from bot.storage.connect import open_store
from bot.storage.ledger import Ledger
from tests.bench.processes import bot, environment, resident
from tests.bench.requests import stage_for_load
from tests.bench.table import Row, below
from tests.support.conversation import REPO

RUNS = 5000
SECONDS = 60.0
"""How long it is watched: every run is looked at once in it, at the longest pause."""

LOOK_SECONDS = 0.5

AT_ONCE = 100
CI = ".depot/workflows/ci.yml"


async def rows(folder: Path) -> list[Row]:
    """A bot that is started on a ledger with so many runs, and its greatest size meanwhile."""
    stage = stage_for_load()
    stage.github.hooks.pending.clear()
    stage.depot.plan(queued=3600.0, seconds=60.0)
    sha = stage.github.pull(REPO, 1).head_sha
    await follow(environment(stage, folder)["DATABASE_URL"], stage.depot, sha, RUNS)
    # structlog loads them where they are there, which is only where the bot is developed.
    for name in ("rich", "greenlet"):
        (folder / f"{name}.py").write_text("raise ImportError")
    async with (
        serving(stage.github.app) as github_url,
        serving(stage.depot.app) as depot_url,
        bot(
            {**environment(stage, folder, github_url, depot_url), "PYTHONPATH": str(folder)}, folder
        ) as (_, pid),
    ):
        sizes = []
        for _ in range(int(SECONDS / LOOK_SECONDS)):
            await asyncio.sleep(LOOK_SECONDS)
            sizes.append(resident(pid))
    assert len(stage.depot.calls) > 0, "it looked at nothing"
    return [below(f"{RUNS:,} runs waiting: resident memory", max(sizes), 128.0, "MB")]


async def follow(database_url: str, depot: SimulatedDepot, sha: str, count: int) -> None:
    """A ledger in which so many commands have started their runs, and said so."""
    store = await open_store(database_url, SystemClock())
    ledger = Ledger.on(store)
    now = SystemClock().now()
    for first in range(0, count, AT_ONCE):
        await asyncio.gather(
            *(
                _start(ledger, depot.foreign_run(REPO, sha, CI).run_id, sha, place, now)
                for place in range(first, min(first + AT_ONCE, count))
            )
        )
    await store.close()


async def _start(ledger: Ledger, run_id: str, sha: str, place: int, now: float) -> None:
    comment = Comment(
        source=Source.ISSUE_COMMENT,
        repo=RepoName(REPO),
        number=1,
        comment_id=place + 1,
        author=Actor("alice", is_bot=False),
        written_at=now,
        url=f"https://github.com/{REPO}/pull/1",
        lines=(CommandLine("run ci.yml", ()),),
    )
    followed = TrackedRun(
        command_id=CommandId(f"{comment.work_item_id}.1"),
        run=Run(RunId(run_id), "", "queued"),
        repo=comment.repo,
        sha=Sha(sha),
        workflow="ci.yml",
        job="",
        tracked_since=now,
        polls=20,
        next_poll_at=now + place % POLLING.longest,
    )
    claim = Claim(comment.work_item_id, 0, comment.repo)
    await ledger.inbox.accept(Delivery("1", f"guid-{place}", "issue_comment"), (comment,))
    await ledger.items.save_decision(claim, followed.command_id, Reason.STARTED, "", (followed,))
    said = reply.render(await ledger.items.load(comment.work_item_id))
    progress = Progress(True, Reply(place + 1, True, said, now))
    await ledger.queue.release(claim, place % POLLING.longest, progress)
