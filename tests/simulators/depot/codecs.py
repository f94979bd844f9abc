"""protobuf's binary form of a message. Its own library knows how it is made."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import DecodeError
from google.protobuf.message import Message as ProtobufMessage
from google.protobuf.message_factory import GetMessageClass

from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.server import PACKAGE


class Binary:
    """A codec that knows the messages of a file."""

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
