"""Group commit: what comes in while something is being stored goes together into the next
transaction. Under load the disk is waited for once for many, and nobody waits longer for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

MOST = 100
"""Items that go into one transaction."""

Item = TypeVar("Item")
Result = TypeVar("Result")


class GroupCommit(Generic[Item, Result]):
    """Calls *store* with all items that have come in, and gives each caller its own result.

    *store* takes some items and returns a result for each, in their order, or raises when it has
    stored none of them.
    """

    def __init__(self, store: Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]) -> None:
        self._store = store
        self._waiting: list[tuple[Item, asyncio.Future[Result]]] = []
        self._task: asyncio.Task[None] | None = None

    async def add(self, item: Item) -> Result:
        """Store an item; raises what *store* raises. It is stored even when we are cancelled."""
        result: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, result))
        if self._task is None:
            self._task = asyncio.create_task(self._work())
        return await result

    async def _work(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting[:MOST], self._waiting[MOST:]
            if len(group) == 1 or not await self._try(group, is_last=False):
                # What cannot be stored must not take others with it.
                await asyncio.gather(*(self._try([one], is_last=True) for one in group))
        self._task = None

    async def _try(
        self, group: Sequence[tuple[Item, asyncio.Future[Result]]], *, is_last: bool
    ) -> bool:
        """Store a group; whether that worked. The last try tells the callers why it did not."""
        try:
            results = await self._store([item for item, _ in group])
        except Exception as error:
            for _, result in group if is_last else ():
                if not result.done():
                    result.set_exception(error)
            return False
        for (_, result), value in zip(group, results, strict=True):
            if not result.done():
                result.set_result(value)
        return True
