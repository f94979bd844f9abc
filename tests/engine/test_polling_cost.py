"""What following costs Depot: calls a minute for 1, 100 and 1,000 runs that are under way.

 runs    asking for each     as the bot does
    1           2                    2
  100         200                   12
1,000       2,000                  120
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import replace

import httpx
import pytest

from bot.core.backoff import POLLING
from bot.core.failures import Evidence
from bot.core.models import TrackedRun
from bot.core.runs import Run
from bot.core.types import CommandId, Detail, RepoName, RunId, Sha
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.depot.client import Depot
from bot.engine.run_poller import LISTING_SECONDS, ActiveRuns, poll
from tests.support.conversation import REPO, ManualClock

pytestmark = pytest.mark.anyio

SETTLED = 300.0
"""Seconds after which every pause has grown to its longest."""

MEASURED = 120.0


@pytest.mark.parametrize(
    ("runs", "calls_a_minute"), [(1, 2), (100, 200), (1000, 2000), (1100, 1100)]
)
async def test_calls_a_minute(
    runs: int,
    calls_a_minute: int,
    depot: SimulatedDepot,
    github: SimulatedGitHub,
    clock: ManualClock,
) -> None:
    depot.plan(queued=0.0, seconds=3600.0)
    sha = github.pull(REPO, 1).head_sha
    begun = [depot.foreign_run(REPO, sha, ".depot/workflows/nightly.yaml") for _ in range(runs)]
    clock.time += 10
    async with httpx.AsyncClient(transport=depot.transport()) as client:
        client_of_depot = Depot(client, url="http://depot.test", token=depot.token)
        board = ActiveRuns(client_of_depot, clock, wakes_nobody, wakes_nobody)
        queue = [
            (clock.time + place / runs, place, followed(run.run_id, sha, clock.time))
            for place, run in enumerate(begun)
        ]
        before = 0
        start = clock.time
        while queue[0][0] < start + SETTLED + MEASURED:
            due, place, run = heapq.heappop(queue)
            if clock.time < start + SETTLED <= due:
                before = len(depot.calls)
            clock.time = max(clock.time, due)
            run = await poll(client_of_depot, board, clock, run, quotes_nothing, sees_nothing)
            assert run.run.status == "running"
            assert run.next_poll_at is not None
            heapq.heappush(queue, (run.next_poll_at, place, run))
    assert (len(depot.calls) - before) / (MEASURED / 60) <= calls_a_minute * 1.1


async def quotes_nothing() -> frozenset[Detail]:
    return frozenset()


async def sees_nothing(*_: object) -> tuple[Evidence, ...]:
    return ()


async def wakes_nobody(_: object) -> None:
    return None


def followed(run_id: str, sha: str, now: float) -> TrackedRun:
    run = Run(RunId(run_id), "", "queued")
    command = CommandId(f"ic-{run_id}.1")
    one = TrackedRun(command, run, RepoName(REPO), Sha(sha), "nightly.yaml", "", now)
    return replace(one, next_poll_at=now)


async def test_in_a_throng_a_listing_wakes_whom_it_concerns(
    depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    """Everybody looks every 30 s only, and yet an end is noticed at the next listing."""
    depot.plan(queued=0.0, seconds=3600.0)
    sha = github.pull(REPO, 1).head_sha
    begun = [depot.foreign_run(REPO, sha, ".depot/workflows/nightly.yaml") for _ in range(200)]
    woken: dict[RunId, float] = {}

    async def wake(run_ids: Sequence[RunId]) -> None:
        for run_id in run_ids:
            woken.setdefault(run_id, clock.time)

    async with httpx.AsyncClient(transport=depot.transport()) as client:
        client_of_depot = Depot(client, url="http://depot.test", token=depot.token)
        board = ActiveRuns(client_of_depot, clock, wake, wakes_nobody)
        runs = [followed(run.run_id, sha, clock.time) for run in begun]
        for _ in range(2):
            clock.time += POLLING.longest
            runs = [
                await poll(client_of_depot, board, clock, run, quotes_nothing, sees_nothing)
                for run in runs
            ]
        assert {run.next_poll_at for run in runs} == {clock.time + POLLING.longest}
        woken.clear()
        depot.finish(begun[7].run_id)
        ended = clock.time
        while not woken:
            clock.time += 1.0
            await poll(client_of_depot, board, clock, runs[0], quotes_nothing, sees_nothing)
    assert list(woken) == [begun[7].run_id]
    assert woken[RunId(begun[7].run_id)] - ended <= LISTING_SECONDS + 1.0
