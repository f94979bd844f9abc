"""One flight per key, failures that are not kept, and callers that go away."""

from __future__ import annotations

import asyncio
import gc
from dataclasses import dataclass, field

import pytest
from cachetools import LRUCache, TTLCache

from bot.core.single_flight import SingleFlightCache
from tests.support.conversation import ManualClock

pytestmark = pytest.mark.anyio


@dataclass
class Source:
    """A slow place to fetch from: each fetch waits until it is let through."""

    fetches: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    fails: bool = False

    async def fetch(self) -> str:
        self.fetches += 1
        mine = self.fetches
        await self.gate.wait()
        if self.fails:
            raise ConnectionError("no answer")
        return f"value {mine}"


async def turns() -> None:
    """Let everything run that can run."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_value_is_fetched_once_and_kept() -> None:
    cached, source = SingleFlightCache[str, str]({}), Source()
    source.gate.set()
    assert [await cached.get("a", source.fetch) for _ in range(3)] == ["value 1"] * 3
    assert await cached.get("b", source.fetch) == "value 2"
    cached.forget("a")
    cached.forget("never there")
    assert await cached.get("a", source.fetch) == "value 3"
    assert await cached.get("b", source.fetch) == "value 2"


async def test_nothing_at_all_is_a_value_too() -> None:
    cached, fetches = SingleFlightCache[str, None]({}), []

    async def fetch() -> None:
        fetches.append(1)

    await cached.get("a", fetch)
    await cached.get("a", fetch)
    assert fetches == [1]


async def test_those_who_ask_meanwhile_wait_for_the_same_flight() -> None:
    cached, source = SingleFlightCache[str, str]({}), Source()
    callers = [asyncio.create_task(cached.get("a", source.fetch)) for _ in range(20)]
    other = asyncio.create_task(cached.get("b", source.fetch))
    await turns()
    assert source.fetches == 2
    source.gate.set()
    assert set(await asyncio.gather(*callers)) == {"value 1"}
    assert await other == "value 2"
    assert await cached.get("a", source.fetch) == "value 1"


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    cached, source = SingleFlightCache[str, str]({}), Source(fails=True)
    callers = [asyncio.create_task(cached.get("a", source.fetch)) for _ in range(3)]
    await turns()
    source.gate.set()
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [ConnectionError] * 3
    source.fails = False
    assert await cached.get("a", source.fetch) == "value 2"


async def test_a_caller_that_goes_away_leaves_the_flight_to_the_others() -> None:
    cached, source = SingleFlightCache[str, str]({}), Source()
    first = asyncio.create_task(cached.get("a", source.fetch))
    second = asyncio.create_task(cached.get("a", source.fetch))
    await turns()
    first.cancel()
    await turns()
    assert first.cancelled()
    source.gate.set()
    assert await second == "value 1"


async def test_a_flight_that_everybody_left_still_lands() -> None:
    cached, source = SingleFlightCache[str, str]({}), Source()
    only = asyncio.create_task(cached.get("a", source.fetch))
    await turns()
    only.cancel()
    await turns()
    source.gate.set()
    await turns()
    assert await cached.get("a", source.fetch) == "value 1"


async def test_a_failure_that_nobody_waits_for_makes_no_noise() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    cached, source = SingleFlightCache[str, str]({}), Source(fails=True)
    only = asyncio.create_task(cached.get("a", source.fetch))
    await turns()
    only.cancel()
    await turns()
    source.gate.set()
    await turns()
    del only
    gc.collect()
    await turns()
    assert complaints == []


async def test_a_cancelled_fetch_is_not_kept() -> None:
    cached, fetches = SingleFlightCache[str, str]({}), 0

    async def fetch() -> str:
        nonlocal fetches
        fetches += 1
        if fetches == 1:
            raise asyncio.CancelledError
        return "value"

    with pytest.raises(asyncio.CancelledError):
        await cached.get("a", fetch)
    assert await cached.get("a", fetch) == "value"


async def test_bounds_and_lifetimes_are_the_stores(clock: ManualClock) -> None:
    source = Source()
    source.gate.set()
    small: SingleFlightCache[str, str] = SingleFlightCache(LRUCache(2))
    for key in "abcab":
        await small.get(key, source.fetch)
    assert source.fetches == 5
    short: SingleFlightCache[str, str] = SingleFlightCache(TTLCache(10, 60, clock.now))
    await short.get("a", source.fetch)
    clock.time += 59
    await short.get("a", source.fetch)
    assert source.fetches == 6
    clock.time += 1
    await short.get("a", source.fetch)
    assert source.fetches == 7


async def test_a_value_too_large_to_keep_is_still_answered() -> None:
    complaints: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: complaints.append(context))
    tiny: SingleFlightCache[str, str] = SingleFlightCache(LRUCache(3, getsizeof=len))
    source = Source()
    source.gate.set()
    assert await tiny.get("a", source.fetch) == "value 1"
    await turns()
    assert complaints == []
