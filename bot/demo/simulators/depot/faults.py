"""What can go wrong on the way, arranged per method: for one call, for n, or until lifted."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import anyio
from starlette.responses import Response

from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.replies import Change, LostResponse, Reply

__all__ = ["Arranged", "Fault", "Faults", "LostResponse", "Reply", "Work"]


class Work(Protocol):
    """A call as a fault gets hold of it. A fault that never calls it has refused the call."""

    def __call__(self) -> Reply:
        """Do what was asked, and say what came of it."""
        ...

    def refused(self, error: ConnectError, headers: Mapping[str, str]) -> Reply:
        """Say this instead."""
        ...


class Fault(Protocol):
    """One way in which a call goes wrong."""

    async def answer(self, work: Work) -> Response:
        """Answer the call, with or without doing the work."""
        ...


class Waitable(Protocol):
    """An event, of asyncio's or anyio's kind."""

    def wait(self) -> Awaitable[object]:
        """Wait until it is set."""
        ...


@dataclass(frozen=True, slots=True)
class Drop:
    """Do the work and lose the answer."""

    async def answer(self, work: Work) -> Response:
        """Close the connection in the middle of the answer."""
        return work().lost()


@dataclass(frozen=True, slots=True)
class Error:
    """Answer with an error, after the work or instead of it."""

    code: str
    message: str = ""
    retry_after: int | None = None
    works: bool = False

    async def answer(self, work: Work) -> Response:
        """Answer with the error."""
        if self.works:
            work()
        headers = {} if self.retry_after is None else {"retry-after": str(self.retry_after)}
        error = ConnectError(self.code, self.message or self.code.replace("_", " "))
        return work.refused(error, headers).response()


@dataclass(frozen=True, slots=True)
class Late:
    """Do the work at once and answer late."""

    wait: Callable[[], Awaitable[object]]

    async def answer(self, work: Work) -> Response:
        """Answer when the wait is over."""
        reply = work()
        await self.wait()
        return reply.response()


@dataclass(frozen=True, slots=True)
class NotDepot:
    """Answer as something between the bot and Depot would: no JSON, and nothing done."""

    status: int
    body: str = ""

    async def answer(self, work: Work) -> Response:
        """Answer without asking Depot."""
        return Response(self.body, self.status, media_type="text/html" if self.body else None)


@dataclass(frozen=True, slots=True)
class CutInHalf:
    """Do the work and answer with half of the body, as if it were whole.

    A stream loses its closing frame.
    """

    async def answer(self, work: Work) -> Response:
        """Answer with what cannot be parsed."""
        return work().cut()


@dataclass(frozen=True, slots=True)
class Changed:
    """Do the work and change the answer: leave out keys at any depth, or turn their order round."""

    change: Change

    async def answer(self, work: Work) -> Response:
        """Answer with less, or with the same in another order."""
        return work().changed(self.change).response()


@dataclass(slots=True)
class Arranged:
    """A fault that waits for its calls."""

    fault: Fault
    method: str | None
    left: int | None
    every: int = 1
    seen: int = 0

    def lift(self) -> None:
        """Let it happen no more."""
        self.left = 0

    def strikes(self, method: str) -> bool:
        """Whether this call is the one; counts it."""
        if self.left == 0 or self.method not in (None, method):
            return False
        self.seen += 1
        if self.seen % self.every:
            return False
        if self.left is not None:
            self.left -= 1
        return True


@dataclass(slots=True)
class Faults:
    """The faults that are arranged. `times=None` means until lifted, `method=None` any method."""

    arranged: list[Arranged] = field(default_factory=list)

    def strike(self, method: str) -> Fault | None:
        """The fault for this call, if there is one; the first that was arranged wins."""
        return next((each.fault for each in self.arranged if each.strikes(method)), None)

    def lift(self) -> None:
        """Let nothing go wrong any more."""
        self.arranged.clear()

    def arrange(
        self, fault: Fault, method: str | None, times: int | None = 1, every: int = 1
    ) -> Arranged:
        """Let a fault happen on these calls; with `every=3`, on each third of them."""
        arranged = Arranged(fault, method, times, every)
        self.arranged.append(arranged)
        return arranged

    def drop(self, method: str | None, times: int | None = 1) -> Arranged:
        """Do the work, then lose the connection."""
        return self.arrange(Drop(), method, times)

    def fail_after(
        self, method: str | None, code: str = "unavailable", times: int | None = 1
    ) -> Arranged:
        """Do the work, then say that it failed."""
        return self.arrange(Error(code, works=True), method, times)

    def late(
        self,
        method: str | None,
        *,
        seconds: float = 0,
        until: Waitable | None = None,
        times: int | None = 1,
    ) -> Arranged:
        """Do the work at once, and answer after some real seconds or when an event is set."""

        async def wait() -> None:
            await (anyio.sleep(seconds) if until is None else until.wait())

        return self.arrange(Late(wait), method, times)

    def refuse(
        self,
        method: str | None,
        code: str = "unavailable",
        *,
        message: str = "",
        retry_after: int | None = None,
        times: int | None = 1,
        every: int = 1,
    ) -> Arranged:
        """Do nothing and answer with an error."""
        return self.arrange(Error(code, message, retry_after), method, times, every)

    def revoke_token(self) -> Arranged:
        """Refuse every token from now on."""
        return self.refuse(None, "unauthenticated", message="Invalid token", times=None)

    def html(self, method: str | None, status: int = 502, times: int | None = 1) -> Arranged:
        """Do nothing and answer with a proxy's error page."""
        page = f"<html><body><h1>{status}</h1><p>cloud-proxy</p></body></html>"
        return self.arrange(NotDepot(status, page), method, times)

    def no_such_path(self, method: str | None, times: int | None = 1) -> Arranged:
        """Do nothing and answer 404 without a body, as for a wrong base URL."""
        return self.arrange(NotDepot(404), method, times)

    def cut(self, method: str | None, times: int | None = 1) -> Arranged:
        """Do the work, and answer 200 with half a body."""
        return self.arrange(CutInHalf(), method, times)

    def leave_out(self, method: str | None, *keys: str, times: int | None = 1) -> Arranged:
        """Do the work, and leave keys such as `runId` out of the answer."""
        left_out = frozenset(keys)
        return self.arrange(Changed(lambda fields: _without(fields, left_out)), method, times)

    def reorder(self, method: str | None = None, times: int | None = None) -> Arranged:
        """Answer with the keys in another order."""
        return self.arrange(Changed(_reordered), method, times)


def _without(fields: Mapping[str, Any], keys: frozenset[str]) -> dict[str, Any]:
    return {
        key: _inside(value, lambda inner: _without(inner, keys))
        for key, value in fields.items()
        if key not in keys
    }


def _reordered(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _inside(fields[key], _reordered) for key in reversed(list(fields))}


def _inside(value: object, change: Callable[[Mapping[str, Any]], object]) -> object:
    if isinstance(value, dict):
        return change(value)
    if isinstance(value, list | tuple):
        return [_inside(entry, change) for entry in value]
    return value
