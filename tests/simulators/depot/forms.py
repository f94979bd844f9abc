"""The streams of Connect.

A stream is made of frames: a byte of flags, four bytes of length, a message; the closing frame says
how the stream ended (O, from the Connect specification).
"""

import struct
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from bot.demo.simulators.depot.calls import Call
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.forms import Codec, Said, decompress
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.replies import Change, Fields, LostResponse, Reply
from bot.demo.simulators.depot.wire import written

_COMPRESSED = 0x01
_END_OF_STREAM = 0x02
_HEAD = struct.Struct(">BI")


@dataclass(frozen=True, slots=True)
class Streaming:
    """One message in a frame is the request's body, as many as there are the answer's."""

    content_type: str
    codec: Codec
    asked: type[Message]
    answered: type[Message]

    def read(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """The fields of a request."""
        message = _only_frame(body, headers.get("connect-content-encoding", ""))
        return self.codec.read(message, self.asked)

    def answer(self, call: Call, said: Said, *, extra_keys: bool) -> Reply:
        """The messages, as they come."""
        assert not isinstance(said, Message)
        messages = _written(said, extra_keys=extra_keys)
        return Stream(self.content_type, self.write, call, messages)

    def refuse(
        self, call: Call, status: int, error: ConnectError, headers: Mapping[str, str]
    ) -> Reply:
        """The error, in the closing frame."""
        return Stream(self.content_type, self.write, call, error=error, headers=headers)

    def write(self, fields: Fields) -> bytes:
        """One of the answer's messages, in its frame."""
        return _frame(self.codec.write(fields, self.answered))


async def _written(
    messages: AsyncGenerator[Message], *, extra_keys: bool
) -> AsyncGenerator[Fields]:
    async with aclosing(messages):
        async for message in messages:
            yield written(message, extra_keys=extra_keys)


def _frame(message: bytes, flags: int = 0) -> bytes:
    return _HEAD.pack(flags, len(message)) + message


def _last_frame(error: ConnectError | None) -> bytes:
    """What a stream closes with: nothing, or what went wrong. It is JSON whatever the codec."""
    said = {} if error is None else {"error": error.as_fields()}
    return _frame(msgspec.json.encode(said), _END_OF_STREAM)


def _only_frame(body: bytes, encoding: str) -> bytes:
    """The one message that a client sends when it asks for a stream."""
    if len(body) < _HEAD.size:
        raise ConnectError("invalid_argument", "missing request message")
    flags, length = _HEAD.unpack_from(body)
    message = body[_HEAD.size :]
    if len(message) != length:
        raise ConnectError("invalid_argument", "one request message is needed")
    return decompress(message, encoding) if flags & _COMPRESSED else message


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


async def _nothing() -> AsyncGenerator[Fields]:
    none: tuple[Fields, ...] = ()
    for fields in none:
        yield fields


@dataclass(frozen=True, slots=True)
class Stream:
    """Messages as they come, and how it ended. The HTTP status is 200 whatever happens."""

    content_type: str
    write: Callable[[Fields], bytes]
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
        return LostStream(self.content_type, self._frames(closes=False))

    def changed(self, change: Change) -> "Stream":
        """Other messages."""
        return replace(self, changes=(*self.changes, change))

    def _sent(self, frames: AsyncGenerator[bytes]) -> Response:
        return StreamingResponse(frames, 200, dict(self.headers), media_type=self.content_type)

    async def _frames(self, *, closes: bool = True) -> AsyncGenerator[bytes]:
        error = self.error
        try:
            async with aclosing(self.messages) as messages:
                async for fields in messages:
                    for change in self.changes:
                        fields = change(fields)
                    yield self.write(fields)
        except ConnectError as raised:
            error = raised
        if closes:
            self.call.code = error.code if error else ""
            yield _last_frame(error)
