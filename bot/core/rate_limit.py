"""How many writes to GitHub an account has left: two token buckets.

Pure. GitHub allows 80 content-creating requests a minute and 500 an hour (bot/github/README.md,
"Rate limits"). Some may be sent at once, so that a reaction and a reply are not delayed; further
ones are a second apart.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

BURST = 20.0
"""Writes that may be sent at once: together with one a second, 80 in the busiest minute."""

PER_SECOND = 1.0
HOUR_BURST = 250.0
PER_HOUR = 245.0
"""Writes that may be sent at once, and writes that an hour adds: together below 500 an hour."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Writes left at `counted_at`; times are seconds since the epoch."""

    minute: float
    hour: float
    counted_at: float
    closed_until: float = 0.0

    @classmethod
    def full(cls, now: float) -> Budget:
        return cls(BURST, HOUR_BURST, now)

    def at(self, now: float) -> Budget:
        """The budget at a later time."""
        passed = max(0.0, now - self.counted_at)
        return replace(
            self,
            minute=min(BURST, self.minute + passed * PER_SECOND),
            hour=min(HOUR_BURST, self.hour + passed * PER_HOUR / 3600),
            counted_at=max(now, self.counted_at),
        )

    def wait(self, now: float, keep: int = 0) -> float:
        """Seconds until a write is possible that leaves *keep* of the hour's; 0 when it is now."""
        left = self.at(now)
        wait = max(
            0.0,
            self.closed_until - now,
            (1 - left.minute) / PER_SECOND,
            (1 + keep - left.hour) * 3600 / PER_HOUR,
        )
        return round(wait, 6)  # anything smaller is a rounding error of floating point

    def spent(self, now: float) -> Budget:
        """The budget after one write."""
        left = self.at(now)
        return replace(left, minute=left.minute - 1, hour=left.hour - 1)

    def closed(self, until: float) -> Budget:
        """The budget after GitHub asked for a pause."""
        return replace(self, closed_until=max(self.closed_until, until))


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of an hour's requests to GitHub's API, as GitHub last reported."""

    limit: int
    remaining: int
    resets_at: float
    """Seconds since the epoch, by GitHub's clock."""
