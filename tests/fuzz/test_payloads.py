"""Payloads that were true once: mutated at will they are an event or turned away, and what the door
does not read may be anything."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.deliveries import (
    CheckRunChanged,
    CommentWritten,
    Delivery,
    Event,
    HeadChanged,
    Ignored,
)
from bot.github.webhooks import DeliveryRejected, read
from tests.fuzz.json_texts import as_bytes, dumps, texts, values
from tests.fuzz.payloads import (
    HAPPENINGS,
    Path,
    drop,
    is_read,
    mutated,
    part,
    paths,
    put,
    read_paths,
    true_payload,
)
from tests.fuzz.profiles import cases

names = st.sampled_from(sorted(HAPPENINGS))


def made_of(event: str, value: Any) -> Event:
    return read(Delivery("7", "a-guid", event), as_bytes(dumps(value)))


def outcome(event: str, value: Any) -> Event | DeliveryRejected:
    try:
        return made_of(event, value)
    except DeliveryRejected as no:
        return no


def must_be_known(made: Event | DeliveryRejected) -> None:
    """One of the events, or turned away with a few words."""
    if isinstance(made, DeliveryRejected):
        assert made.status == 400
        assert len(str(made)) < 400
    else:
        assert isinstance(made, CommentWritten | HeadChanged | CheckRunChanged | Ignored)


@cases(1.5)
@given(st.data(), names)
def test_a_mutated_payload_is_an_event_or_turned_away(data: st.DataObject, name: str) -> None:
    event, payload = true_payload(name)[0], data.draw(mutated(name))
    must_be_known(outcome(event, payload))


@cases(0.5)
@given(st.data(), names, names)
def test_a_payload_under_another_events_name(data: st.DataObject, name: str, other: str) -> None:
    must_be_known(outcome(true_payload(other)[0], data.draw(mutated(name, most=1))))


def _free(event: str, payload: Any) -> list[Path]:
    """The places that the door does not look at."""
    return [at for at in paths(payload) if at and not is_read(event, at)]


@cases()
@given(st.data(), names)
def test_what_is_not_read_may_be_anything(data: st.DataObject, name: str) -> None:
    event, true = true_payload(name)
    payload = copy.deepcopy(true)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.sampled_from(_free(event, payload)))
        match data.draw(st.sampled_from(["replace", "drop", "add"])):
            case "replace":
                put(payload, at, data.draw(values))
            case "drop":
                drop(payload, at)
            case "add" if isinstance(part(payload, at[:-1]), dict):
                beside = (*at[:-1], data.draw(texts))
                if not is_read(event, beside):
                    put(payload, beside, data.draw(values))
    assert made_of(event, payload) == made_of(event, true)


@pytest.mark.parametrize("name", HAPPENINGS)
def test_nothing_else_is_needed(name: str) -> None:
    event, true = true_payload(name)
    least: dict[str, Any] = {}
    for at in read_paths(event):
        if at in set(paths(true)):
            _set(least, at, {} if at == ("issue", "pull_request") else part(true, at))
    assert made_of(event, least) == made_of(event, true)


def _set(value: dict[str, Any], at: Path, new: Any) -> None:
    for key in at[:-1]:
        value = value.setdefault(str(key), {})
    value[str(at[-1])] = new


@pytest.mark.parametrize("name", HAPPENINGS)
def test_the_order_of_names_does_not_matter(name: str) -> None:
    event, true = true_payload(name)
    assert made_of(event, _reversed(true)) == made_of(event, true)


def _reversed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _reversed(value[key]) for key in reversed(value)}
    return [_reversed(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", HAPPENINGS)
def test_white_space_does_not_matter(name: str) -> None:
    event, true = true_payload(name)
    spaced = dumps(true).replace('":', '" \r\n\t:\n ').encode()
    assert read(Delivery("7", "a-guid", event), spaced) == made_of(event, true)
