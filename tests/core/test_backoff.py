"""How long is waited, as a table; and that no policy ever leaves its bounds."""

from __future__ import annotations

from itertools import pairwise

import pytest

from bot.core.backoff import FAILED_STEP, POLLING, START_SEARCH, UPSTREAM_TROUBLE, Backoff

BY_TRIES = {
    "polling": (POLLING, [2.0, 2.6, 3.38, 4.394, 5.7122]),
    "start search": (START_SEARCH, [1.0, 2.0, 4.0, 8.0, 8.0]),
    "upstream trouble": (UPSTREAM_TROUBLE, [2.0, 3.0, 4.5, 6.75, 10.125]),
    "failed step": (FAILED_STEP, [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]),
}


@pytest.mark.parametrize(("policy", "pauses"), BY_TRIES.values(), ids=BY_TRIES)
def test_pauses(policy: Backoff, pauses: list[float]) -> None:
    assert [policy.pause(tries) for tries in range(len(pauses))] == pytest.approx(pauses)


@pytest.mark.parametrize("policy", [row[0] for row in BY_TRIES.values()], ids=BY_TRIES)
def test_a_pause_never_leaves_its_bounds(policy: Backoff) -> None:
    for grown in (
        [policy.pause(tries) for tries in range(10_000)],
        [policy.pause_after(float(seconds)) for seconds in range(10_000)],
    ):
        assert (grown[0], grown[-1]) == (policy.first, policy.longest)
        assert grown == sorted(grown)


@pytest.mark.parametrize(
    ("seconds", "pause"),
    [(0, 2), (2, 2), (4, 2), (6, 3), (9, 4.5), (100, 50), (120, 60), (900, 60)],
)
def test_a_pause_after_so_long(seconds: float, pause: float) -> None:
    assert UPSTREAM_TROUBLE.pause_after(seconds) == pause


def test_pauses_after_so_long_grow_by_the_factor() -> None:
    seconds, pauses = 6.0, []
    while (pause := UPSTREAM_TROUBLE.pause_after(seconds)) < UPSTREAM_TROUBLE.longest:
        pauses.append(pause)
        seconds += pause
    assert [after / before for before, after in pairwise(pauses)] == pytest.approx([1.5] * 7)


@pytest.mark.parametrize(
    ("at_least", "pause"), [(None, 4.0), (0.0, 4.0), (3.0, 4.0), (5.0, 5.0), (3600.0, 3600.0)]
)
def test_no_less_than_what_was_asked_for(at_least: float | None, pause: float) -> None:
    assert START_SEARCH.pause(2, at_least) == pause
    assert UPSTREAM_TROUBLE.pause_after(8.0, at_least) == pause
