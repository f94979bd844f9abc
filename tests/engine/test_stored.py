"""What is stored before something is done outside: who was taken over meanwhile does nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.engine.stored import SLOW_SECONDS, store_anew
from bot.storage.part import LeaseLost
from tests.support.commands import said, stands
from tests.support.conversation import Conversation, ManualClock
from tests.support.pull_requests import hears_all
from tests.support.standstill import standing_still

pytestmark = pytest.mark.anyio

SECONDS = [1.0, 12.0, 60.0]


@pytest.mark.parametrize(
    ("took", "stored"),
    [([0.0], 1), ([SLOW_SECONDS], 1), ([SLOW_SECONDS + 1, 0.0], 2), ([60.0, 7.0, 1.0], 3)],
)
async def test_it_is_stored_anew_until_that_is_quick(took: list[float], stored: int) -> None:
    clock, saved = ManualClock(), list[float]()

    async def save() -> None:
        saved.append(clock.now())
        clock.time += took[len(saved) - 1]

    await store_anew(clock, save)
    assert len(saved) == stored


async def test_who_was_taken_over_hears_of_it() -> None:
    clock, times = ManualClock(), 0

    async def save() -> None:
        nonlocal times
        times += 1
        clock.time += 20.0
        if times == 2:
            raise LeaseLost("ic-1")

    with pytest.raises(LeaseLost):
        await store_anew(clock, save)


def posts(pr: Conversation) -> int:
    return sum(
        one.method == "POST" and one.path.endswith("/comments") for one in pr.github.requests
    )


def calls(method: str) -> Callable[[Conversation], int]:
    return lambda pr: len(pr.depot.calls_of(method))


@pytest.mark.parametrize("seconds", SECONDS)
@pytest.mark.parametrize(
    ("command", "words", "count"),
    [
        ("run ci.yml", "reply_attempted_at=", posts),
        ("run ci.yml", "INSERT INTO start_attempts", calls("Run")),
        ("retry", "INSERT INTO pending_changes", calls("RetryFailedJobs")),
        ("rerun", "INSERT INTO pending_changes", calls("RerunWorkflow")),
    ],
)
async def test_nothing_is_done_for_whom_somebody_else_does_it(
    pr: Conversation,
    depot: SimulatedDepot,
    seconds: float,
    command: str,
    words: str,
    count: Callable[[Conversation], int],
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed" if "run " not in command else "finished")
    if "run " not in command:
        await pr.says("alice", "/depot run ci.yml")
        await pr.passes(60)
        hears_all(pr)
    before = count(pr)
    with standing_still(pr.clock, words, seconds) as stood:
        await pr.says("alice", f"/depot {command}")
        assert stood
        assert count(pr) - before == (seconds < 10.0)
        await pr.passes(300)
    hears_all(pr)
    assert count(pr) - before == 1
    assert "✅ passed" in stands(pr)[0]


@pytest.mark.parametrize("seconds", SECONDS)
async def test_nobody_is_mentioned_by_two(
    pr: Conversation, depot: SimulatedDepot, seconds: float
) -> None:
    depot.plan(job="test", outcome="failed")
    with standing_still(pr.clock, "mention_attempted_at=", seconds) as stood:
        await pr.says("alice", "/depot run ci.yml")
        while not stood:
            await pr.passes(1)
        assert len(pr.mentions()) == (seconds < 10.0)
        await pr.passes(300)
    hears_all(pr)
    assert len(pr.mentions()) == 1
    assert len(said(pr)) == 1
