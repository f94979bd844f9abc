"""What is stored before something is done outside, so that a worker that takes over knows."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

from bot.core.clock import Clock
from bot.storage.queue import LEASE_SECONDS

SLOW_SECONDS = LEASE_SECONDS / 2
"""What the database may take for it. After a lease another worker may have taken over, and counts
from the time that was stored."""


async def store_anew(clock: Clock, save: Callable[[], Awaitable[None]]) -> None:
    """Store what is about to be done, and again as long as that takes long. Raises LeaseLost for
    who was taken over meanwhile."""
    took = math.inf
    while took > SLOW_SECONDS:
        begun = clock.now()
        await save()
        took = clock.now() - begun
