"""What GitHub allows is never exceeded, whatever is asked; who waits goes in order."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.rate_limit import (
    GRACE,
    PER_HOUR,
    PER_MINUTE,
    Budget,
    WaitingWrite,
    WriteKind,
    count_ahead,
    enqueued,
)
from bot.core.types import RepoName, WorkItemId

NOW = 1_795_500_000.0
PER_MINUTE_ALLOWED = 80
PER_HOUR_ALLOWED = 500
"""docs.github.com/rest, "Rate limits": content-creating requests, secondary limits."""

HELD_BACK = {WriteKind.PASSING_EDIT, WriteKind.REACTION, WriteKind.AFTERTHOUGHT}
REPLY, PASSING, REACTION = WriteKind.FIRST_REPLY, WriteKind.PASSING_EDIT, WriteKind.REACTION


def spend(
    budget: Budget, writes: int, now: float = NOW, kind: WriteKind = WriteKind.FIRST_REPLY
) -> Budget:
    for _ in range(writes):
        budget = budget.spent(now, kind)
    return budget


# --- a table -------------------------------------------------------------------------------------

FULL = Budget()
EMPTY = spend(FULL, PER_MINUTE)
HOUR_EMPTY = Budget(tuple(NOW - 3000 + place for place in range(PER_HOUR)))


@pytest.mark.parametrize(
    ("budget", "later", "kind", "ahead", "wait"),
    [
        (FULL, 0.0, REPLY, 0, 0.0),
        (spend(FULL, PER_MINUTE - 1), 0.0, REPLY, 0, 0.0),
        (spend(FULL, PER_MINUTE - 1), 0.0, REPLY, 1, 60.0),
        (EMPTY, 0.0, REPLY, 0, 60.0),
        (EMPTY, 59.0, REPLY, 0, 1.0),
        (EMPTY, 60.0, REPLY, 0, 0.0),
        # The ones ahead go first, those of the next minute too.
        (EMPTY, 0.0, REPLY, PER_MINUTE - 1, 60.0),
        (EMPTY, 0.0, REPLY, PER_MINUTE, 120.0),
        (FULL, 0.0, REPLY, PER_MINUTE, 60.0),
        # Less important ones leave some.
        (spend(FULL, PER_MINUTE - 21), 0.0, PASSING, 0, 0.0),
        (spend(FULL, PER_MINUTE - 20), 0.0, PASSING, 0, 60.0),
        (spend(FULL, PER_MINUTE - 41), 0.0, REACTION, 0, 0.0),
        (spend(FULL, PER_MINUTE - 40), 0.0, REACTION, 0, 60.0),
        # The hour's.
        (HOUR_EMPTY, 0.0, REPLY, 0, 600.0),
        (HOUR_EMPTY, 0.0, REPLY, 10, 610.0),
        (HOUR_EMPTY, 600.0, REPLY, 0, 0.0),
        (HOUR_EMPTY, 600.0, PASSING, 0, 100.0),
        # A pause that GitHub asked for.
        (FULL.closed(NOW + 60), 0.0, REPLY, 0, 60.0),
        (FULL.closed(NOW + 60), 59.0, REPLY, 0, 1.0),
        (FULL.closed(NOW + 60), 60.0, REPLY, 0, 0.0),
        (FULL.closed(NOW + 60).closed(NOW + 10), 0.0, REPLY, 0, 60.0),
        (FULL.closed(NOW + 10).closed(NOW + 60), 0.0, REPLY, 0, 60.0),
    ],
)
def test_how_long_to_wait(
    budget: Budget, later: float, kind: WriteKind, ahead: int, wait: float
) -> None:
    assert budget.wait(NOW + later, kind, ahead) == pytest.approx(wait)


def test_a_pause_survives_a_write() -> None:
    assert FULL.closed(NOW + 60).spent(NOW, REPLY).closed_until == NOW + 60


def test_what_is_left_of_the_hour() -> None:
    assert FULL.left(NOW) == PER_HOUR
    assert EMPTY.left(NOW) == PER_HOUR - PER_MINUTE
    assert EMPTY.left(NOW + 3600.0) == PER_HOUR
    assert HOUR_EMPTY.left(NOW) == 0
    assert spend(HOUR_EMPTY, 5).left(NOW) == 0
    assert FULL.closed(NOW + 60.0).left(NOW) == 0


def test_only_an_hours_writes_are_remembered() -> None:
    assert len(EMPTY.spent(NOW + 3600, REPLY).written) == 1


# --- whatever is asked ---------------------------------------------------------------------------

pauses = st.lists(
    st.one_of(st.floats(0, 3), st.floats(0, 120), st.floats(0, 4000), st.just(0.0)), max_size=20
)
kinds = st.sampled_from(WriteKind)


def written(pauses: list[float], kind: WriteKind = REPLY) -> list[float]:
    """When writes happen, if after each pause as many are tried as there may be at once.

    Between pauses the account waits as it is told, for one write after the other.
    """
    budget, now, times = Budget(), NOW, []
    for pause in pauses:
        now += pause
        for _ in range(PER_MINUTE + 5):
            wait = budget.wait(now, kind)
            # As the ledger does: asked again when the time is over, written only at 0.
            while wait:
                now += wait + 1e-3
                wait = budget.wait(now, kind)
            budget = budget.spent(now, kind)
            times.append(now)
    return times


def busiest(times: list[float], window: float) -> int:
    """The most writes in any window of so many seconds."""
    most = start = 0
    for end, time in enumerate(times):
        while times[start] <= time - window:
            start += 1
        most = max(most, end - start + 1)
    return most


@given(pauses, kinds)
@example([0.0] * 20, REPLY)
@example([0.0, 25.0] * 10, REPLY)
@example([5000.0, *[0.0] * 20], REPLY)
def test_never_more_than_github_allows(pauses: list[float], kind: WriteKind) -> None:
    times = written(pauses, kind)
    assert all(earlier <= later for earlier, later in pairwise(times))
    assert busiest(times, 60.0) <= PER_MINUTE < PER_MINUTE_ALLOWED
    assert busiest(times, 3600.0) <= PER_HOUR < PER_HOUR_ALLOWED


def test_nearly_as_much_as_github_allows() -> None:
    times = written([0.0] * 10)
    assert busiest(times, 60.0) == PER_MINUTE
    assert busiest(times, 3600.0) == PER_HOUR


@given(st.lists(st.tuples(st.floats(0, 400), kinds), max_size=100), kinds)
def test_a_wait_is_as_long_as_it_has_to_be(
    steps: list[tuple[float, WriteKind]], kind: WriteKind
) -> None:
    """Neither is anything free before, nor is it still closed afterwards."""
    budget, now = Budget(), NOW
    for step, written in steps:
        now += step
        budget = spend(budget, 20, now, written)
        wait = budget.wait(now, kind)
        if wait:
            assert budget.wait(now + wait / 2, kind) > 0.0
            assert budget.wait(now + wait, kind) == pytest.approx(0.0, abs=2e-3)


# --- the queue -----------------------------------------------------------------------------------

HELLO, QUIET = RepoName("octo/hello"), RepoName("octo/quiet")


def waits(name: str, kind: WriteKind = REPLY, turn: int = 0, since: float = NOW) -> WaitingWrite:
    return WaitingWrite(WorkItemId(name), HELLO, kind, turn, since, asks_at=NOW)


@pytest.mark.parametrize(
    ("other", "is_ahead"),
    [
        (waits("z", WriteKind.FIRST_REPLY, turn=99, since=NOW + 9), True),
        (waits("z", WriteKind.RESULT, turn=4), True),
        (waits("z", WriteKind.RESULT, turn=5, since=NOW - 1), True),
        (waits("a", WriteKind.RESULT, turn=5), True),
        (waits("z", WriteKind.RESULT, turn=5), False),
        (waits("z", WriteKind.RESULT, turn=5, since=NOW + 1), False),
        (waits("a", WriteKind.RESULT, turn=6), False),
        (waits("a", WriteKind.MENTION), False),
        (waits("mine", WriteKind.FIRST_REPLY), False),
    ],
)
def test_who_goes_first(other: WaitingWrite, is_ahead: bool) -> None:
    mine = waits("mine", WriteKind.RESULT, turn=5)
    assert count_ahead(mine, [other], NOW) == is_ahead
    assert count_ahead(mine, [other], NOW + GRACE) == 0


def test_a_repository_that_waits_for_much_does_not_keep_others_waiting() -> None:
    budget = Budget(turn=7)
    waiting: list[WaitingWrite] = []
    for place in range(10):
        waiting.append(enqueued(WorkItemId(f"b-{place}"), HELLO, REPLY, waiting, budget, NOW))
    assert [one.turn for one in waiting] == list(range(7, 17))
    quiet = enqueued(WorkItemId("q"), QUIET, REPLY, waiting, budget, NOW + 1)
    assert count_ahead(quiet, waiting, NOW + 1) == 1


def test_a_place_is_kept() -> None:
    mine = waits("mine", turn=3, since=NOW - 100)
    again = enqueued(WorkItemId("mine"), HELLO, REPLY, [mine, waits("other")], Budget(turn=9), NOW)
    assert (again.turn, again.since) == (3, NOW - 100)


@pytest.mark.parametrize(
    ("written", "lately", "waits"),
    [
        (100, 100, set()),
        (120, 50, set()),
        (120, 60, HELD_BACK),
        (239, 90, HELD_BACK),
        (240, 79, HELD_BACK),
        (240, 80, set(WriteKind) - {WriteKind.FIRST_REPLY}),
    ],
)
def test_in_a_busy_hour_some_is_left_for_first_replies(
    written: int, lately: int, waits: set[WriteKind]
) -> None:
    now = 10_000.0
    before = [now - 3000.0 + place for place in range(written - lately)]
    since = [now - 500.0 + place * 4 for place in range(lately)]
    budget = Budget(tuple(before + since))
    assert {kind for kind in WriteKind if budget.wait(now, kind) > 0} == waits


@pytest.mark.parametrize(
    ("first_replies", "seconds", "others", "waits"),
    [
        # As many as 33 in five minutes are 396 in an hour.
        (33, 280, 86, False),  # nothing is held back before the hour is busy
        (33, 280, 93, False),
        (33, 280, 94, True),
        (17, 280, 220, False),  # 204 in an hour
        # Many at once say little of what is to come: they count as 8, which are 96 in an hour.
        (40, 50, 195, False),
        # However many there are, some results are told.
        (75, 280, 59, False),
        (75, 280, 60, True),
    ],
)
def test_results_leave_room_for_the_first_replies_to_come(
    first_replies: int, seconds: float, others: int, waits: bool
) -> None:
    now = 10_000.0
    before = tuple(now - 3000.0 + place * 3 for place in range(others))
    step = seconds / first_replies
    lately = tuple(now - seconds + place * step for place in range(first_replies))
    budget = Budget((*before, *lately), others=before)
    assert (budget.wait(now, WriteKind.RESULT) > 0) == waits
    assert (budget.wait(now, WriteKind.MENTION) > 0) == waits
    assert budget.wait(now, WriteKind.FIRST_REPLY) == 0


@pytest.mark.parametrize(
    ("privileged", "unprivileged", "others", "waits"),
    [
        # However many come from persons without the write role, in an hour they are answered with
        # 122: the rest is for others.
        (0, 40, 367, False),
        (0, 40, 368, True),
        (0, 5, 429, False),  # 60 in an hour
        (0, 5, 430, True),
        (10, 30, 247, False),  # 120 and 122 in an hour
        (10, 30, 248, True),
        (40, 0, 59, False),
        (40, 0, 80, True),
    ],
)
def test_few_first_replies_are_expected_for_persons_without_the_role(
    privileged: int, unprivileged: int, others: int, waits: bool
) -> None:
    now = 10_000.0
    before = tuple(now - 3000.0 + place * 5 for place in range(others))
    count = privileged + unprivileged
    lately = [now - 299.0 + place * 298 / count for place in range(count)]
    to_them = lately[:: count // unprivileged][:unprivileged] if unprivileged else []
    budget = Budget((*before, *lately), unprivileged=tuple(to_them), others=before)
    assert (budget.wait(now, WriteKind.RESULT) > 0) == waits
