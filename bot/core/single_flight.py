"""A cache for answers of GitHub and Depot with one fetch per key at a time.

The store, from cachetools, sets the bounds and lifetimes. Callers that ask for a key while it is
being fetched wait for that one fetch.
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
        self._fetches: dict[K, asyncio.Future[V]] = {}

    async def get(self, key: K, fetch: Callable[[], Awaitable[V]]) -> V:
        """The value under *key*, fetched when it is not cached.

        Raises what *fetch* raises; a failed fetch is not cached.
        """
        try:
            return self._store[key]
        except KeyError:
            pass
        running = self._fetches.get(key)
        if running is None:
            running = asyncio.ensure_future(fetch())
            self._fetches[key] = running
            running.add_done_callback(partial(self._finish, key))
        # Shielded: a caller that is cancelled must not cancel the fetch for the others.
        return await asyncio.shield(running)

    def forget(self, key: K) -> None:
        """Remove *key*, so that it is fetched again next time."""
        self._store.pop(key, None)

    def _finish(self, key: K, fetch: asyncio.Future[V]) -> None:
        self._fetches.pop(key, None)
        if not fetch.cancelled() and fetch.exception() is None:
            # cachetools refuses a value that is larger than the whole cache: it is not kept.
            with suppress(ValueError):
                self._store[key] = fetch.result()
