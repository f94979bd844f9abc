"""JSON that is nearly right."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.json_repair import readable, repaired

texts = st.text(st.characters(), max_size=20)


@given(st.recursive(texts | st.integers() | st.booleans(), st.lists, max_leaves=8))
def test_what_is_right_stays(value: object) -> None:
    body = json.dumps(value).encode()
    is_right = b"\\ud" not in body.lower()
    assert not is_right or json.loads(repaired(body)) == value


@given(texts)
def test_halves_are_replaced_and_nothing_else(text: str) -> None:
    expected = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    assert json.loads(repaired(json.dumps(text).encode())) == expected
    assert readable(text) == expected
    expected.encode()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud83d"', r"\ud83d"),
        (rb'"\\\ud83d"', "\\\ufffd"),
        (b'"\xff"', "\ufffd"),
    ],
)
def test_half_surrogates(body: bytes, expected: str) -> None:
    assert json.loads(repaired(body)) == expected


def test_nulls_are_left_out() -> None:
    value = {"a": None, "b": [None, {"c": None, "d": 1}], "e": "x"}
    assert readable(value) == {"b": [{"d": 1}], "e": "x"}
