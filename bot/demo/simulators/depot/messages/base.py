"""What messages are made of.

In JSON the names of fields count, in protobuf's binary form (which the tests speak, not the bot)
their numbers. A field's number is its
place in the class, counted from 1, unless `Number` says otherwise; those after it count on.
`X | None` is a field that can be absent (`optional` in protobuf), a tuple one that repeats.
"""

from dataclasses import dataclass
from typing import Annotated

import msgspec


class Message(msgspec.Struct, rename="camel", omit_defaults=True, kw_only=True):
    """A protobuf message: every field has a default, and a field at its default is not sent."""


@dataclass(frozen=True, slots=True)
class Number:
    """The number of a field, where it is not its place in the class."""

    value: int | None
    """None: the number is not published, so the field exists in JSON only."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """The protobuf type of a field, where its Python type does not tell."""

    name: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """The group a field belongs to, of which one member at most is set."""

    name: str


UInt32 = Annotated[int, Scalar("uint32")]
"""`int` alone is int32."""

Int64 = Annotated[str, Scalar("int64")]
"""64-bit integers are strings in JSON."""

UInt64 = Annotated[str, Scalar("uint64")]
