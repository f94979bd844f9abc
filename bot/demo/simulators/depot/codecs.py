"""The two forms of a message on the wire: JSON, and protobuf's binary form.

Both give and take a message as the fields it has in JSON, so that a fault changes an answer in one
way for either.
"""

import gzip
import zlib
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage
from google.protobuf.message_factory import GetMessageClass

from bot.demo.simulators.depot.descriptor import PACKAGE
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.wire import as_object


class Codec(Protocol):
    """A form of messages."""

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


class Binary:
    """protobuf's binary form. Only protobuf's own library knows how it is made."""

    def __init__(self, file: FileDescriptorProto) -> None:
        # A pool of its own: another client in this process may know other messages by these names.
        self._pool = DescriptorPool()
        self._pool.Add(file)

    def read(self, body: bytes, kind: type[Message]) -> dict[str, Any]:
        """Fields that nobody knows are left out; a number that an enum lacks stays a number."""
        message = self._new(kind)
        try:
            message.ParseFromString(body)
        except DecodeError:
            raise ConnectError("invalid_argument", "cannot decode message") from None
        return MessageToDict(message)

    def write(self, fields: Mapping[str, Any], kind: type[Message]) -> bytes:
        """What has no number is left out."""
        message = ParseDict(dict(fields), self._new(kind), ignore_unknown_fields=True)
        return message.SerializeToString()

    def _new(self, kind: type[Message]) -> ProtobufMessage:
        described = self._pool.FindMessageTypeByName(f"{PACKAGE}.{kind.__name__}")
        return GetMessageClass(described)()


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
