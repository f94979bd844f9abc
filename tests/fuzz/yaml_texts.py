"""YAML as an attacker may write it: any structure in any style, pieces in any order, and bombs."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from tests.fuzz.json_texts import dumps

WORDS = [
    *("jobs", "on", "needs", "workflow_dispatch", "inputs", "push", "a", "b", "build"),
    *("permissions", "workflows", "forks", "aliases", "bots", "automations", "silence"),
    *("do", "label", "base", "paths", "labeled", "opened", "run", "run ci.yml", "pinned", "write"),
    *("admin", "nobody", "*", "check-config", "e2e", "<<", "", "~", "null", "true", "1e999", "0x1"),
    *(
        "2026-11-24",
        "1_000",
        "9" * 400,
        "-",
        "?",
        "é",
        "\u202e",
        "a\nb",
        "\ufeff",
        "\x85",
        "\u2028",
    ),
]
scalars = st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
structures = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(scalars, inner, max_size=4),
    max_leaves=15,
)

_PREFIXES = ["", "", "", "&x ", "!!str ", "!t ", "!<x> ", "!!map ", "!!python/name:os.system "]


@st.composite
def written(draw: st.DrawFn, value: Any, indent: int = 0) -> str:
    """*value* in YAML, in block style or not, here and there with an anchor, a tag or an alias."""
    prefix = draw(st.sampled_from(_PREFIXES))
    if not isinstance(value, dict | list) or not value or draw(st.integers(0, 3)) == 0:
        return prefix + dumps(value)
    pad = "\n" + " " * indent
    if isinstance(value, list):
        parts = [f"- {draw(written(one, indent + 2))}" for one in value]
    else:
        parts = [
            f"{draw(_key(key))}: {draw(written(one, indent + 1))}" for key, one in value.items()
        ]
    if draw(st.integers(0, 9)) == 0:
        parts.append("- *x" if isinstance(value, list) else "also: *x")
    return prefix + pad + pad.join(parts)


def _key(key: str) -> st.SearchStrategy[str]:
    return st.sampled_from([dumps(key), key, f"? {dumps(key)}\n", "<<", f'"{key}"'])


pieces = st.one_of(
    st.sampled_from(WORDS),
    st.sampled_from(
        [
            *("jobs:", "jobs: {a: {}}", "\n", "\n  ", "  ", " ", "\t", "- ", "? ", ": ", ":", ","),
            *("{", "}", "[", "]", "&x ", "*x", "&y ", "*y", "!!str ", "!x ", "!!binary ", "!", "|"),
            *(">", "|2-", ">+", "---", "\n---\n", "...", "%TAG ! x:\n", "%YAML 1.2\n", "'", '"'),
            *(
                "#",
                " #",
                "<<: *x",
                "@",
                "`",
                "\0",
                "\x07",
                "\x85",
                "\u2028",
                "\ufeff",
                "\r",
                "\r\n",
            ),
            *(
                "\\",
                '"\\x00"',
                '"\\ud800"',
                '"\\U00110000"',
                "automations:\n- on: opened\n  do: run",
            ),
        ]
    ),
    st.text(max_size=4),
)
wild_texts = st.lists(pieces, max_size=30).map("".join)
texts = st.one_of(wild_texts, structures.flatmap(written), structures.map(dumps))
"""Any text that may be taken for YAML."""
