"""An event loop that does not wait: when nothing can go on, its time moves to the next timer."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable
from concurrent.futures import Executor
from typing import Any, TypeVar, TypeVarTuple, Unpack

from tests.support.conversation import START

T = TypeVar("T")
Args = TypeVarTuple("Args")


class SkippingLoop(asyncio.SelectorEventLoop):
    """Its time moves only when all is idle, and then at once: a wait of an hour takes no time,
    and what happens when is exact."""

    def __init__(self) -> None:
        self.skipped = 0.0
        self.is_busy: Callable[[], bool] = lambda: False
        """Whether another thread is at work whose answer the loop is waiting for."""
        self.in_threads = 0
        """The same of threads of its own: `asyncio.to_thread`."""
        super().__init__(_Skipping(self))

    def run_in_executor(
        self, executor: Executor | None, func: Callable[[Unpack[Args]], T], *args: *Args
    ) -> asyncio.Future[T]:
        self.in_threads += 1
        running = super().run_in_executor(executor, func, *args)
        running.add_done_callback(self._out_of_thread)
        return running

    def _out_of_thread(self, _: asyncio.Future[Any]) -> None:
        self.in_threads -= 1

    def time(self) -> float:
        return self.skipped


class _Skipping(selectors.DefaultSelector):
    def __init__(self, loop: SkippingLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        if self._loop.in_threads or self._loop.is_busy():
            return super().select(None)
        ready = super().select(0)
        if not ready:
            self._loop.skipped += timeout
        return ready


def skipping_loop() -> SkippingLoop:
    """The running loop, where `anyio_backend` says so."""
    loop: Any = asyncio.get_running_loop()
    assert isinstance(loop, SkippingLoop)
    return loop


class LoopClock:
    """A clock that goes with the running loop's time, also in other threads."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def now(self) -> float:
        return START + self._loop.time()
