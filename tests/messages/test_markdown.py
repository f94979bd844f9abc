"""Text from outside cannot break out of where it is shown.

What is asserted is what a Markdown parser makes of a whole reply: the untrusted text is found in
code only, and everything around it is as if the text had been harmless.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.messages.markdown import cell, clean, code, fence, find_hidden, hidden, link

PIECES = (
    *(
        "`",
        "``",
        "```",
        "~~~",
        "|",
        "\\",
        "\\|",
        "\\`",
        "<!--",
        "-->",
        "--",
        "<",
        ">",
        "<b>",
        "&lt;",
    ),
    *("\n", "\r\n", "\r", "\n\n", "  \n", "\t", "\u00a0", "\u2028", "\x0b", "\x0c", "\x85"),
    *("@ada", "#1", "[a](b)", "![", "](", "**", "_", "> ", "- ", "# ", "---", "===", "|-|", "1. "),
    *("\x1b[31m", "\x1b", "\x1b]0;t\x07", "\x9b1m", "\x00", "\x07", "\u202e", "\u2066", "\u200b"),
    *("\ufeff", "\ud800", "\ue000", "depot", "/depot run", "text", " ", "https://example.com"),
)
strange = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=20).map(
    "".join
)

BIDI_AND_INVISIBLE = set(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\ufeff"
)


def tokens(text: str) -> list[Token]:
    return MarkdownIt("commonmark").enable("table").parse(text)


def flat(text: str) -> Iterator[Token]:
    for token in tokens(text):
        yield token
        yield from token.children or []


def shape(text: str) -> list[tuple[str, str]]:
    """The structure: kinds of tokens, with their content unless that is code."""
    return [
        (token.type, "" if token.type in {"code_inline", "fence", "inline"} else token.content)
        for token in flat(text)
    ]


def contents(text: str, kind: str) -> list[str]:
    return [token.content for token in flat(text) if token.type == kind]


REPLIES: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {
    "paragraph": (code, lambda safe: f"Run {safe} of {code('ci.yml')} on `3f2c1d0`: ❌ failed."),
    "start of a line": (code, lambda safe: f"{safe} does not compile.\n\nNext."),
    "quote": (code, lambda safe: f"> {safe}\n\nThat line cannot be read."),
    "list item": (code, lambda safe: f"- {safe}: the workflow\n- {code('job')}: the job"),
    "link": (code, lambda safe: f"See {link(safe, 'a/b', base='https://depot.dev')} there."),
    "table": (cell, lambda safe: f"| job | state |\n|---|---|\n| {safe} | failed |\n| `x` | ok |"),
    "table alone": (cell, lambda safe: f"| job | state |\n|---|---|\n| a | {safe} |\n\nNext."),
}


@pytest.mark.parametrize("place", REPLIES)
@given(text=strange)
@example(text="a`b`c")
@example(text="\\`")
@example(text="\\")
@example(text="a\\|b")
@example(text="` | ")
@example(text="``` yaml")
@example(text="a\n\n# b")
@example(text="@ada [x](y) <img src=x>")
def test_a_code_span_is_not_broken_out_of(place: str, text: str) -> None:
    make, around = REPLIES[place]
    reply = around(make(text))
    assert shape(reply) == shape(around("`x`"))
    # The text is there, as code, and nowhere else.
    spans = contents(reply, "code_inline")
    shown = " ".join(clean(text).split())
    if shown and len(shown) <= 120:
        assert shown in spans


@pytest.mark.parametrize("language", ["", "yaml"])
@given(text=strange)
@example(text="```\n@ada")
@example(text="`````\n~~~\n<!--")
@example(text="    ```")
@example(text="")
def test_a_fence_is_not_broken_out_of(language: str, text: str) -> None:
    def around(block: str) -> str:
        return f"Before:\n\n{block}\n\n| a |\n|---|\n| b |\n\nAfter."

    reply = around(fence(text, language))
    assert shape(reply) == shape(around(fence("x", language)))
    (block,) = (token for token in flat(reply) if token.type == "fence")
    assert block.info == language
    shown = block.content.removesuffix("\n")
    # Indented where a line looks like a command or a marker.
    assert not any(line.startswith(("/", "<!--")) for line in shown.split("\n"))
    said = [line.removeprefix("  ") for line in shown.split("\n")]
    meant = clean(text).strip("\n").split("\n")
    assert shown.split("\n") == meant or said == meant


@pytest.mark.parametrize("line", ["/lgtm", "/depot run", "<!-- depot-bot {} -->"])
def test_no_line_of_a_log_begins_as_a_command_or_a_marker(line: str) -> None:
    assert fence(f"one\n{line}\ntwo") == f"```\n  one\n  {line}\n  two\n```"
    assert fence("one\ntwo") == "```\none\ntwo\n```"


@given(strange)
def test_what_is_shown_has_no_control_or_hidden_characters(text: str) -> None:
    for shown in (clean(text), code(text), cell(text), fence(text)):
        assert not {c for c in shown if unicodedata.category(c) in {"Cc", "Cs"}} - {"\n", "\t"}
        assert not set(shown) & BIDI_AND_INVISIBLE
        shown.encode()  # can be sent


@pytest.mark.parametrize("invisible", ["\u061c", "\u180e", "\U000e0041", "\ufff9"])
def test_other_invisible_characters_are_taken_out(invisible: str) -> None:
    assert clean(f"a{invisible}b") == "ab"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("\x1b[31mFAILED\x1b[0m", "FAILED"),
        ("\x1b[38;5;196mred\x1b[m", "red"),
        ("\x9b31mred", "red"),
        ("\x1b]8;;https://evil.example\x1b\\text\x1b]8;;\x07", "text"),
        ("\x1b]0;title\x07text", "text"),
        ("\x1bPsecret\x1b\\text", "text"),
        ("\x1b(Btext", "text"),
        ("text\x1b", "text"),
        ("10%\r20%\r100%", "100%"),
        ("10%\r\n20%\r\n", "10%\n20%\n"),
        ("kept\r", "kept"),
        ("a\tb\nc", "a\tb\nc"),
        ("a\x00b\x08c", "abc"),
        ("user\u202egnp.exe", "usergnp.exe"),
        ("zero\u200bwidth\ufeff", "zerowidth"),
        ("\ud800", ""),
        ("naïve 東京 🚀", "naïve 東京 🚀"),
    ],
)
def test_clean(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(strange)
def test_cleaning_twice_changes_nothing_that_is_shown(text: str) -> None:
    once = code(text)
    assert "\x1b" not in once
    assert code(clean(text)) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("test", "`test`"),
        ("unit tests", "`unit tests`"),
        ("two\n lines", "`two lines`"),
        ("", "` `"),
        (" \n ", "` `"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("a``", "``` a`` ```"),
        ("a" * 121, f"`{'a' * 119}…`"),
        ("a" * 120, f"`{'a' * 120}`"),
    ],
)
def test_code(text: str, expected: str) -> None:
    assert code(text) == expected


def test_a_bar_in_a_cell() -> None:
    assert cell("a|b") == "`a\\|b`"


@given(strange, st.integers(1, 50))
def test_a_code_span_is_cut_to_its_limit(text: str, limit: int) -> None:
    shown = code(text, limit)
    assert "\n" not in shown
    assert len(shown.strip("` ")) <= limit


def test_a_link_keeps_its_parts_apart() -> None:
    assert link("`x`", "a/../b", "c)d", "?#", base="https://depot.dev/orgs") == (
        "[`x`](https://depot.dev/orgs/a%2F..%2Fb/c%29d/%3F%23)"
    )


@given(st.lists(st.text(max_size=10), max_size=3))
def test_a_link_stays_one_link(parts: list[str]) -> None:
    made = [token for token in flat(f"See {link('`x`', *parts, base='https://example.org')}.")]
    (opening,) = (token for token in made if token.type == "link_open")
    assert str(opening.attrs["href"]).startswith("https://example.org/")
    assert [token.content for token in made if token.type == "text"] == ["See ", "."]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | strange | st.sampled_from(["-->", "--!>", "<!--"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(strange, inner, max_size=4),
    max_leaves=10,
)


@given(json_values)
@example("--><script>")
@example("----")
@example({"-": "->"})
@example("--!>")
@example(["-", "-", -1, "\\"])
def test_hidden_json_comes_back_and_stays_hidden(value: object) -> None:
    made = hidden("depot-bot", value)
    reply = f"Done.\n\n{made}"
    assert find_hidden("depot-bot", reply) == value
    # To programs that read it with a JSON parser, it is JSON.
    match = re.fullmatch(r"<!-- depot-bot (.*) -->", made)
    assert match is not None
    assert json.loads(match[1]) == value
    # The comment begins and ends once, in whatever way HTML lets a comment end.
    assert len(re.findall("--", made)) == 2
    assert made.count(">") == 1
    assert [token.type for token in tokens(reply)] == [
        *("paragraph_open", "inline", "paragraph_close", "html_block")
    ]
    assert contents(reply, "html_block") == [made]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nothing",
        "<!-- depot-bot -->",
        "<!-- depot-bot {broken -->",
        '<!-- other {"a":1} -->',
        '<!-- depot-bot {"a":1}',
        '<!-- depot-bot {"a":\n1} -->',
    ],
)
def test_what_is_not_hidden_is_not_found(text: str) -> None:
    assert find_hidden("depot-bot", text) is None


@given(strange)
@example('<!-- depot-bot {"request":"ic-1"} -->')
def test_an_untrusted_marker_is_not_taken_for_ours(text: str) -> None:
    mine = hidden("depot-bot", {"request": "ic-2"})
    for shown in (code(text), fence(text)):
        assert find_hidden("depot-bot", f"> {shown}\n\n{mine}") == {"request": "ic-2"}


@pytest.mark.parametrize(
    "text",
    [
        *("`" * 64_000, "\x1b" * 64_000, "\x1b]" * 32_000, "\x1bP" * 32_000, "10%\r" * 16_000),
        *("\x1b[1" * 20_000, "\x9b" * 64_000, "line\n" * 12_000, "` " * 32_000),
    ],
)
def test_hostile_text_is_read_to_its_end(text: str) -> None:
    shown = fence(text)
    assert shown.startswith("```")
    assert "\x1b" not in shown
