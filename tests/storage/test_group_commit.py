"""Group commit: what waits goes together, and each gets its own result."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from bot.storage.group_commit import MOST, GroupCommit

pytestmark = pytest.mark.anyio


class Disk:
    """Stores numbers, doubles them, and takes its time; it cannot store what is negative."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []

    async def store(self, numbers: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        self.groups.append(list(numbers))
        if any(number < 0 for number in numbers):
            raise ValueError(f"{len(numbers)} of them")
        return [number * 2 for number in numbers]


async def test_what_comes_in_meanwhile_goes_together() -> None:
    disk = Disk()
    commit = GroupCommit(disk.store)
    assert await asyncio.gather(*(commit.add(number) for number in range(5))) == [0, 2, 4, 6, 8]
    assert disk.groups == [[0, 1, 2, 3, 4]]
    first = asyncio.create_task(commit.add(5))
    await asyncio.sleep(0.01)
    assert await commit.add(6) == 12
    assert await first == 10
    assert disk.groups[1:] == [[5], [6]]


async def test_a_group_has_an_end() -> None:
    disk = Disk()
    commit = GroupCommit(disk.store)
    numbers = range(MOST + 1)
    assert await asyncio.gather(*(commit.add(n) for n in numbers)) == [n * 2 for n in numbers]
    assert [len(group) for group in disk.groups] == [MOST, 1]


async def test_what_cannot_be_stored_takes_nothing_with_it() -> None:
    disk = Disk()
    commit = GroupCommit(disk.store)
    one, bad, other = await asyncio.gather(
        commit.add(1), commit.add(-1), commit.add(2), return_exceptions=True
    )
    assert (one, other) == (2, 4)
    assert isinstance(bad, ValueError)
    assert str(bad) == "1 of them"
    assert disk.groups == [[1, -1, 2], [1], [-1], [2]]
    assert await commit.add(3) == 6  # and it goes on


async def test_the_only_one_that_cannot_be_stored_is_tried_once() -> None:
    disk = Disk()
    with pytest.raises(ValueError, match="1 of them"):
        await GroupCommit(disk.store).add(-1)
    assert disk.groups == [[-1]]


async def test_a_caller_that_is_cancelled_stops_nobody() -> None:
    disk = Disk()
    commit = GroupCommit(disk.store)
    cancelled = asyncio.create_task(commit.add(1))
    waiting = asyncio.create_task(commit.add(2))
    await asyncio.sleep(0)
    cancelled.cancel()
    assert await waiting == 4
    assert disk.groups == [[1, 2]]
    assert cancelled.cancelled()
