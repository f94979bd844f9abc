"""Every message, field and method of the simulated Depot, compared with what Depot's CLI knows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    ServiceDescriptorProto,
)

from bot.demo.simulators.depot.server import SERVICE_NAME
from tests.contracts.depot.cli import descriptor
from tests.simulators.depot.descriptor import EXTRA_FIELD, fields_of
from tests.simulators.depot.methods import DESCRIBED, METHODS, UNNUMBERED

NUMBERED = {name: method for name, method in METHODS.items() if name not in UNNUMBERED}
OURS = DESCRIBED

METHODS_OF_OURS_ALONE = {
    "GetJob": "in Depot's published reference, not in its CLI",
    "GetAttempt": "in Depot's published reference, not in its CLI",
}
FIELDS_OF_OURS_ALONE = {
    ("GetJobAttemptLogsRequest", "job_id"): "said of newer servers; in JSON only, without number",
}
MESSAGES_OF_OURS_ALONE = {
    "AddedLater": "the field that no client knows, for which there is a switch",
}


@pytest.fixture(scope="module")
def theirs() -> FileDescriptorProto:
    return descriptor()


def test_methods(theirs: FileDescriptorProto) -> None:
    assert _methods(OURS.service) == _methods(theirs.service)
    assert METHODS.keys() - NUMBERED.keys() == METHODS_OF_OURS_ALONE.keys()


@pytest.mark.parametrize("ours", OURS.message_type, ids=lambda message: message.name)
def test_a_message(theirs: FileDescriptorProto, ours: DescriptorProto) -> None:
    if ours.name in MESSAGES_OF_OURS_ALONE:
        assert ours.name not in {message.name for message in theirs.message_type}
        return
    [wanted] = [message for message in theirs.message_type if message.name == ours.name]
    # The extra field stands for what Depot may add, so it must not be one that it has.
    extra = {field.number for field in ours.field if field.name == EXTRA_FIELD}
    assert not extra & {field.number for field in wanted.field}
    assert _fields(ours) == _fields(wanted)
    assert [_fields(inner) for inner in ours.nested_type] == [
        _fields(inner) for inner in wanted.nested_type
    ]


@pytest.mark.parametrize("ours", OURS.enum_type, ids=lambda enum: enum.name)
def test_an_enum(theirs: FileDescriptorProto, ours: EnumDescriptorProto) -> None:
    [wanted] = [enum for enum in theirs.enum_type if enum.name == ours.name]
    assert [(value.name, value.number) for value in ours.value] == [
        (value.name, value.number) for value in wanted.value
    ]


def test_what_depots_cli_does_not_know() -> None:
    kinds = {kind for method in NUMBERED.values() for kind in (method.request, method.answer)}
    unnumbered = {
        (kind.__name__, name)
        for kind in kinds
        for name, _, number in fields_of(kind)
        if number is None
    }
    assert unnumbered == FIELDS_OF_OURS_ALONE.keys()


def _methods(services: Iterable[ServiceDescriptorProto]) -> Mapping[str, tuple[str, str, bool]]:
    [service] = [service for service in services if service.name == SERVICE_NAME]
    return {
        method.name: (method.input_type, method.output_type, method.server_streaming)
        for method in service.method
    }


def _fields(message: DescriptorProto) -> Mapping[str, tuple[object, ...]]:
    return {
        field.name: (
            field.number,
            FieldDescriptorProto.Type.Name(field.type),
            field.type_name,
            field.label,
            field.proto3_optional,
            field.json_name if not message.options.map_entry else "",
            message.oneof_decl[field.oneof_index].name if field.HasField("oneof_index") else "",
        )
        for field in message.field
        if field.name != EXTRA_FIELD
    }
