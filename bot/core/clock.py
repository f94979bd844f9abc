"""Time as a parameter: the bot asks a `Clock`, and tests and the demo pass their own."""

from __future__ import annotations

import time
from typing import Protocol

DAY = 24 * 3600.0
"""Seconds."""


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()


class AdjustedClock:
    """A clock corrected to one that several machines share."""

    def __init__(self, base: Clock) -> None:
        self._base = base
        self._offset = 0.0

    def now(self) -> float:
        return self._base.now() + self._offset

    def adjust(self, shared: float) -> None:
        """Set this clock to *shared*, the time of the common clock."""
        self._offset = shared - self._base.now()
