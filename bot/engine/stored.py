"""What is stored before something is done outside, so that whoever takes over can tell."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from bot.core.clock import Clock

SLOW_SECONDS = 5.0
"""What the database may take for it: half a lease. After that somebody else may have taken over,
and wait for what was to be done since then."""


async def store_anew(clock: Clock, save: Callable[[], Awaitable[None]]) -> None:
    """Store what is about to be done, and again as long as that takes long. Raises LeaseLost for
    who was taken over meanwhile."""
    took = math.inf
    while took > SLOW_SECONDS:
        begun = clock.now()
        await save()
        took = clock.now() - begun
