"""How long to wait before something is tried again: one formula, and a policy for each use."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

LONGEST_ASKED = 24 * 3600.0
"""Seconds; the longest pause that is taken for one."""


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses in seconds that grow by *factor*, from the first to the longest."""

    first: float
    factor: float
    longest: float

    def pause(self, tries: int, at_least: float | None = None) -> float:
        """Seconds to wait after *tries* earlier tries; no less than the other side asked for."""
        grown = self.longest
        if tries < math.log(self.longest / self.first, self.factor):
            grown = self.first * self.factor**tries
        return max(grown, at_least or 0.0)

    def pause_after(self, seconds: float, at_least: float | None = None) -> float:
        """Seconds to wait when the tries are not counted, but have gone on for *seconds*.

        Each pause is a fixed share of the time before it, so the pauses grow by *factor* as well.
        """
        grown = max(self.first, seconds * (self.factor - 1.0))
        return max(min(grown, self.longest), at_least or 0.0)


POLLING = Backoff(first=2.0, factor=1.3, longest=30.0)
"""Between two polls of a run that is under way."""

DETAILS = Backoff(first=2.0, factor=2.0, longest=600.0)
"""Before it is asked again for what is missing of a run that is over."""

START_SEARCH = Backoff(first=1.0, factor=2.0, longest=8.0)
"""Between two searches for the run of a call whose outcome is unknown."""

UPSTREAM_TROUBLE = Backoff(first=2.0, factor=1.5, longest=60.0)
"""Before a command is tried again while GitHub or Depot does not answer."""

REPLY_REFUSED = Backoff(first=2.0, factor=2.0, longest=3600.0)
"""Before a reply is written again that GitHub refused."""

FAULTY_STEP = Backoff(first=2.0, factor=3.0, longest=600.0)
"""Before a step is repeated that failed for a reason that nobody foresaw."""

FAILED_STEP = Backoff(first=1.0, factor=2.0, longest=60.0)
"""Before a step is repeated that failed because of GitHub or Depot."""


def seconds_asked(headers: Mapping[str, str]) -> float | None:
    """How many seconds the other side asks us to wait; none when it does not."""
    value = headers.get("retry-after", "")
    # However long a pause is asked for: more than a day is no pause, and no number either.
    return min(float(value[:9]), LONGEST_ASKED) if value.isdecimal() else None
