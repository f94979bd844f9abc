"""From a comment to command lines, and from a line to a command or a misreading."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.commands.help import HelpArguments
from bot.commands.list import ListArguments
from bot.commands.run import RunArguments
from bot.core.errors import (
    BadValue,
    Misreading,
    MissingArgument,
    RepeatedArgument,
    UnclosedQuote,
    UnexpectedArgument,
    UnknownArgument,
    UnknownCommand,
)
from bot.core.events import CommandLine
from bot.parsing.arguments import (
    argument,
    closest_match,
    flag,
    format_command,
    full_sha,
    number,
    parse_command,
    remaining,
    run_id,
    usage,
    yes_or_no,
)
from bot.parsing.comments import find_command_lines

SHA = "3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29"

# --- from a comment to its command lines ---------------------------------------------------------

LINES: list[tuple[str, list[str]]] = [
    # addressed to us
    ("/depot run ci.yml job=test", ["run ci.yml job=test"]),
    ("/depot", [""]),
    ("/depot   run  ", ["run"]),
    ("/Depot Run", ["Run"]),  # a phone's capital letter
    ("/DEPOT run", ["run"]),
    ("/depot\u00a0run", ["run"]),
    ("   /depot run", ["run"]),
    ("thanks!\n/depot run", ["run"]),
    ("thanks!\n\n/depot run\n\nand bye", ["run"]),
    ("/depot run\r\n\r\n/depot list\r\n", ["run", "list"]),
    ("thanks\r/depot run", ["run"]),
    ("/depot run\n/depot list", ["run", "list"]),
    ("/depot run  \n/depot list", ["run", "list"]),
    ("/depot run\\\n/depot list", ["run", "list"]),
    ("/depot run `ci.yml`", ["run `ci.yml`"]),
    ("text\n    /depot run", ["run"]),  # indented, but inside a paragraph: no code
    ("- item\n/depot run", ["run"]),  # a lazy line, shown as one of its own
    ("- item\n\n  /depot run", ["run"]),
    ("/depot run\n===", ["run"]),
    ("/depot run\n---", ["run"]),
    ("> /depot cancel\n\n/depot run", ["run"]),
    ("```\ncode\n```\n/depot run", ["run"]),
    ("~~~\n/depot list\n~~~\n/depot run", ["run"]),
    ("<!-- a note -->\n/depot run", ["run"]),
    ("<details>\n\n/depot run\n\n</details>", ["run"]),
    # not addressed to us
    ("", []),
    ("nothing here", []),
    ("see /depot run", []),
    ("@bob /depot run", []),
    ("/depotx run", []),
    ("/depot-bot run", []),
    ("/depot/run", []),
    ("/depot: run", []),
    ("\\/depot run", []),
    ("&#47;depot run", []),
    ("**/depot run**", []),
    ("# /depot run", []),
    ("- /depot run", []),
    ("1. /depot run", []),
    ("- [ ] /depot run", []),
    ("| a |\n|---|\n| /depot run |", []),
    ("[x]: /depot run", []),
    # code
    ("```\n/depot run\n```", []),
    ("```\n/depot run", []),  # never closed: code to the end
    ("> ```\n> /depot run\n> ```", []),
    ("~~~\n/depot run\n~~~", []),
    ("````\n```\n/depot run\n````", []),
    ("    /depot run", []),
    ("\t/depot run", []),
    ("- item\n\n      /depot run", []),
    ("`/depot run`", []),
    ("`code over\n/depot run\nlines`", []),
    ("``code over\n/depot run ` \nlines``", []),
    ("<pre>\n\n/depot run\n\n</pre>", []),
    # quotes
    ("> /depot run", []),
    (">/depot run", []),
    ("> quoted\n/depot run", []),  # its lazy continuation
    ("> > deeper\n/depot run", []),
    ("> - item\n/depot run", []),
    ("- > quoted\n/depot run", []),
    # HTML
    ("<!-- /depot run -->", []),
    ("<!--\n/depot run\n-->", []),
    ("<!--\n/depot run", []),
    ("text <!--\n/depot run\n--> more", []),
    ("<details>\n/depot run\n</details>", []),
    ("<b>\n/depot run\n</b>", []),
    ("<a title='\n/depot run\n'>", []),
]


@pytest.mark.parametrize(("text", "expected"), LINES)
def test_lines(text: str, expected: list[str]) -> None:
    assert [line.text for line in find_command_lines(text)] == expected


BLOCKS: list[tuple[str, list[CommandLine]]] = [
    ("/depot run\n```yaml\na: 1\n```", [CommandLine("run", ("a: 1\n",))]),
    ("/depot run\n\n```YML\na: 1\n```", [CommandLine("run", ("a: 1\n",))]),
    ("/depot run\r\n\r\n~~~ yaml\r\na: 1\r\n~~~", [CommandLine("run", ("a: 1\n",))]),
    ("/depot run\n```yaml\na\n```\n```yml\nb\n```", [CommandLine("run", ("a\n", "b\n"))]),
    ("/depot run\n```yaml\na\n```\ntext\n```yaml\nb\n```", [CommandLine("run", ("a\n",))]),
    ("/depot run\n```\na\n```", [CommandLine("run")]),
    ("/depot run\n```json\na\n```\n```yaml\nb\n```", [CommandLine("run")]),
    ("/depot run\ntext\n```yaml\na\n```", [CommandLine("run")]),
    ("/depot run\n\ntext\n```yaml\na\n```", [CommandLine("run")]),
    (
        "/depot list\n/depot run\n```yaml\na\n```",
        [CommandLine("list"), CommandLine("run", ("a\n",))],
    ),
    ("> /depot run\n\n```yaml\na\n```", []),
    (
        "/depot run\n```yaml\na\n```\n/depot run b\n```yaml\nb\n```",
        [CommandLine("run", ("a\n",)), CommandLine("run b", ("b\n",))],
    ),
]


@pytest.mark.parametrize(("text", "expected"), BLOCKS)
def test_yaml_blocks_belong_to_the_line_above(text: str, expected: list[CommandLine]) -> None:
    assert find_command_lines(text) == expected


def test_a_yaml_block_is_handed_on_as_it_was_typed() -> None:
    block = "run: |\n  /depot cancel\n"
    assert find_command_lines(f"/depot run\n```yaml\n{block}```") == [CommandLine("run", (block,))]


# Text made of what means something to Markdown or to us, as well as of anything at all.
markdown_text = st.lists(
    st.one_of(
        st.sampled_from(
            [
                *("/depot run ci.yml", "/depot", "/Depot list\n", "\n/depot run\n", " /depot x\n"),
                *("\n", "\n\n", "\r\n", "\r", "  ", "    ", "\t", "\u00a0", "\u2028", "\x0b"),
                *("```", "~~~", "`", "> ", "- ", "1. ", "# ", "===", "---", "| a |", "|-|"),
                *("<!--", "-->", "<b>", "</b>", "<details>", "<pre>", "<?", "<![CDATA[", "]]>"),
                *(
                    "[",
                    "](",
                    ")",
                    "[a]: ",
                    "![",
                    "*",
                    "**",
                    "_",
                    "\\",
                    "&amp;",
                    "\ufdd0",
                    "\ufdd00",
                ),
            ]
        ),
        st.text(max_size=8),
    ),
    max_size=30,
).map("".join)


def _physical_lines(text: str) -> list[str]:
    # The reader's own mark and a NUL are read as the character for what is unknown.
    return re.split("\r\n|\r|\n", re.sub("[\0\ufdd0]", "\ufffd", text))


@given(markdown_text)
@example("/depot run\ufdd00\ufdd0")
@example("\ufdd00\ufdd0 /depot run")
def test_every_command_line_stands_at_the_start_of_a_line(text: str) -> None:
    starts = [line.lstrip(" \t") for line in _physical_lines(text)]
    typed = [line[6:] for line in starts if line[:6].lower() == "/depot"]
    found = [line.text for line in find_command_lines(text)]
    # In order, and each of them once.
    for line in found:
        while typed and typed[0].removesuffix("\\").strip() != line:
            typed.pop(0)
        assert typed, f"{line!r} is not in the text"
        typed.pop(0)


@given(markdown_text)
def test_nothing_in_a_fence_is_a_command(text: str) -> None:
    for mark in "`~":
        longest = max((len(run) for run in re.findall(f"{mark}+", text)), default=0)
        bar = mark * max(3, longest + 1)
        assert find_command_lines(f"{bar}\n{text}\n{bar}") == []
        assert [line.text for line in find_command_lines(f"{bar}\n{text}\n{bar}\n/depot help")] == [
            "help"
        ]


@given(markdown_text)
def test_nothing_in_a_quote_is_a_command(text: str) -> None:
    quoted = "\n".join(f"> {line}" for line in _physical_lines(text))
    assert find_command_lines(quoted) == []


@given(markdown_text)
def test_nothing_in_an_html_comment_is_a_command(text: str) -> None:
    inside = re.sub("-+>", "", text.replace("\ufdd0", ""))
    assert find_command_lines(f"<!--\n{inside}\n-->") == []


@given(markdown_text)
def test_nothing_indented_as_code_is_a_command(text: str) -> None:
    indented = "\n".join(f"    {line}" for line in _physical_lines(text))
    assert find_command_lines(indented) == []


# --- from a line to a command --------------------------------------------------------------------


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
    run: str | None = argument("a run", default=None, convert=run_id)
    dry_run: bool = flag("only look")


VERBS: dict[str, type] = {
    "build": Build,
    "send": Send,
    "look": Look,
    "run": RunArguments,
    "help": HelpArguments,
}

BAD_NUMBER = "a whole number from 1 to 100 goes here"
BAD_SHA = "a commit needs all 40 digits here, since a shorter one can be imitated"
BAD_FLAG = "`yes` or `no` goes here"
NO_VALUE = "it needs a value"

READ: list[tuple[str, object]] = [
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
    (f"run ci sha={SHA.upper()}", RunArguments("ci", sha=SHA)),
    # near misses and refusals
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
    ("look a/b", BadValue("look a/b", "look", "run", "a run's id has letters and digits only")),
    ("run sha=3f2c1d0", BadValue("run sha=3f2c1d0", "run", "sha", BAD_SHA)),
    ('build "all', UnclosedQuote('build "all')),
    ("build it's", UnclosedQuote("build it's")),
    ("build `all", UnclosedQuote("build `all")),
    ("build all\\", UnclosedQuote("build all\\")),
]


@pytest.mark.parametrize(("line", "expected"), READ)
def test_read(line: str, expected: object) -> None:
    assert parse_command(line, VERBS) == expected


REAL: list[tuple[str, object]] = [
    ("", HelpArguments()),
    ("run ci.yml job=test", RunArguments("ci.yml", job="test")),
    ('run ci.yml job="unit tests"', RunArguments("ci.yml", job="unit tests")),
    ("list", ListArguments()),
    ("rum ci.yml", UnknownCommand("rum ci.yml", "rum", "run ci.yml")),
    ("run ci.yml jobs=test", UnknownArgument("run ci.yml jobs=test", "run", "jobs", "job")),
    ("run ci.yml job=a job=b", RepeatedArgument("run ci.yml job=a job=b", "run", "job")),
    ('run ci.yml job="a', UnclosedQuote('run ci.yml job="a')),
]


@pytest.mark.parametrize(("line", "expected"), REAL)
def test_read_with_the_bots_own_commands(line: str, expected: object) -> None:
    assert (
        parse_command(line, {verb: command.arguments for verb, command in COMMANDS.items()})
        == expected
    )


@pytest.mark.parametrize("verb", COMMANDS)
def test_every_example_of_a_command_can_be_read(verb: str) -> None:
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
    got = parse_command(line, VERBS)
    if isinstance(got, Misreading):
        assert got.line == line
    else:
        assert type(got) in VERBS.values()


@given(
    st.lists(st.sampled_from(["build", "send", "look", "all", "job=", "--", "a=b", '"', "'", "`"]))
)
def test_any_order_of_words_is_a_command_or_a_misreading(words: list[str]) -> None:
    got = parse_command(" ".join(words), VERBS)
    assert isinstance(got, (Misreading, *VERBS.values()))


TANGLED = {
    "quotes that are broken into": "> -\na\n" * 600,
    "HTML comments that do not end": "a " + "<!-- " * 5_000 + "--->\n",
}


@pytest.mark.parametrize("text", TANGLED.values(), ids=TANGLED.keys())
def test_a_text_that_would_take_too_long_is_not_read(text: str) -> None:
    assert find_command_lines("/depot list\n\n" + text[: len(text) // 20]) == [CommandLine("list")]
    assert find_command_lines("/depot list\n\n" + text) == []


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
def test_a_hostile_line_is_read_to_its_end(line: str) -> None:
    assert isinstance(parse_command(line, VERBS), (Misreading, Send, Build))


# --- and back again ------------------------------------------------------------------------------

# What a line can hold: no line ends, and nothing that is changed on the way in for phones' sake.
plain = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r`“”„\u00a0—–"), min_size=1, max_size=12
)
by_place = plain.filter(lambda text: "=" not in text and not text.startswith("--"))
commands_to_spell = st.one_of(
    st.builds(
        Build,
        by_place.filter(lambda text: text.lower() != "force"),
        st.none() | plain,
        st.integers(1, 100),
        st.booleans(),
    ),
    st.builds(
        Send, by_place, st.dictionaries(st.from_regex(r"[A-Z][\w.-]{0,8}", fullmatch=True), plain)
    ),
    st.builds(Look, st.none() | st.from_regex(r"[A-Z0-9]{1,8}", fullmatch=True), st.booleans()),
    st.builds(
        RunArguments,
        st.none() | by_place.filter(lambda text: text.lower() != "force"),
        st.none() | plain,
        st.none() | st.just(SHA),
    ),
)


@given(commands_to_spell)
def test_what_is_spelled_is_read_as_the_same(command: object) -> None:
    verb = next(verb for verb, words in VERBS.items() if type(command) is words)
    assert parse_command(format_command(verb, command), VERBS) == command


def test_spelling_with_changes() -> None:
    assert format_command("run", RunArguments("ci.yml", job="unit tests"), sha=SHA) == (
        f"run ci.yml job='unit tests' sha={SHA}"
    )
    assert format_command("build", Build("all", force=True), force=False) == "build all lines=10"


@pytest.mark.parametrize("line", ["build target=a=b", "build target=--job", "build target=force"])
def test_a_word_that_looks_like_an_option_is_spelled_by_its_name(line: str) -> None:
    command = parse_command(line, VERBS)
    assert isinstance(command, Build)
    assert parse_command(format_command("build", command), VERBS) == command


# --- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("convert", "typed", "value"),
    [
        (full_sha, SHA.upper(), SHA),
        (run_id, "07qw-bk_1s76", "07qw-bk_1s76"),
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
        (run_id, ""),
        (run_id, "a" * 65),
        (run_id, "../x"),
        (run_id, "a\n"),
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


def test_the_nearest_word() -> None:
    assert closest_match("TESTS", ["build", "lint", "test"]) == "test"
    assert closest_match("deploy", ["build", "lint", "test"]) is None


@dataclass(frozen=True, slots=True)
class _Unused:
    """`rest` gives each command a dictionary of its own."""

    inputs: dict[str, str] = remaining("x")
    other: list[str] = field(default_factory=list)


def test_rest_is_not_shared() -> None:
    assert _Unused().inputs is not _Unused().inputs
