"""From texts to command lines: a comment is read as it was meant, and none is too much."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given

from bot.core.events import CommandLine
from bot.parsing.characters import INVISIBLE, SPACES
from bot.parsing.comments import MAX_COMMANDS, find_command_lines
from tests.fuzz.markdown_texts import Block, documents, prose, wild_texts
from tests.fuzz.profiles import cases


def read(text: str) -> list[str]:
    return [line.text for line in commands(text)]


def commands(text: str) -> list[CommandLine]:
    """What is read as a command, with its own YAML, whatever else the comment holds."""
    return [
        CommandLine(line.text, line.blocks)
        for line in find_command_lines(text)
        if not line.is_near_miss
    ]


# --- comments of which we know what is in them ---------------------------------------------------


@cases(4)
@given(documents)
def test_what_is_for_the_bot_is_read_and_nothing_else(document: Block) -> None:
    assert tuple(commands(document.text)) == document.commands[: MAX_COMMANDS + 1]


@cases()
@given(documents)
def test_line_ends_do_not_matter(document: Block) -> None:
    assert commands(document.text.replace("\n", "\r\n")) == commands(document.text)


@cases()
@given(documents)
def test_a_line_end_at_the_end_does_not_matter(document: Block) -> None:
    assert commands(document.text + "\n") == commands(document.text)


@cases()
@given(documents, prose)
def test_talk_around_a_comment_changes_nothing(document: Block, words: str) -> None:
    assert read(f"{words}\n\n{document.text}") == read(document.text)
    assert read(f"{document.text}\n\n{words}") == read(document.text)


@cases()
@given(documents)
def test_a_comment_in_a_fold_is_read_as_well(document: Block) -> None:
    assert commands(f"<details>\n\n{document.text}\n\n</details>") == commands(document.text)


@cases()
@given(documents)
def test_two_comments_in_one_are_read_one_after_the_other(document: Block) -> None:
    twice = f"{document.text}\n\n***\n\n{document.text}"
    assert commands(twice) == (2 * commands(document.text))[: MAX_COMMANDS + 1]


# --- any text at all -----------------------------------------------------------------------------


@cases(4)
@given(wild_texts)
@example("/depot\n" + "> " * 5_000)
@example("/depot\n" + "[" * 20_000)
@example("/depot\n" + "*" * 60_000)
@example("/depot\n" + "- " * 5_000)
@example("/depot\n" + "\n".join("> " * depth + "- a" for depth in range(120)))
def test_any_text_has_its_commands(text: str) -> None:
    text = f"/depot first\n\n{text}"
    assert read(text)[0] == "first"
    typed = re.findall(
        rf"^[{SPACES}{INVISIBLE}]*/depot", re.sub("\r\n?", "\n", text), re.IGNORECASE | re.MULTILINE
    )
    assert len(commands(text)) <= len(typed)


@cases()
@given(wild_texts)
def test_in_quotes_fences_and_code_nothing_is_a_command(text: str) -> None:
    physical = re.split("\r\n|\r|\n", text)
    assert commands("\n".join(f"> {line}" for line in physical)) == []
    assert commands("\n".join(f"    {line}" for line in physical)) == []
    bar = "`" * (3 + max((len(run) for run in re.findall("`+", text)), default=0))
    assert commands(f"{bar}\n{text}\n{bar}") == []


@cases()
@given(wild_texts, prose)
def test_talk_around_any_text_changes_nothing(text: str, words: str) -> None:
    assert read(f"{text}\n\n{words}") == read(text)
    assert read(f"{words}\n\n{text}") == read(text)


@pytest.mark.parametrize("text", ["/depot\n\n> - <pre>\n> ", "/depot\n\n> - <?\n> "])
def test_html_in_a_list_in_a_quote_that_ends_without_a_line_end(text: str) -> None:
    assert read(text) == [""]


SIGNS = [0xE000, 0xF8FF, 0xFDD0, 0xFDEF, 0xFFFE, 0xFFFF, 0xF0000, 0x10FFFF]
"""What the reader may take as its own sign for a command. The Markdown parser makes characters of
entities, and so of `&#xE000;` the sign that it has."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("/depot run\nSIGN7SIGN", ["run"]),  # IndexError
        (f"/depot run\nSIGN{'9' * 5000}SIGN", ["run"]),  # ValueError
        ("```\n/depot run\n```\nSIGN0SIGN", []),  # code is read as a command
        ("> a\n/depot run\n\nSIGN0SIGN", []),  # so is a quote
        ("/depot run\n\nSIGN0SIGN", ["run"]),  # read twice
    ],
)
def test_an_entity_is_not_taken_for_a_command(text: str, expected: list[str]) -> None:
    for sign in SIGNS:
        assert read(text.replace("SIGN", f"&#{sign};")) == expected
        assert read(text.replace("SIGN", f"&#x{sign:x};")) == expected
        assert read(text.replace("SIGN", chr(sign))) == expected


def test_no_command_line_holds_a_nul() -> None:
    (line,) = read("/depot run \0")
    assert "\0" not in line
