"""What following costs Depot: calls a minute for 1, 100, 1,000 and 2,000 runs that are under way.

The jobs of a run that moves are read every 30 s, above 1,000 runs every 2 min; the rest is listings.
Runs that wait for a machine cost listings alone.
"""

from __future__ import annotations

import heapq
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import httpx
import pytest

from bot.core.failures import Evidence
from bot.core.models import TrackedRun
from bot.core.runs import Run
from bot.core.types import CommandId, Detail, RepoName, RunId, Sha
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.depot.client import Depot
from bot.engine.active_runs import LISTING_SECONDS, ActiveRuns
from bot.engine.run_poller import poll
from tests.support.conversation import REPO, ManualClock

pytestmark = pytest.mark.anyio

SETTLED = 300.0
"""Seconds after which every pause has grown to its longest."""

MEASURED = 240.0


@dataclass
class Followed:
    """The ledger's side: how many runs are followed, and which were woken when."""

    count: int
    clock: ManualClock
    woken: dict[RunId, float] = field(default_factory=dict)
    next_job_at: float = 0.0

    async def count_followed(self) -> int:
        return self.count

    async def wake_runs(self, run_ids: Sequence[RunId]) -> bool:
        self.woken.update(dict.fromkeys(run_ids, self.clock.time))
        return bool(run_ids)

    async def reread_runs(self, run_ids: Sequence[RunId]) -> bool:
        return False

    async def claim_periodic_job(self, name: str, every: float) -> bool:
        if self.clock.time < self.next_job_at:
            return False
        self.next_job_at = self.clock.time + every
        return True


@asynccontextmanager
async def client_of(depot: SimulatedDepot) -> AsyncIterator[Depot]:
    async with httpx.AsyncClient(transport=depot.transport()) as client:
        yield Depot(client, url="http://depot.test", token=depot.token)


async def quotes_nothing() -> frozenset[Detail]:
    return frozenset()


async def sees_nothing(*_: object) -> tuple[Evidence, ...]:
    return ()


def followed(run_id: str, sha: str, now: float) -> TrackedRun:
    run = Run(RunId(run_id), "", "queued")
    command = CommandId(f"ic-{run_id}.1")
    one = TrackedRun(command, run, RepoName(REPO), Sha(sha), "nightly.yaml", "", now)
    return replace(one, next_poll_at=now)


async def calls_a_minute(
    runs: int, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> float:
    """How many calls so many runs cost once their pauses have grown."""
    sha = github.pull(REPO, 1).head_sha
    begun = [depot.foreign_run(REPO, sha, ".depot/workflows/nightly.yaml") for _ in range(runs)]
    clock.time += 10
    start = clock.time
    async with client_of(depot) as client:
        active_runs = ActiveRuns(client, clock, Followed(runs, clock))
        queue = [
            (clock.time + place / runs, place, followed(run.run_id, sha, clock.time))
            for place, run in enumerate(begun)
        ]
        next_look = clock.time
        while queue[0][0] < start + SETTLED + MEASURED:
            due, place, run = heapq.heappop(queue)
            while next_look <= due:
                clock.time = max(clock.time, next_look)
                await active_runs.look()
                next_look += LISTING_SECONDS
            clock.time = max(clock.time, due)
            run = await poll(client, active_runs, clock, run, quotes_nothing, sees_nothing)
            assert not run.run.is_over
            assert run.next_poll_at is not None
            heapq.heappush(queue, (run.next_poll_at, place, run))
    return sum(call.at >= start + SETTLED for call in depot.calls) / (MEASURED / 60)


@pytest.mark.parametrize(("runs", "most"), [(1, 2), (100, 212), (1000, 2120), (2000, 1060)])
async def test_runs_that_move(
    runs: int, most: int, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    depot.plan(queued=0.0, seconds=3600.0)
    assert await calls_a_minute(runs, depot, github, clock) <= most * 1.1


@pytest.mark.parametrize(("runs", "most"), [(100, 62), (1000, 620)])
async def test_runs_that_wait_for_a_machine(
    runs: int, most: int, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    depot.hold()
    assert await calls_a_minute(runs, depot, github, clock) <= most * 1.1


async def test_a_listing_wakes_whom_it_concerns(
    depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    depot.plan(queued=0.0, seconds=3600.0)
    sha = github.pull(REPO, 1).head_sha
    begun = [depot.foreign_run(REPO, sha, ".depot/workflows/nightly.yaml") for _ in range(200)]
    runs = Followed(200, clock)
    async with client_of(depot) as client:
        active_runs = ActiveRuns(client, clock, runs)
        for _ in range(2):
            await active_runs.look()
            clock.time += LISTING_SECONDS
        runs.woken.clear()
        await active_runs.look()
        assert runs.woken == {}
        depot.finish(begun[7].run_id)
        clock.time += LISTING_SECONDS
        await active_runs.look()
    assert runs.woken == {begun[7].run_id: clock.time}


async def test_where_depot_lists_nothing_each_run_is_asked_for(
    depot: SimulatedDepot, clock: ManualClock
) -> None:
    tracked = replace(followed("r1", "a" * 40, clock.time), polls=50)
    async with client_of(depot) as client:
        active_runs = ActiveRuns(client, clock, Followed(500, clock))
        assert active_runs.pause(tracked) == 30.0
        await active_runs.look()
        assert active_runs.pause(tracked) == 120.0
        depot.faults.refuse("ListRuns", "unavailable")
        clock.time += LISTING_SECONDS
        await active_runs.look()
        assert active_runs.pause(tracked) == 30.0


async def test_what_another_process_lists_is_listed_once(
    depot: SimulatedDepot, clock: ManualClock
) -> None:
    shared = Followed(500, clock)
    tracked = replace(followed("r1", "a" * 40, clock.time), polls=50)
    async with client_of(depot) as client:
        here, there = ActiveRuns(client, clock, shared), ActiveRuns(client, clock, shared)
        await here.look()
        await there.look()
        assert len(depot.calls_of("ListRuns")) == 1
        assert here.pause(tracked) == there.pause(tracked) == 120.0
