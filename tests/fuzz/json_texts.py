"""JSON as an attacker may send it: any value, any spelling, and what is nearly JSON."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st


class Raw(str):
    """Stands in a value for its own text, which need not be JSON."""

    __slots__ = ()


def dumps(value: Any) -> str:
    """*value* as JSON, with each `Raw` in it as it is."""
    match value:
        case Raw():
            return str(value)
        case dict():
            return "{" + ",".join(f"{json.dumps(k)}:{dumps(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(dumps, value)) + "]"
        case _:
            return json.dumps(value)


def as_bytes(text: str) -> bytes:
    """UTF-8, also of what has none: half a surrogate pair."""
    return text.encode("utf-8", "surrogatepass")


def nested(depth: int, opening: str = "[", closing: str = "]") -> Raw:
    return Raw(opening * depth + closing * depth)


ODD_TEXTS = [
    *("", " ", "\0", "\x7f", "\u2028", "\ufeff", "\ufffe", "\U0010ffff", "\u202e", "é" * 300),
    *("/depot run", "/depot", "/depot \0", "> /depot run", "/depot run\n```yaml\na: 1\n```"),
    *("created", "submitted", "opened", "labeled", "approved", "User", "Bot", "depot-code-access"),
    *("2026-11-24T04:10:11Z", "2026-11-24", "9999-12-31T23:59:59-23:59", "24:00"),
    *("octo/hello", "../..", "a/b/c", "0" * 40, "alice"),
]
ODD_NUMBERS = [0, -1, 1, 2**31 - 1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400]
ODD_SPELLINGS = [
    *("1e999", "-0", "0.0", "1E5", "01", "1.", ".5", "+1", "0x1", "NaN", "Infinity", "-Infinity"),
    *('"\\ud800"', '"\\udc00"', '"\\ud800\\ud800"', '"\\u0000"', '"\\x00"', '"\0"', '"\t"'),
    *("tru", "nul", "'a'", "{]", '{"a":1,}', "[1,]", "{1:2}", '{"a":1,"a":2}', "//", "/**/ 1"),
    "9" * 5000,
]

texts = st.sampled_from(ODD_TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
"""Texts that can be JSON."""

values = st.recursive(
    st.none()
    | st.booleans()
    | st.sampled_from(ODD_NUMBERS[:9])
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
"""Any value, as it is in valid JSON."""

depths = st.sampled_from([10, 200, 900, 1100, 20_000])

hostile = st.one_of(
    values,
    st.sampled_from(ODD_NUMBERS),
    st.sampled_from(ODD_SPELLINGS).map(Raw),
    st.text(max_size=6).map(lambda text: Raw(f'"{text}"')),
    depths.map(nested),
    depths.map(lambda depth: nested(depth, '{"a":', "}")),
)
"""Any value, and what only looks like one."""
