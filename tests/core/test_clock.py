"""The machine's clock, and one that is brought into line with another."""

from __future__ import annotations

import time

from bot.core.clock import AdjustedClock, SystemClock
from tests.support.conversation import ManualClock


def test_the_machines_clock() -> None:
    before = time.time()
    assert before <= SystemClock().now() <= time.time()


def test_an_adjusted_clock_goes_by_the_shared_one() -> None:
    base = ManualClock()
    base.time = 1_000.0
    clock = AdjustedClock(base)
    assert clock.now() == 1_000.0
    clock.adjust(1_600.0)
    assert clock.now() == 1_600.0
    base.time += 5
    assert clock.now() == 1_605.0
    clock.adjust(1_000.0)
    assert clock.now() == 1_000.0
