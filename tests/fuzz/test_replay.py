"""Any file as a stored delivery: it is replayed, or said to be none."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.github.webhooks import EVENTS
from bot.ops.explain import Unreadable, replay, stored
from tests.fuzz.json_texts import Raw, as_bytes, dumps, hostile, nested, texts
from tests.fuzz.markdown_texts import wild_texts
from tests.fuzz.payloads import HAPPENINGS, mutated, part, put, true_payload
from tests.fuzz.profiles import cases

events = st.sampled_from([*sorted(EVENTS), "", "star", "X", "é", "\0"])


def printed(text: bytes, event: str) -> list[str]:
    """What the command prints, or why it prints nothing, in few words."""
    try:
        return list(replay(stored(text, event), COMMANDS).lines())
    except Unreadable as wrong:
        return [str(wrong)] if len(str(wrong)) < 300 else []


@cases(2)
@given(st.binary(max_size=60) | hostile.map(lambda value: as_bytes(dumps(value))), events)
@example(b'{"headers":{"a":' + b"[" * 990 + b"]" * 990 + b'},"payload":{}}', "star")
@example(b'{"headers":{"a":' + b"9" * 4_300 + b'},"payload":{}}', "star")
@example(b'{"request":{"headers":{},"payload":"\xff"}}', "issue_comment")
@example(b'{"payload":' + b"[" * 100_000, "issue_comment")
def test_any_file_is_replayed_or_said_to_be_none(text: bytes, event: str) -> None:
    assert printed(text, event)


headers = st.dictionaries(
    st.sampled_from(["X-GitHub-Event", "x-github-event", "content-type", "X-GitHub-Delivery", ""]),
    hostile | events | st.sampled_from(["application/json", "text/plain", "a-guid"]),
    max_size=3,
)


@st.composite
def files(draw: st.DrawFn, name: str) -> Any:
    """A payload: alone, with headers, or inside GitHub's whole answer, with a slip or two."""
    payload = draw(mutated(name, most=2))
    sent: Any = {"headers": draw(headers | hostile), "payload": payload}
    match draw(st.sampled_from(["alone", "sent", "whole", "odd"])):
        case "alone":
            return payload
        case "whole":
            return {"id": 1, "request": sent, "response": draw(hostile)}
        case "odd":
            return {draw(st.sampled_from(["request", "payload", "headers"])): sent, **sent}
        case _:
            return sent


@cases(3)
@given(st.data(), st.sampled_from(sorted(HAPPENINGS)), events)
def test_any_delivery_is_replayed_or_said_to_be_none(
    data: st.DataObject, name: str, event: str
) -> None:
    text = as_bytes(dumps(data.draw(files(name))))
    assert printed(text, data.draw(st.sampled_from([event, true_payload(name)[0]])))


@cases(2)
@given(wild_texts)
def test_any_comment_is_replayed(text: str) -> None:
    event, payload = true_payload("comment")
    payload = json.loads(dumps(payload))
    put(payload, ("comment", "body"), f"/depot run\n\n{text}\n")
    found = printed(dumps(payload).encode(), event)
    assert found[0].startswith("issue_comment: a comment by alice")
    assert found[2].startswith("1. /depot run")


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-00:01"])
@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("comment", ("comment", "created_at")),
        ("review", ("review", "submitted_at")),
        ("synchronize", ("pull_request", "updated_at")),
    ],
)
def test_a_time_beyond_the_calendar(name: str, at: tuple[str, ...], time: str) -> None:
    event, payload = true_payload(name)
    payload = json.loads(dumps(payload))
    assert part(payload, at)
    assert printed(dumps(put(payload, at, time)).encode(), event)


@pytest.mark.parametrize("depth", [100, 900, 1_100, 100_000])
@pytest.mark.parametrize("place", ["headers", "payload", "request"])
def test_a_file_that_is_nested_deeply(depth: int, place: str) -> None:
    text = dumps({"headers": {"x-github-event": "star"}, place: {"a": nested(depth)}})
    assert printed(text.encode(), "")
    assert printed(dumps({place: Raw(f"{nested(depth)[:-1]}")}).encode(), "star")


@cases(0.5)
@given(texts, texts)
def test_the_event_that_is_told_counts(event: str, other: str) -> None:
    assume(event)
    text = dumps({"headers": {"X-GitHub-Event": other}, "payload": {}}).encode()
    assert stored(text, event).headers["x-github-event"] == event
