"""Bodies while they come in."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import Message

from bot.github.webhooks import MAX_BODY, TooLarge
from bot.web.request_body import Bodies, Disconnected, Overloaded

pytestmark = pytest.mark.anyio


class Sender:
    """Sends what it is told to, piece by piece."""

    def __init__(self) -> None:
        self._messages: asyncio.Queue[Message] = asyncio.Queue()

    async def receive(self) -> Message:
        return await self._messages.get()

    async def sends(self, chunk: bytes, *, more: bool = True) -> None:
        await self._messages.put({"type": "http.request", "body": chunk, "more_body": more})
        for _ in range(5):
            await asyncio.sleep(0)

    async def hangs_up(self) -> None:
        await self._messages.put({"type": "http.disconnect"})


def reading(bodies: Bodies, sender: Sender) -> asyncio.Task[bytes]:
    return asyncio.create_task(bodies.read({}, sender.receive))


async def test_of_too_much_the_longest_is_dropped() -> None:
    bodies = Bodies(most=1000)
    short, long, other = Sender(), Sender(), Sender()
    tasks = [reading(bodies, one) for one in (short, long, other)]
    await short.sends(b"s" * 300)
    await long.sends(b"l" * 400)
    await other.sends(b"o" * 200)
    await other.sends(b"o" * 150)  # 1050 together
    await short.sends(b"s" * 300)  # the place of the dropped one is free at once
    await short.sends(b"s", more=False)
    await other.sends(b"", more=False)
    await long.sends(b"l")
    with pytest.raises(Overloaded):
        await tasks[1]
    assert [len(await tasks[0]), len(await tasks[2])] == [601, 350]


async def test_the_one_that_comes_may_be_the_longest() -> None:
    bodies = Bodies(most=1000)
    short, long = Sender(), Sender()
    kept, dropped = reading(bodies, short), reading(bodies, long)
    await short.sends(b"s" * 400)
    await long.sends(b"l" * 700)
    with pytest.raises(Overloaded) as no:
        await dropped
    assert no.value.status == 503
    await short.sends(b"", more=False)
    assert await kept == b"s" * 400


@pytest.mark.parametrize("how", ["read", "disconnected", "too large", "cancelled"])
async def test_nothing_is_counted_that_is_gone(how: str) -> None:
    bodies = Bodies(most=MAX_BODY + 2)
    for _ in range(3):
        sender = Sender()
        task = reading(bodies, sender)
        await sender.sends(b"x" * MAX_BODY, more=how != "read")
        match how:
            case "read":
                assert len(await task) == MAX_BODY
            case "disconnected":
                await sender.hangs_up()
                with pytest.raises(Disconnected):
                    await task
            case "too large":
                await sender.sends(b"x")
                with pytest.raises(TooLarge):
                    await task
            case "cancelled":
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
