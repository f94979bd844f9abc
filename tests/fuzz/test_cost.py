"""What untrusted text costs grows with its length, and not with its square.

Counted in calls. One text of 65,536 characters is what GitHub lets anybody write; the bot reads it
before it answers, and nothing else goes on meanwhile.
"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.deliveries import Delivery
from bot.github.webhooks import MAX_BODY, DeliveryRejected
from bot.github.webhooks import read as read_payload
from bot.parsing.arguments import parse_command
from bot.parsing.comments import find_command_lines
from tests.fuzz.command_lines import VERBS
from tests.fuzz.counting import calls, filled, growth
from tests.fuzz.markdown_texts import pieces
from tests.fuzz.profiles import LONG, cases

LINEAR = 2.5
"""How many times the work twice the text may be: a square would make it 4."""

MOST = 250
"""Calls for each character, in the worst case that is known."""

LENGTH = 16_384 if LONG else 3_000

STARTS = [
    *("/depot x\n\n", "/depot x\n", "/depot x ", "/depot x\n\n- ", "/depot `"),
    *("/depot x\n\n| a | b |\n|---|---|\n", "/depot x\n\n[a]: b\n\n", "/depot x\n\n<div>\n\n"),
]
units = st.lists(pieces, min_size=1, max_size=4).map("".join).filter(bool)


@cases(0.3)
@given(st.sampled_from(STARTS), units)
def test_the_work_grows_as_a_comment_does(start: str, unit: str) -> None:
    assert growth(find_command_lines, lambda length: start + filled(unit, length), LENGTH) <= LINEAR


HEAVY = ["[", "![", "[a](", "*a_ ", "`[", "<a b='", "[a]: b\n", "/depot run\n\n", "&amp;", "|\n"]


@pytest.mark.parametrize("unit", HEAVY)
def test_the_work_for_heavy_texts_has_a_bound(unit: str) -> None:
    text = "/depot x\n\n" + filled(unit, LENGTH)
    assert calls(lambda: find_command_lines(text)) <= MOST * len(text)


def test_the_work_for_quotes_that_are_broken_into_has_a_bound() -> None:
    # At 65,536 characters it takes minutes.
    text = "/depot x\n\n" + filled("> -\na\n", 2_600)
    assert calls(lambda: find_command_lines(text)) <= MOST * len(text)


def test_a_text_of_thousands_of_html_comments_is_not_read() -> None:
    # At 65,536 characters it takes seconds, inside one pattern, where no calls can be counted.
    assert find_command_lines("/depot x " + filled("<!-- ", 15_000) + "--->\n") == []


SIZE = 64_000 if LONG else 8_000

NASTY = {
    "quotes": "> " * 32_000,
    "a staircase of quotes": "\n".join("> " * depth + "a" for depth in range(250)),
    "lists": "- " * 32_000,
    "a staircase of lists": "\n".join("  " * depth + "- a" for depth in range(350)),
    "backticks": "`" * 64_000,
    "growing backticks": " ".join("`" * length for length in range(350)),
    "brackets": "[" * 64_000,
    "nested links": "[a](" * 16_000,
    "images": "![" * 32_000,
    "stars": "*a_ " * 16_000,
    "comments": "<!--" * 16_000,
    "comments on lines": "<!-- \n" * 10_000,
    "CDATA": "<![CDATA[" * 7_000,
    "definitions": "[a]: b\n" * 9_000,
    "fences": "```yaml\na\n```\n" * 4_500,
    "a wide table": "a|" * 200 + "\n" + "-|" * 200 + "\n" + "|\n" * 30_000,
    "commands": "/depot run\n\n" * 5_300,
    "backslashes": "\\" * 64_000,
    "blanks": " " * 64_000,
}


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_a_hostile_comment_is_read_to_its_end(text: str) -> None:
    assert find_command_lines(f"/depot first\n\n{text[:SIZE]}")[0].text == "first"


# --- lines ---------------------------------------------------------------------------------------

WORDS = [
    *("a", "a ", "'a' ", '"', "\\", "\\a", " —a", "`", "a=b ", "--a ", "é", "\u00a0", "“a” ", "''"),
]
BEGINNINGS = ["", "run ", "dispatch ci.yml ", "logs lines=", "run sha=", "help ", "rum "]


@pytest.mark.parametrize("beginning", BEGINNINGS)
@pytest.mark.parametrize("word", WORDS)
def test_the_work_grows_as_a_line_does(beginning: str, word: str) -> None:
    def make(length: int) -> str:
        return beginning + filled(word, length)

    assert growth(lambda line: parse_command(line, VERBS), make, 2_000) <= LINEAR


# --- payloads ------------------------------------------------------------------------------------


def _read_payload(body: bytes) -> None:
    with contextlib.suppress(DeliveryRejected):
        read_payload(Delivery("7", "guid", "issue_comment"), body)


@pytest.mark.parametrize(
    "piece",
    [b"[", b'{"a":', b"[],", b"1", b"1,", b'"a",', b"\\u0041", b"\\", b"\xff", b" ", b"-", b"e"],
)
@pytest.mark.parametrize(
    "place", [b'{"x":', b'{"x":[', b'{"action":"created","x":"', b'{"action":"', b'{"issue":1.']
)
def test_a_payload_of_any_size_takes_no_more_steps_of_ours(place: bytes, piece: bytes) -> None:
    body = place + piece * ((MAX_BODY if LONG else 100_000) // len(piece))
    assert calls(lambda: _read_payload(body)) < 100
