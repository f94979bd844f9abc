"""A bounded cache for answers from outside, with one flight per key.

The bounds and lifetimes are cachetools'; what is added is that callers who ask for the same key
while it is being fetched wait for that one fetch.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, MutableMapping
from contextlib import suppress
from functools import partial
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class SingleFlightCache(Generic[K, V]):
    def __init__(self, store: MutableMapping[K, V]) -> None:
        self._store = store
        self._flights: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """The value under *key*, fetched when it is not there. A failed fetch is not kept."""
        try:
            return self._store[key]
        except KeyError:
            pass
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.ensure_future(fetch())
            self._flights[key] = flight
            flight.add_done_callback(partial(self._land, key))
        # Shielded: a caller that goes away must not take the fetch from those who still wait.
        return await asyncio.shield(flight)

    def forget(self, key: K) -> None:
        """Fetch *key* anew next time."""
        self._store.pop(key, None)

    def _land(self, key: K, flight: asyncio.Future[V]) -> None:
        self._flights.pop(key, None)
        if not flight.cancelled() and flight.exception() is None:
            # cachetools refuses a value that is larger than the whole cache: it is just not kept.
            with suppress(ValueError):
                self._store[key] = flight.result()
