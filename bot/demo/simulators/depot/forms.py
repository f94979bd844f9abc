"""The content types of Connect: what a request's body holds, and how an answer is put on the wire.

A unary call has a bare message as its body. A stream is made of frames: a byte of flags, four bytes
of length, a message; the closing frame says how the stream ended (O, from the Connect
specification).
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import msgspec

from bot.demo.simulators.depot.codecs import Binary, Codec, Json, decompress
from bot.demo.simulators.depot.descriptor import describe
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.methods import METHODS, Method

_COMPRESSED = 0x01
_END_OF_STREAM = 0x02
_HEAD = struct.Struct(">BI")


@dataclass(frozen=True, slots=True)
class Form:
    """A content type, for the calls of one method."""

    content_type: str
    codec: Codec
    method: Method

    def read(self, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
        """The fields of a request."""
        if self.method.streams:
            message = _only_frame(body, headers.get("connect-content-encoding", ""))
        else:
            message = decompress(body, headers.get("content-encoding", ""))
        return self.codec.read(message, self.method.request)

    def write(self, fields: Mapping[str, Any]) -> bytes:
        """An answer's message; in a frame when it is one of a stream."""
        message = self.codec.write(fields, self.method.answer)
        return frame(message) if self.method.streams else message


def forms(method: Method) -> Mapping[str, Form]:
    """The content types that a method takes.

    `GetJob` and `GetAttempt` are published as JSON only, so their numbers are not known and the
    binary form cannot be spoken. The path exists all the same: the answer is then 415, as Connect
    has it for a form that a server does not speak, not the 404 of an unknown path.
    """
    prefix = "application/connect+" if method.streams else "application/"
    known = {f"{prefix}json": Form(f"{prefix}json", Json(), method)}
    if method.numbered:
        known[f"{prefix}proto"] = Form(f"{prefix}proto", _binary(), method)
    return known


def frame(message: bytes, flags: int = 0) -> bytes:
    """A message of a stream."""
    return _HEAD.pack(flags, len(message)) + message


def last_frame(error: ConnectError | None) -> bytes:
    """What a stream closes with: nothing, or what went wrong. It is JSON in either form."""
    said = {} if error is None else {"error": error.as_fields()}
    return frame(msgspec.json.encode(said), _END_OF_STREAM)


def _only_frame(body: bytes, encoding: str) -> bytes:
    """The one message that a client sends when it asks for a stream."""
    if len(body) < _HEAD.size:
        raise ConnectError("invalid_argument", "missing request message")
    flags, length = _HEAD.unpack_from(body)
    message = body[_HEAD.size :]
    if len(message) != length:
        raise ConnectError("invalid_argument", "one request message is needed")
    return decompress(message, encoding) if flags & _COMPRESSED else message


@cache
def _binary() -> Binary:
    numbered = {name: method for name, method in METHODS.items() if method.numbered}
    return Binary(describe(numbered))
