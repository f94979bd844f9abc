"""The messages as protobuf describes them: what a `.proto` file would say, from the classes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)

from bot.demo.simulators.depot.messages.base import Message, Number, OneOf, Scalar
from bot.demo.simulators.depot.methods import Method
from bot.demo.simulators.depot.server import PACKAGE, SERVICE_NAME
from bot.demo.simulators.depot.wire import EXTRA_KEY

EXTRA_FIELD = "added_later"
EXTRA_NUMBER = 15_000
"""Where JSON has the extra key that no client knows, the binary form has a field of this number."""

_EXTRA_MESSAGE = "AddedLater"

_SCALARS: Mapping[Any, str] = {
    str: "string",
    bytes: "bytes",
    bool: "bool",
    int: "int32",
    float: "double",
}


@dataclass(frozen=True, slots=True)
class Field:
    """What the type hint of a field says."""

    kind: Any
    """A class of messages or of an enum, a Python type, or `Mapping` from strings to strings."""
    repeated: bool = False
    optional: bool = False
    number: Number | None = None
    scalar: str = ""
    one_of: str = ""

    @property
    def is_named(self) -> bool:
        """Whether its type is a message or an enum."""
        return isinstance(self.kind, type) and issubclass(self.kind, Message | StrEnum)


def describe(methods: Mapping[str, Method], streaming: Collection[str]) -> FileDescriptorProto:
    """The service with these methods, and all their messages and enums.

    Those named in *streaming* answer with many messages.
    """
    file = FileDescriptorProto(name="ci.proto", package=PACKAGE, syntax="proto3")
    described = file.service.add(name=SERVICE_NAME)
    todo: list[Any] = []
    for name, method in methods.items():
        described.method.add(
            name=name,
            input_type=_full_name(method.request),
            output_type=_full_name(method.answer),
            server_streaming=name in streaming,
        )
        todo += [method.request, method.answer]
    seen: set[type] = set()
    while todo:
        kind = todo.pop()
        if kind in seen:
            continue
        seen.add(kind)
        if issubclass(kind, StrEnum):
            _describe_enum(file.enum_type.add(), kind)
        else:
            _describe_message(file.message_type.add(), kind)
            todo += [each.kind for _, each, _ in fields_of(kind) if each.is_named]
    extra = file.message_type.add(name=_EXTRA_MESSAGE)
    extra.field.add(name="by_depot", number=1, type=FieldDescriptorProto.TYPE_BOOL)
    return file


def fields_of(kind: type[Message]) -> Iterator[tuple[str, Field, int | None]]:
    """The fields of a message, each with its number; None when that is not published."""
    hints = get_type_hints(kind, include_extras=True)
    last = 0
    for name in kind.__struct_fields__:
        each = _read(hints[name])
        number = last + 1 if each.number is None else each.number.value
        yield name, each, number
        last = number or last


def _read(hint: Any) -> Field:
    """Take a type hint apart, from the outside in."""
    found: dict[str, Any] = {}
    while (origin := get_origin(hint)) not in (None, Mapping):
        hint, *rest = get_args(hint)
        if origin is tuple:
            found["repeated"] = True
        elif origin in (Union, UnionType):
            found["optional"] = NoneType in rest
        elif origin is Annotated:
            found |= _marks(rest)
            # Of an enum in a request the hint says only that it may be a name or a number.
            hint = found.pop("enum", hint)
    return Field(Mapping if get_origin(hint) is Mapping else hint, **found)


def _marks(marks: list[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for mark in marks:
        match mark:
            case Number():
                found["number"] = mark
            case Scalar(name):
                found["scalar"] = name
            case OneOf(name):
                found["one_of"] = name
            case type():
                found["enum"] = mark
    return found


def _describe_enum(described: EnumDescriptorProto, kind: type[StrEnum]) -> None:
    described.name = kind.__name__
    for number, member in enumerate(kind):
        described.value.add(name=member.value, number=number)


def _describe_message(described: DescriptorProto, kind: type[Message]) -> None:
    described.name = kind.__name__
    keys = dict(zip(kind.__struct_fields__, kind.__struct_encode_fields__, strict=True))
    for name, each, number in fields_of(kind):
        if number is not None:
            added = described.field.add(name=name, number=number, json_name=keys[name])
            added.label = FieldDescriptorProto.LABEL_OPTIONAL
            _describe_type(described, added, each)
            if each.one_of:
                added.oneof_index = _group(described, each.one_of)
    for added in described.field:
        if added.proto3_optional:
            # A scalar that can be absent is a group of its own, after those with names.
            added.oneof_index = _group(described, f"_{added.name}")
    described.field.add(
        name=EXTRA_FIELD,
        number=EXTRA_NUMBER,
        json_name=EXTRA_KEY,
        type=FieldDescriptorProto.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.{_EXTRA_MESSAGE}",
    )


def _describe_type(described: DescriptorProto, added: FieldDescriptorProto, each: Field) -> None:
    if each.repeated or each.kind is Mapping:
        added.label = FieldDescriptorProto.LABEL_REPEATED
    if each.kind is Mapping:
        entry = described.nested_type.add(name=f"{added.name.title()}Entry")
        entry.options.map_entry = True
        for number, name in enumerate(("key", "value"), 1):
            entry.field.add(name=name, number=number, type=FieldDescriptorProto.TYPE_STRING)
        added.type = FieldDescriptorProto.TYPE_MESSAGE
        added.type_name = f".{PACKAGE}.{described.name}.{entry.name}"
    elif each.is_named:
        is_enum = issubclass(each.kind, StrEnum)
        added.type = (
            FieldDescriptorProto.TYPE_ENUM if is_enum else FieldDescriptorProto.TYPE_MESSAGE
        )
        added.type_name = _full_name(each.kind)
    else:
        scalar = each.scalar or _SCALARS[each.kind]
        added.type = FieldDescriptorProto.Type.Value(f"TYPE_{scalar.upper()}")
        added.proto3_optional = each.optional


def _group(described: DescriptorProto, name: str) -> int:
    names = [group.name for group in described.oneof_decl]
    if name not in names:
        described.oneof_decl.add(name=name)
        names.append(name)
    return names.index(name)


def _full_name(kind: type) -> str:
    return f".{PACKAGE}.{kind.__name__}"
