"""How many writes an account has left: what GitHub allows is never exceeded, whatever is asked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.rate_limit import BURST, PER_SECOND, Budget

NOW = 1_795_500_000.0
PER_MINUTE_ALLOWED = 80
PER_HOUR_ALLOWED = 500
"""docs.github.com/rest, "Rate limits": content-creating requests, secondary limits."""


def spend(budget: Budget, writes: int, now: float = NOW) -> Budget:
    for _ in range(writes):
        budget = budget.spent(now)
    return budget


# --- a table -------------------------------------------------------------------------------------

FULL = Budget.full(NOW)
EMPTY = spend(FULL, int(BURST))
LAST = Budget(minute=BURST, hour=1.0, counted_at=NOW)
HOURLY = Budget(BURST, 0.0, NOW).wait(NOW)
"""Seconds in which one of the hour's writes comes back."""


@pytest.mark.parametrize(
    ("budget", "later", "keep", "wait"),
    [
        (FULL, 0.0, 0, 0.0),
        (spend(FULL, int(BURST) - 1), 0.0, 0, 0.0),
        (EMPTY, 0.0, 0, 1.0),
        (EMPTY, 0.75, 0, 0.25),
        (EMPTY, 1.0, 0, 0.0),
        # Nothing comes back for a clock that was set back.
        (EMPTY, -50.0, 0, 1.0),
        # The hour's.
        (LAST, 0.0, 0, 0.0),
        (LAST.spent(NOW), 0.0, 0, HOURLY),
        (LAST, 0.0, 1, HOURLY),
        (LAST, 0.0, 3, 3 * HOURLY),
        (LAST, HOURLY, 1, 0.0),
        # A pause that GitHub asked for.
        (FULL.closed(NOW + 60), 0.0, 0, 60.0),
        (FULL.closed(NOW + 60), 59.0, 0, 1.0),
        (FULL.closed(NOW + 60), 60.0, 0, 0.0),
        (FULL.closed(NOW + 60).closed(NOW + 10), 0.0, 0, 60.0),
        (FULL.closed(NOW + 10).closed(NOW + 60), 0.0, 0, 60.0),
        (LAST.spent(NOW).closed(NOW + 1), 0.0, 0, HOURLY),
    ],
)
def test_how_long_to_wait(budget: Budget, later: float, keep: int, wait: float) -> None:
    assert budget.wait(NOW + later, keep) == pytest.approx(wait)


def test_what_comes_back_is_no_more_than_there_was() -> None:
    assert EMPTY.at(NOW + 1e7) == Budget(FULL.minute, FULL.hour, NOW + 1e7)


def test_what_is_left_does_not_depend_on_how_often_it_is_looked_at() -> None:
    in_steps = EMPTY
    for step in range(1, 11):
        in_steps = in_steps.at(NOW + step / 2)
    at_once = EMPTY.at(NOW + 5)
    assert in_steps.minute == pytest.approx(at_once.minute)
    assert in_steps.hour == pytest.approx(at_once.hour)


def test_a_pause_survives_a_write() -> None:
    assert FULL.closed(NOW + 60).spent(NOW).closed_until == NOW + 60


def test_a_reaction_and_a_reply_come_at_once() -> None:
    assert FULL.spent(NOW).wait(NOW) == 0.0


# --- whatever is asked ---------------------------------------------------------------------------

pauses = st.lists(
    st.one_of(st.floats(0, 3), st.floats(0, 120), st.floats(0, 4000), st.just(0.0)), max_size=60
)


def written(pauses: list[float], keep: int = 0) -> list[float]:
    """When writes happen, if after each pause as many are tried as there may be at once.

    Between pauses the account waits as it is told, for one write after the other.
    """
    budget, now, times = Budget.full(NOW), NOW, []
    for pause in pauses:
        now += pause
        for _ in range(int(BURST) + 5):
            wait = budget.wait(now, keep)
            # As the ledger does: asked again when the time is over, written only at 0.
            while wait:
                now += wait + 1e-6
                wait = budget.wait(now, keep)
            budget = budget.spent(now)
            times.append(now)
    return times


def busiest(times: list[float], window: float) -> int:
    """The most writes in any window of so many seconds."""
    most = start = 0
    for end, time in enumerate(times):
        while times[start] < time - window:
            start += 1
        most = max(most, end - start + 1)
    return most


@given(pauses)
@example([0.0] * 60)
@example([0.0, 25.0] * 10)
def test_never_more_than_github_allows_in_a_minute(pauses: list[float]) -> None:
    times = written(pauses)
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert busiest(times, 60.0) <= PER_MINUTE_ALLOWED


@given(pauses)
@example([0.0] * 60)
@example([5000.0, *[0.0] * 60])
def test_never_more_than_github_allows_in_an_hour(pauses: list[float]) -> None:
    assert busiest(written(pauses), 3600.0) <= PER_HOUR_ALLOWED


@given(st.lists(st.floats(-100, 4000), max_size=30), st.integers(0, 100))
def test_a_wait_is_as_long_as_it_has_to_be(steps: list[float], keep: int) -> None:
    """Neither is anything free before, nor is it still closed afterwards."""
    budget, now = Budget.full(NOW), NOW
    for step in steps:
        now += step
        wait = budget.wait(now, keep)
        assert wait >= 0.0
        if wait:
            assert budget.wait(now + wait / 2, keep) > 0.0
            assert budget.wait(now + wait, keep) == pytest.approx(0.0, abs=1e-3)
        else:
            budget = budget.spent(now)
            assert budget.at(now).minute >= -1e-6
            assert budget.at(now).hour >= keep - 1e-6


@given(st.floats(0, 1e6), st.floats(0, 1e6), st.floats(0, 1e6))
def test_the_longest_pause_counts(one: float, other: float, later: float) -> None:
    closed = FULL.closed(NOW + one).closed(NOW + other)
    assert closed == FULL.closed(NOW + other).closed(NOW + one)
    assert closed.wait(NOW + later) == pytest.approx(max(0.0, max(one, other) - later), abs=1e-3)


def test_a_steady_writer_gets_one_a_second() -> None:
    times = written([0.0] * 3)
    gaps = [later - earlier for earlier, later in pairwise(times[int(BURST) :])]
    assert gaps
    assert all(gap == pytest.approx(1 / PER_SECOND, abs=1e-3) for gap in gaps)
