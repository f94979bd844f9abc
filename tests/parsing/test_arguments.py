"""Parsing a command line into typed arguments or a misreading, and formatting it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.commands.help import HelpArguments
from bot.commands.list import ListArguments
from bot.commands.retry import RetryArguments
from bot.commands.run import MAX_TIMES, MIN_TIMES, RunArguments
from bot.commands.status import StatusArguments
from bot.core.errors import (
    BadQuote,
    BadValue,
    Misreading,
    MissingArgument,
    RepeatedArgument,
    UnexpectedArgument,
    UnknownArgument,
    UnknownCommand,
)
from bot.parsing.arguments import (
    argument,
    closest_match,
    flag,
    format_command,
    full_sha,
    number,
    parse_command,
    remaining,
    run_or_workflow,
    usage,
    yes_or_no,
)
from bot.parsing.characters import visible
from bot.parsing.words import quoted, split

SHA = "3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29"


@dataclass(frozen=True, slots=True)
class Build:
    target: str = argument("what to build")
    job: str | None = argument("only this job", default=None, keyword=True)
    lines: int = argument("how many", default=10, keyword=True, convert=number(1, 100), show="N")
    force: bool = flag("even so")


@dataclass(frozen=True, slots=True)
class Send:
    to: str = argument("where", show="PLACE")
    inputs: dict[str, str] = remaining("what to send along")


@dataclass(frozen=True, slots=True)
class Look:
    run: str | None = argument("a run", default=None, convert=run_or_workflow)
    dry_run: bool = flag("only look")


VERBS: dict[str, type] = {
    "build": Build,
    "send": Send,
    "look": Look,
    "run": RunArguments,
    "help": HelpArguments,
}

OPEN = "A quote is opened and not closed"
MIDDLE = "A quote ends in the middle of a word"
BAD_NUMBER = "a whole number from 1 to 100 goes here"
BAD_SHA = "a commit needs all 40 digits here, since a shorter one can be imitated"
BAD_FLAG = "`yes` or `no` goes here"
NO_VALUE = "it needs a value"

PARSED: list[tuple[str, object]] = [
    ("", HelpArguments()),
    ("help build", HelpArguments("build")),
    ("build all", Build("all")),
    ("BUILD all", Build("all")),
    ("build all job=test", Build("all", job="test")),
    ("build job=test all", Build("all", job="test")),
    ("build all --job test", Build("all", job="test")),
    ("build all --job=test", Build("all", job="test")),
    ("build all --JOB=Test", Build("all", job="Test")),
    ("build all —job test", Build("all", job="test")),  # a phone made one dash of two
    ("build all –job test", Build("all", job="test")),
    ('build all job="unit tests"', Build("all", job="unit tests")),
    ("build all job='unit tests'", Build("all", job="unit tests")),
    ("build all job=“unit tests”", Build("all", job="unit tests")),
    ("build `all` job=`unit tests`", Build("all", job="unit tests")),
    ("build\u00a0all", Build("all")),
    ("build target=all", Build("all")),
    ("build all lines=3", Build("all", lines=3)),
    ("build all force", Build("all", force=True)),
    ("build all --force", Build("all", force=True)),
    ("build --Force all", Build("all", force=True)),
    ("build all force=no", Build("all", force=False)),
    ("build all job==", Build("all", job="=")),
    ("build 1=2", Build("1=2")),
    ("look dry_run", Look(dry_run=True)),
    ("look --dry-run=yes", Look(dry_run=True)),
    ("look 07qwbk1s76", Look("07qwbk1s76")),
    ("send here", Send("here")),
    ("send here A=1 b-c=2", Send("here", {"A": "1", "b-c": "2"})),
    ("send here --A 1 'b=two words'", Send("here", {"A": "1", "b": "two words"})),
    ("send here A=", Send("here", {"A": ""})),
    ("send here inputs=1", Send("here", {"inputs": "1"})),
    (f"run ci sha={SHA.upper()}", RunArguments(("ci",), sha=SHA)),
    # misreadings
    ("biuld all", UnknownCommand("biuld all", "biuld", "build all")),
    ("Rum ci.yml", UnknownCommand("Rum ci.yml", "rum", "run ci.yml")),
    ("run: ci.yml", UnknownCommand("run: ci.yml", "run:", "run ci.yml")),
    ("ci.yml", UnknownCommand("ci.yml", "ci.yml", "run ci.yml")),
    ("please", UnknownCommand("please", "please", None)),
    ("build all jobs=test", UnknownArgument("build all jobs=test", "build", "jobs", "job")),
    ("build all --zzz 1", UnknownArgument("build all --zzz 1", "build", "zzz", None)),
    ("build all __init__=1", UnknownArgument("build all __init__=1", "build", "__init__", None)),
    ("build all more", UnexpectedArgument("build all more", "build", "more", None)),
    (
        "build all job:test",
        UnexpectedArgument("build all job:test", "build", "job:test", "job=test"),
    ),
    ("build all job = x", UnexpectedArgument("build all job = x", "build", "job", None)),
    ("build all — thanks", UnexpectedArgument("build all — thanks", "build", "—", None)),
    ("build all job=a job=b", RepeatedArgument("build all job=a job=b", "build", "job")),
    ("build all target=b", RepeatedArgument("build all target=b", "build", "target")),
    ("build all force force", RepeatedArgument("build all force force", "build", "force")),
    ("send here A=1 A=2", RepeatedArgument("send here A=1 A=2", "send", "A")),
    ("build", MissingArgument("build", "build", "TARGET")),
    ("build job=x", MissingArgument("build job=x", "build", "TARGET")),
    ("send A=1", MissingArgument("send A=1", "send", "PLACE")),
    ("build all job=", BadValue("build all job=", "build", "job", NO_VALUE)),
    ("build all --job", BadValue("build all --job", "build", "job", NO_VALUE)),
    ("build ''", BadValue("build ''", "build", "target", NO_VALUE)),
    ("build all lines=0", BadValue("build all lines=0", "build", "lines", BAD_NUMBER)),
    ("build all lines=101", BadValue("build all lines=101", "build", "lines", BAD_NUMBER)),
    ("build all lines=-1", BadValue("build all lines=-1", "build", "lines", BAD_NUMBER)),
    ("build all lines=1e1", BadValue("build all lines=1e1", "build", "lines", BAD_NUMBER)),
    ("build all force=maybe", BadValue("build all force=maybe", "build", "force", BAD_FLAG)),
    (
        "look a/b",
        BadValue(
            "look a/b", "look", "run", "a run's id, or the name of a workflow file, goes here"
        ),
    ),
    ("run sha=3f2c1d0", BadValue("run sha=3f2c1d0", "run", "sha", BAD_SHA)),
    ('build "all', BadQuote('build "all', OPEN)),
    ("build `all", BadQuote("build `all", OPEN)),
    ("build “all", BadQuote("build “all", OPEN)),
    ('build "a\\"', BadQuote('build "a\\"', OPEN)),
    ('send here a="b "c" d"', BadQuote('send here a="b "c" d"', MIDDLE)),
    ("build 'a'b", BadQuote("build 'a'b", MIDDLE)),
    # taken as it was typed
    ("build it's", Build("it's")),
    ("build all\\", Build("all\\")),
    ("send here path=C:\\temp\\new", Send("here", {"path": "C:\\temp\\new"})),
    ('send here p="C:\\a b\\c"', Send("here", {"p": "C:\\a b\\c"})),
    ('send here a="say \\"hi\\""', Send("here", {"a": 'say "hi"'})),
    ('send here a="say “hi” to all"', Send("here", {"a": "say “hi” to all"})),
    ("send here a='say \"hi\"'", Send("here", {"a": 'say "hi"'})),
    ('send here a=“it\'s "so"”', Send("here", {"a": 'it\'s "so"'})),
    ("send here a=b`c`", Send("here", {"a": "b`c`"})),
    ("send here a=x—y b=—z", Send("here", {"a": "x—y", "b": "—z"})),
    ("send here a=$(x);y", Send("here", {"a": "$(x);y"})),
    ("send here 'b=two words'", Send("here", {"b": "two words"})),
    # what cannot be seen counts for nothing, but in values that are sent
    ("\u200bbuild\u3000\ufeffall\u2060", Build("all")),
    ("bu\u200bild all j\u00adob=test", Build("all", job="test")),
    ("build all job=te\u200bst", Build("all", job="test")),
    ("build e\u0301t\u00e9", Build("\u00e9t\u00e9")),
    ("send here a\u200b=1\u200b2", Send("here", {"a": "1\u200b2"})),
    ("send here \u200b a=1", Send("here", {"a": "1"})),
]


@pytest.mark.parametrize(("line", "expected"), PARSED)
def test_a_line_is_parsed(line: str, expected: object) -> None:
    assert parse_command(line, VERBS) == expected


PARSED_BY_THE_BOT: list[tuple[str, object]] = [
    ("", HelpArguments()),
    ("run ci.yml job=test", RunArguments(("ci.yml",), job="test")),
    ('run ci.yml job="unit tests"', RunArguments(("ci.yml",), job="unit tests")),
    ("list", ListArguments()),
    ("rum ci.yml", UnknownCommand("rum ci.yml", "rum", "run ci.yml")),
    ("run ci.yml jobs=test", UnknownArgument("run ci.yml jobs=test", "run", "jobs", "job")),
    ("run ci.yml job=a job=b", RepeatedArgument("run ci.yml job=a job=b", "run", "job")),
    ('run ci.yml job="a', BadQuote('run ci.yml job="a', OPEN)),
    ("run a.yml b.yml", RunArguments(("a.yml", "b.yml"))),
    ("run workflow=a.yml b.yml", RunArguments(("a.yml", "b.yml"))),
    ("run ci.yml job=build,lint", RunArguments(("ci.yml",), job="build,lint")),
    (
        "run job=a,,b",
        BadValue("run job=a,,b", "run", "job", "a name is missing between the commas"),
    ),
    ("run " + "a " * 20, RunArguments(("a",) * 20)),
    ("run " + "a " * 21, BadValue("run " + "a " * 21, "run", "workflow", "at most 20 go here")),
    ("retest", RetryArguments()),
    ("RETEST ci.yml job=a", RetryArguments("ci.yml", job="a")),
    ("status .depot/workflows/ci.yml", StatusArguments(".depot/workflows/ci.yml")),
]


@pytest.mark.parametrize(("line", "expected"), PARSED_BY_THE_BOT)
def test_a_line_is_parsed_with_the_bots_own_commands(line: str, expected: object) -> None:
    assert (
        parse_command(line, {verb: command.arguments for verb, command in COMMANDS.items()})
        == expected
    )


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_of_a_command_can_be_parsed(verb: str) -> None:
    verbs = {verb: command.arguments for verb, command in COMMANDS.items()}
    command = COMMANDS[verb]
    assert command.examples
    for line in command.examples:
        assert isinstance(parse_command(line, verbs), command.arguments)


@pytest.mark.parametrize(
    ("verb", "expected"),
    [
        ("build", "build TARGET [job=JOB] [lines=N] [force]"),
        ("send", "send PLACE [NAME=VALUE …]"),
        ("look", "look [RUN] [dry_run]"),
        ("help", "help [COMMAND]"),
    ],
)
def test_usage(verb: str, expected: str) -> None:
    assert usage(verb, VERBS[verb]) == expected


@given(st.text())
@example('"')
@example("--")
@example("-- --=")
@example("send here --")
@example("send here =")
@example("\x00 \ud800")
def test_any_line_is_a_command_or_a_misreading_that_quotes_it(line: str) -> None:
    parsed = parse_command(line, VERBS)
    if isinstance(parsed, Misreading):
        assert parsed.line == line
    else:
        assert type(parsed) in VERBS.values()


@given(
    st.lists(st.sampled_from(["build", "send", "look", "all", "job=", "--", "a=b", '"', "'", "`"]))
)
def test_any_sequence_of_arguments_is_a_command_or_a_misreading(words: list[str]) -> None:
    parsed = parse_command(" ".join(words), VERBS)
    assert isinstance(parsed, (Misreading, *VERBS.values()))


HOSTILE_LINES = {
    "one long word": "a" * 64_000,
    "a long argument": "build " + "a" * 64_000,
    "many arguments": "build " + "a " * 32_000,
    "many inputs": "send here " + " ".join(f"a{n}=b" for n in range(8_000)),
    "quotes": "build " + '"' * 64_000,
    "backslashes": "build " + "\\" * 64_000,
    "dashes": " —" * 32_000,
}


@pytest.mark.parametrize("line", HOSTILE_LINES.values(), ids=HOSTILE_LINES.keys())
def test_a_hostile_line_is_parsed_to_its_end(line: str) -> None:
    assert isinstance(parse_command(line, VERBS), (Misreading, Send, Build))


# --- formatting a command ------------------------------------------------------------------------

# What a line can contain: no line ends; but for what is sent, no invisible characters.
anything = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12)
plain = anything.filter(lambda text: text != "" and visible(text).strip() == text)
positional = plain.filter(lambda text: "=" not in text and not text.startswith("--"))
commands = st.one_of(
    st.builds(
        Build,
        positional.filter(lambda text: text.lower() != "force"),
        st.none() | plain,
        st.integers(1, 100),
        st.booleans(),
    ),
    st.builds(
        Send,
        positional,
        # Two ways of writing a character are one in a name.
        st.dictionaries(
            st.from_regex(r"[A-Z][\w.-]{0,8}", fullmatch=True).filter(
                lambda name: visible(name) == name
            ),
            anything,
        ),
    ),
    st.builds(Look, st.none() | st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True), st.booleans()),
    st.builds(
        RunArguments,
        st.lists(positional.filter(lambda text: text.lower() != "force"), max_size=3).map(tuple),
        st.none() | plain.filter(lambda text: all(part.strip() for part in text.split(","))),
        st.none() | st.integers(MIN_TIMES, MAX_TIMES),
        st.none() | st.just(SHA),
    ),
)


@given(commands)
def test_a_formatted_command_is_parsed_as_the_same_command(command: object) -> None:
    verb = next(verb for verb, arguments in VERBS.items() if type(command) is arguments)
    assert parse_command(format_command(verb, command), VERBS) == command


def test_formatting_with_changes() -> None:
    assert format_command("run", RunArguments(("ci.yml",), job="unit tests"), sha=SHA) == (
        f'run ci.yml job="unit tests" sha={SHA}'
    )
    assert format_command("build", Build("all", force=True), force=False) == "build all lines=10"


@pytest.mark.parametrize("line", ["build target=a=b", "build target=--job", "build target=force"])
def test_a_value_that_looks_like_an_option_is_formatted_with_its_name(line: str) -> None:
    command = parse_command(line, VERBS)
    assert isinstance(command, Build)
    assert parse_command(format_command("build", command), VERBS) == command


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("convert", "typed", "value"),
    [
        (full_sha, SHA.upper(), SHA),
        (run_or_workflow, "07qw-bk_1s76", "07qw-bk_1s76"),
        (number(1, 100), "100", 100),
        (number(1, 100), "007", 7),
        (yes_or_no, "YES", True),
        (yes_or_no, "0", False),
    ],
)
def test_good_values(convert: Callable[[str], Any], typed: str, value: object) -> None:
    assert convert(typed) == value


@pytest.mark.parametrize(
    ("convert", "typed"),
    [
        (full_sha, SHA[:39]),
        (full_sha, SHA + "0"),
        (full_sha, SHA + "\n"),
        (full_sha, "g" * 40),
        (full_sha, "٣" * 40),
        (run_or_workflow, ""),
        (run_or_workflow, "a" * 65),
        (run_or_workflow, "../x"),
        (run_or_workflow, "a\n"),
        (number(1, 100), "1_0"),
        (number(1, 100), "+1"),
        (number(1, 100), "9" * 5000),
        (number(1, 100), ""),
        (yes_or_no, ""),
        (yes_or_no, "y"),
    ],
)
def test_bad_values(convert: Callable[[str], Any], typed: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        convert(typed)


def test_the_closest_match() -> None:
    assert closest_match("TESTS", ["build", "lint", "test"]) == "test"
    assert closest_match("deploy", ["build", "lint", "test"]) is None


@dataclass(frozen=True, slots=True)
class _Unused:
    """`remaining` gives each command a dictionary of its own."""

    inputs: dict[str, str] = remaining("x")
    other: list[str] = field(default_factory=list)


def test_remaining_arguments_are_not_shared() -> None:
    assert _Unused().inputs is not _Unused().inputs


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("plain", "plain"),
        ("two words", '"two words"'),
        ('say "hi" to', '"say \\"hi\\" to"'),
        ("C:\\a b\\", '"C:\\a b\\\\"'),
        ("", '""'),
        ("—x", '"—x"'),
        ("a\u200bb", '"a\u200bb"'),
    ],
)
def test_a_value_is_quoted_so_that_it_is_read_again(value: str, expected: str) -> None:
    assert quoted(value) == expected
    (word,) = split(f"x={quoted(value)}")
    assert word.text == f"x={value}"
