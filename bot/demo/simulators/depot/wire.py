"""Connect's JSON, and times."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

import msgspec

from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages.base import Message

EXTRA_KEY = "addedLater"

_SNAKE = re.compile(r"_([a-z0-9])")

M = TypeVar("M", bound=Message)


def convert(fields: Mapping[str, Any], kind: type[M]) -> M:
    """A request from its fields: in both spellings, null counts as absent, unknown keys as well."""
    known = {camel(key): value for key, value in fields.items() if value is not None}
    try:
        return msgspec.convert(known, kind, strict=False)
    except msgspec.ValidationError as error:
        raise ConnectError("invalid_argument", f"cannot decode message: {error}") from None


def as_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a request body."""
    try:
        decoded = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise ConnectError("invalid_argument", f"cannot decode JSON: {error}") from None
    if not isinstance(decoded, dict):
        raise ConnectError("invalid_argument", "cannot decode message: an object is needed")
    return decoded


def written(message: Message, *, extra_keys: bool) -> dict[str, Any]:
    """The fields of an answer; with `extra_keys`, one in every object that no client knows."""
    fields: dict[str, Any] = msgspec.to_builtins(message)
    if extra_keys:
        _add_extra_keys(fields)
    return fields


def timestamp(at: float | None) -> str:
    """RFC 3339 in UTC, with milliseconds only when there are any; empty when not reached."""
    if at is None:
        return ""
    moment = datetime.fromtimestamp(at, UTC)
    precision = "milliseconds" if int(at * 1000) % 1000 else "seconds"
    return moment.isoformat(timespec=precision).replace("+00:00", "Z")


def camel(key: str) -> str:
    """`runId` for `run_id`, and for itself."""
    return _SNAKE.sub(lambda match: match[1].upper(), key)


def _add_extra_keys(value: object) -> None:
    if isinstance(value, list | tuple):
        for entry in value:
            _add_extra_keys(entry)
    elif isinstance(value, dict):
        for entry in value.values():
            _add_extra_keys(entry)
        value[EXTRA_KEY] = {"byDepot": True}
