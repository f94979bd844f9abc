"""The content types of Connect: what a request's body holds, and how an answer is put on the wire.

The bot speaks one: a unary call in JSON. Others can be added to a method from outside.
"""

import gzip
import zlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from bot.demo.simulators.depot.calls import Call
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.replies import Answer, Refusal, Reply
from bot.demo.simulators.depot.wire import as_object, written

Said = Message | AsyncGenerator[Message]
"""What a method answers with: one message, or many as they come."""


class Form(Protocol):
    """A content type, for the calls of one method."""

    @property
    def content_type(self) -> str:
        """Its name."""
        ...

    def read(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """The fields of a request; ConnectError `invalid_argument` when it is none."""
        ...

    def answer(self, call: Call, said: Said, *, extra_keys: bool) -> Reply:
        """What the method has said."""
        ...

    def refuse(
        self, call: Call, status: int, error: ConnectError, headers: Mapping[str, str]
    ) -> Reply:
        """An error instead."""
        ...


class Codec(Protocol):
    """How a message becomes bytes. It gives and takes the fields that the message has in JSON, so
    that a fault changes an answer in one way for any codec."""

    def read(self, body: bytes, kind: type[Message]) -> dict[str, Any]:
        """The fields of a request; ConnectError `invalid_argument` when it is none."""
        ...

    def write(self, fields: Mapping[str, Any], kind: type[Message]) -> bytes:
        """An answer of this kind."""
        ...


class Json:
    """proto3's JSON."""

    def read(self, body: bytes, kind: type[Message]) -> dict[str, Any]:
        """The object as it was sent."""
        return as_object(body)

    def write(self, fields: Mapping[str, Any], kind: type[Message]) -> bytes:
        """Any kind is written alike."""
        return msgspec.json.encode(fields)


@dataclass(frozen=True, slots=True)
class Unary:
    """A bare message is the body, of the request and of the answer."""

    content_type: str
    codec: Codec
    asked: type[Message]
    answered: type[Message]

    def read(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """The fields of a request."""
        message = decompress(body, headers.get("content-encoding", ""))
        return self.codec.read(message, self.asked)

    def answer(self, call: Call, said: Said, *, extra_keys: bool) -> Reply:
        """The message, with 200."""
        assert isinstance(said, Message)
        return Answer(self.content_type, self.write, written(said, extra_keys=extra_keys))

    def refuse(
        self, call: Call, status: int, error: ConnectError, headers: Mapping[str, str]
    ) -> Reply:
        """The error, by the HTTP status. It is JSON whatever the content type."""
        return Refusal(status, error, headers)

    def write(self, fields: Mapping[str, Any]) -> bytes:
        """An answer's message."""
        return self.codec.write(fields, self.answered)


def decompress(body: bytes, encoding: str) -> bytes:
    """What a client has compressed; it may use gzip, and learns so if it does otherwise."""
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise ConnectError(
            "unimplemented", f'unknown compression "{encoding}": supported encodings are gzip'
        )
    try:
        return gzip.decompress(body)
    except (OSError, EOFError, zlib.error):
        raise ConnectError("invalid_argument", "cannot decompress message") from None
