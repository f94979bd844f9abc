"""From a line to a command and back: what is spelled is read as the same, wherever it is pasted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given

from bot.commands import COMMANDS
from bot.core.errors import Misreading
from bot.messages.refusals import misreading
from bot.parsing import comments
from bot.parsing.arguments import format_command, parse_command
from tests.fuzz.command_lines import VERBS, commands, lines, verb_of
from tests.fuzz.profiles import cases


@cases(4)
@given(lines())
def test_any_line_is_a_command_or_a_misreading_that_can_be_told(line: str) -> None:
    got = parse_command(line, VERBS)
    if isinstance(got, Misreading):
        assert got.line == line
        assert misreading(got, VERBS)
    else:
        assert type(got) in VERBS.values()


@cases(2)
@given(lines())
def test_a_line_says_the_same_in_a_comment(line: str) -> None:
    assume(line == line.strip() and not line.endswith("\\"))  # of these Markdown makes another
    (found,) = comments.find_command_lines(f"/depot {line}")
    there, here = parse_command(found.text, VERBS), parse_command(line, VERBS)
    assert isinstance(there, Misreading) == isinstance(here, Misreading)


@cases(3)
@given(commands())
def test_a_command_is_spelled_so_that_it_is_read_again(command: Any) -> None:
    spelled = format_command(verb_of(command), command)
    assert parse_command(spelled, VERBS) == command
    assert format_command(verb_of(command), parse_command(spelled, VERBS)) == spelled


@cases(2)
@given(commands())
def test_a_spelled_command_can_be_pasted_into_a_comment(command: Any) -> None:
    spelled = format_command(verb_of(command), command)
    for text in (
        f"/depot {spelled}",
        f"like this:\n/depot {spelled}\nthanks",
        f"/depot {spelled}\r\n",
    ):
        (found,) = comments.find_command_lines(text)
        assert parse_command(found.text, VERBS) == command


def must_be_spelled(line: str) -> None:
    command = parse_command(line, VERBS)
    if not isinstance(command, Misreading):
        assert parse_command(format_command(verb_of(command), command), VERBS) == command


@pytest.mark.parametrize("line", ["run a\\ '—'b", "run job='a '—b"])
def test_a_long_dash_in_a_value_stays_what_it_is(line: str) -> None:
    must_be_spelled(line)


@pytest.mark.parametrize("line", ["dispatch ci.yml --'a b' c", "dispatch ci.yml --1 c"])
def test_a_name_that_is_taken_can_be_spelled(line: str) -> None:
    must_be_spelled(line)


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_is_spelled(verb: str) -> None:
    for line in COMMANDS[verb].examples:
        assert type(parse_command(line, VERBS)) is VERBS[verb]
        must_be_spelled(line)
