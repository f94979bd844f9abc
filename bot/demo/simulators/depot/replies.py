"""Answers: what Depot has to say, and the ways in which that arrives, whole or not."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.demo.simulators.depot.calls import Call
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.forms import Form, last_frame

Fields = Mapping[str, Any]
Change = Callable[[Fields], Fields]


class Reply(Protocol):
    """What Depot has to say to a call."""

    def response(self) -> Response:
        """Sent whole."""
        ...

    def cut(self) -> Response:
        """Sent in part, as if it were whole."""
        ...

    def lost(self) -> Response:
        """Begun, and then the connection breaks."""
        ...

    def changed(self, change: Change) -> "Reply":
        """The same with other fields in its messages."""
        ...


class LostResponse(Response):
    """Announces more than it sends and stops, upon which a server closes the connection."""

    def __init__(self, content_type: str = "application/json") -> None:
        super().__init__(media_type=content_type)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the beginning of an answer and nothing else."""
        content_type = str(self.media_type).encode()
        headers = [(b"content-type", content_type), (b"content-length", b"64")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


class LostStream(LostResponse):
    """Sends one message of a stream, if it has any, and stops: a server closes the connection."""

    def __init__(self, content_type: str, frames: AsyncGenerator[bytes]) -> None:
        super().__init__(content_type)
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the first message and nothing else."""
        headers = [(b"content-type", str(self.media_type).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        async with aclosing(self._frames) as frames:
            first = await anext(frames, b"")
        await send({"type": "http.response.body", "body": first, "more_body": True})


@dataclass(frozen=True, slots=True)
class Answer:
    """One message."""

    form: Form
    fields: Fields

    def response(self) -> Response:
        """200."""
        return self._sent(self.form.write(self.fields))

    def cut(self) -> Response:
        """Half of the bytes."""
        body = self.form.write(self.fields)
        return self._sent(body[: len(body) // 2])

    def lost(self) -> Response:
        """A few bytes."""
        return LostResponse(self.form.content_type)

    def changed(self, change: Change) -> "Answer":
        """Another message."""
        return replace(self, fields=change(self.fields))

    def _sent(self, body: bytes) -> Response:
        return Response(body, media_type=self.form.content_type)


@dataclass(frozen=True, slots=True)
class Refusal:
    """An error instead of a message. It is JSON in either form."""

    status: int
    error: ConnectError
    headers: Mapping[str, str] = field(default_factory=dict)

    def response(self) -> Response:
        """The code as an HTTP status, and with the text in the body."""
        return self._sent(self._body())

    def cut(self) -> Response:
        """Half of the body."""
        body = self._body()
        return self._sent(body[: len(body) // 2])

    def lost(self) -> Response:
        """A few bytes."""
        return LostResponse()

    def changed(self, change: Change) -> "Refusal":
        """The same: there is no message in it."""
        return self

    def _body(self) -> bytes:
        return msgspec.json.encode(self.error.as_fields())

    def _sent(self, body: bytes) -> Response:
        return Response(body, self.status, dict(self.headers), media_type="application/json")


async def _nothing() -> AsyncGenerator[Fields]:
    none: tuple[Fields, ...] = ()
    for fields in none:
        yield fields


@dataclass(frozen=True, slots=True)
class Stream:
    """Messages as they come, and how it ended. The HTTP status is 200 whatever happens."""

    form: Form
    call: Call
    messages: AsyncGenerator[Fields] = field(default_factory=_nothing)
    error: ConnectError | None = None
    """An error instead of messages."""
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()

    def response(self) -> Response:
        """All frames."""
        return self._sent(self._frames())

    def cut(self) -> Response:
        """All frames but the closing one."""
        return self._sent(self._frames(closes=False))

    def lost(self) -> Response:
        """The first message."""
        return LostStream(self.form.content_type, self._frames(closes=False))

    def changed(self, change: Change) -> "Stream":
        """Other messages."""
        return replace(self, changes=(*self.changes, change))

    def _sent(self, frames: AsyncGenerator[bytes]) -> Response:
        content_type = self.form.content_type
        return StreamingResponse(frames, 200, dict(self.headers), media_type=content_type)

    async def _frames(self, *, closes: bool = True) -> AsyncGenerator[bytes]:
        error = self.error
        try:
            async with aclosing(self.messages) as messages:
                async for fields in messages:
                    for change in self.changes:
                        fields = change(fields)
                    yield self.form.write(fields)
        except ConnectError as raised:
            error = raised
        if closes:
            self.call.code = error.code if error else ""
            yield last_frame(error)
