"""What following many runs costs a minute: calls to Depot, and processor time of the bot.

The runs go on all the time, so each has its jobs read every 30 s, and every 2 min where more than
1,000 are followed. It is measured once every run was polled.
"""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bot.demo.servers import serving
from bot.engine.active_runs import MANY_JOBS_SECONDS
from tests.bench.processes import bot, environment, processor_seconds
from tests.bench.requests import stage_for_load
from tests.bench.table import Row, below
from tests.bench.waiting import follow
from tests.support.conversation import REPO

BOUNDS = {1_000: (2_400, 30.0), 10_000: (6_000, 60.0)}
"""How many are followed; the calls and the seconds of processor time that a minute may cost."""

SETTLED = 30.0
"""Seconds in which every run is polled for the first time."""


async def rows(folder: Path) -> list[Row]:
    found: list[Row] = []
    for count, (calls, seconds) in BOUNDS.items():
        its_own = folder / str(count)
        its_own.mkdir()
        asked, used = await _a_minute(its_own, count)
        what = f"{count:,} runs followed, a minute"
        found.append(below(f"{what}: calls to Depot", asked, calls, "calls"))
        found.append(below(f"{what}: processor time", used, seconds, "s"))
    return found


async def _a_minute(folder: Path, count: int) -> tuple[float, float]:
    """Calls to Depot, and seconds of processor time."""
    stage = stage_for_load()
    stage.github.hooks.pending.clear()
    stage.depot.plan(queued=0.0, seconds=24 * 3600.0)
    sha = stage.github.pull(REPO, 1).head_sha
    await follow(environment(stage, folder)["DATABASE_URL"], stage.depot, sha, count)
    async with (
        serving(stage.github.app) as github_url,
        serving(stage.depot.app) as depot_url,
        bot(environment(stage, folder, github_url, depot_url), folder) as (_, pid),
    ):
        await asyncio.sleep(SETTLED)
        before, used, begun = len(stage.depot.calls), processor_seconds(pid), time.monotonic()
        # Of every run the jobs are read once in it.
        await asyncio.sleep(MANY_JOBS_SECONDS)
        minutes = (time.monotonic() - begun) / 60
        asked = (len(stage.depot.calls) - before) / minutes
        return asked, (processor_seconds(pid) - used) / minutes
