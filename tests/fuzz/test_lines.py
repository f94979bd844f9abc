"""From texts to command lines: a comment is read as it was meant, and none is too much."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given

from bot.grammar import lines
from tests.fuzz.markdown_texts import Block, documents, prose, wild_texts
from tests.fuzz.profiles import cases


def read(text: str) -> list[str]:
    return [line.text for line in lines(text)]


# --- comments of which we know what is in them ---------------------------------------------------


@cases(4)
@given(documents)
def test_what_is_for_the_bot_is_read_and_nothing_else(document: Block) -> None:
    assert tuple(lines(document.text)) == document.commands


@cases()
@given(documents)
def test_line_ends_do_not_matter(document: Block) -> None:
    assert lines(document.text.replace("\n", "\r\n")) == lines(document.text)


@cases()
@given(documents)
def test_a_line_end_at_the_end_does_not_matter(document: Block) -> None:
    assert lines(document.text + "\n") == lines(document.text)


@cases()
@given(documents, prose)
def test_talk_around_a_comment_changes_nothing(document: Block, words: str) -> None:
    assert read(f"{words}\n\n{document.text}") == read(document.text)
    assert read(f"{document.text}\n\n{words}") == read(document.text)


@cases()
@given(documents)
def test_a_comment_in_a_fold_is_read_as_well(document: Block) -> None:
    assert lines(f"<details>\n\n{document.text}\n\n</details>") == lines(document.text)


@cases()
@given(documents)
def test_two_comments_in_one_are_read_one_after_the_other(document: Block) -> None:
    twice = f"{document.text}\n\n***\n\n{document.text}"
    assert lines(twice) == 2 * lines(document.text)


# --- any text at all -----------------------------------------------------------------------------

END = "\n"
"""Without it a text may meet the bug in which a quote ends without a line end (below)."""


@cases(4)
@given(wild_texts)
@example("/depot\n" + "> " * 5_000)
@example("/depot\n" + "[" * 20_000)
@example("/depot\n" + "*" * 60_000)
@example("/depot\n" + "- " * 5_000)
@example("/depot\n" + "\n".join("> " * depth + "- a" for depth in range(120)))
def test_any_text_has_its_commands(text: str) -> None:
    text = f"/depot first\n\n{text}{END}"
    assert read(text)[0] == "first"
    typed = re.findall(r"^[ \t]*/depot", re.sub("\r\n?", "\n", text), re.IGNORECASE | re.MULTILINE)
    assert len(lines(text)) <= len(typed)


@cases()
@given(wild_texts)
def test_in_quotes_fences_and_code_nothing_is_a_command(text: str) -> None:
    physical = re.split("\r\n|\r|\n", text)
    assert lines("\n".join(f"> {line}" for line in physical) + END) == []
    assert lines("\n".join(f"    {line}" for line in physical)) == []
    bar = "`" * (3 + max((len(run) for run in re.findall("`+", text)), default=0))
    assert lines(f"{bar}\n{text}\n{bar}") == []


@cases()
@given(wild_texts, prose)
def test_talk_around_any_text_changes_nothing(text: str, words: str) -> None:
    text += END
    assert read(f"{text}\n\n{words}") == read(text)
    assert read(f"{words}\n\n{text}") == read(text)


@pytest.mark.xfail(strict=True, raises=IndexError, reason="markdown-it-py reads beyond the end")
@pytest.mark.parametrize("text", ["/depot\n\n> - <pre>\n> ", "/depot\n\n> - <?\n> "])
def test_html_in_a_list_in_a_quote_that_ends_without_a_line_end(text: str) -> None:
    assert read(text) == [""]


SIGN = "&#xE000;"
"""The reader's own sign for a command, as an entity: the Markdown parser makes the sign of it."""


@pytest.mark.xfail(strict=True, reason="the reader takes an entity for its own sign")
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"/depot run\n{SIGN}7{SIGN}", ["run"]),  # IndexError
        (f"/depot run\n{SIGN}{'9' * 5000}{SIGN}", ["run"]),  # ValueError
        (f"```\n/depot run\n```\n{SIGN}0{SIGN}", []),  # code is read as a command
        (f"> a\n/depot run\n\n{SIGN}0{SIGN}", []),  # so is a quote
        ("/depot run\n\n&#57344;0&#57344;", ["run"]),  # read twice
    ],
)
def test_an_entity_is_not_taken_for_a_command(text: str, expected: list[str]) -> None:
    assert read(text) == expected


@pytest.mark.xfail(strict=True, reason="PostgreSQL takes no NUL; Markdown reads it as U+FFFD")
def test_no_command_line_holds_a_nul() -> None:
    (line,) = read("/depot run \0")
    assert "\0" not in line
