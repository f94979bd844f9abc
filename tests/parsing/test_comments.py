"""Finding the command lines of a comment, and the YAML blocks that belong to them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.events import CommandLine
from bot.parsing.characters import INVISIBLE, SPACES
from bot.parsing.comments import find_command_lines

COMMENTS: list[tuple[str, list[str]]] = [
    # addressed to the bot
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
    # not addressed to the bot
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
    ("<blockquote>\n/depot run\n</blockquote>", []),
    ("<blockquote>\n\n/depot run\n\n</blockquote>", []),
    ("<BLOCKQUOTE>\n\n/depot run", []),  # never closed: a quote to the end
    ("<blockquote><blockquote>a</blockquote>\n\n/depot run", []),
    ("<code>\n/depot run\n</code>", []),
    ("a <code>b\n/depot run\n</code>", []),
    ("a <tt>b\n/depot run", []),
    ("a <q>b\n/depot run", []),
    ("<table><tr><td><pre>\n/depot run\n</pre>", []),
    ("<p><!--\n/depot run\n--></p>", []),
    # HTML that GitHub shows as plain text
    ("<details>\n/depot run\n</details>", ["run"]),
    ("<details><summary>x</summary>\n/depot run", ["run"]),
    ("</details>\n/depot run", ["run"]),
    ('<img src="https://example.com/x.png" alt="x">\n/depot run', ["run"]),
    ("<b>\n/depot run\n</b>", ["run"]),
    ("<blockquote>a</blockquote>\n/depot run", ["run"]),
    ("a <code>b</code>\n/depot run", ["run"]),
    ("<blockquote><code>a</blockquote>\n\n/depot run", []),
    ("a </code>\n/depot run", ["run"]),
    ("> a <b>b</b>\n\n/depot run", ["run"]),
    # Invisible and wide characters
    ("\u00a0/depot run", ["run"]),
    ("\ufeff/depot run", ["run"]),
    ("\u200b \u2060/depot run", ["run"]),
    ("\u3000/depot run", ["run"]),
    ("/depot\u3000run", ["run"]),
    ("/depot\u200brun", ["\u200brun"]),
    ("\u00a0\u00a0\u00a0\u00a0/depot run", ["run"]),  # no indent for Markdown
    ("<a title='\n/depot run\n'>", []),
]


@pytest.mark.parametrize(("text", "expected"), COMMENTS)
def test_the_command_lines_of_a_comment(text: str, expected: list[str]) -> None:
    assert [line.text for line in commands(text)] == expected


ATTACKS: list[tuple[str, list[str]]] = [
    # hidden, or shown as code or a quote
    ('<div title=">\n/depot run\n">x</div>', []),
    ("<div\n/depot run\n\nfoo", []),
    ("<?php\n/depot run\n?>", []),
    ("<![CDATA[\n/depot run\n]]>", []),
    ("<!X\n/depot run\n>", []),
    ('<code title="<">\n/depot run\n</code>', []),
    ('<blockquote title="a<b">\n\n/depot run\n\n</blockquote>', []),
    ("<code><blockquote></code>\n\n/depot run\n\n</blockquote>", []),
    ("[^1]: note\n/depot run", []),
    ("see [^1]\n/depot run", ["run"]),
    # shown as plain text
    ("Removed the <script> tag from the page\n\n/depot run", ["run"]),
    ("Sets <title> and <iframe>\n\n/depot run", ["run"]),
    ("Press <kbd>Enter<kbd>\n\n/depot run", ["run"]),
    ("see <q>this\n\n/depot run", ["run"]),
    # a backslash before another line may be meant to go on there: such a command is refused
    ("/depot run \\\nci.yml", ["run \\"]),
    ("/depot run ci.yml \\\n  job=test", ["run ci.yml \\"]),
]


@pytest.mark.parametrize(("text", "expected"), ATTACKS)
def test_what_somebody_tried(text: str, expected: list[str]) -> None:
    assert [line.text for line in commands(text)] == expected


NEAR_MISSES: list[tuple[str, str]] = [
    ("- /depot run ci.yml", "run ci.yml"),
    ("1. /depot run", "run"),
    ("- [ ] /depot run", "run"),
    ("* /depot run", "run"),
    ("**/depot run**", "run**"),
    ("# /depot run", "run"),
    ("/depot-bot run", "run"),
    ("/depotbot run", "run"),
    ("/depot: run", "run"),
    ("/ depot run", "run"),
    ("\uff0fdepot run", "run"),  # what an input method for Japanese types
    ("@depot-bot run ci.yml", "run ci.yml"),
    ("@acme-depot[bot] run", "run"),
    ("thanks!\n\n@depot-bot, run", "run"),
    ("- /depot run\n- /depot list", "run"),  # one hint is enough
    # not even nearly
    ("see /depot run", ""),
    ("\\/depot run", ""),  # shown to somebody
    ("`- /depot run`", ""),
    ("```\n- /depot run\n```", ""),
    ("> - /depot run", ""),
    ("<!-- - /depot run -->", ""),
    ("@bob run", ""),
    ("/depots are cheap", ""),
    ("- /depot run\n\n/depot list", ""),  # somebody who knows how
]


@pytest.mark.parametrize(("text", "expected"), NEAR_MISSES)
def test_what_was_probably_meant_as_a_command(text: str, expected: str) -> None:
    near = [line.text for line in find_command_lines(text) if line.is_near_miss]
    assert near == ([expected] if expected else [])


BESIDE_YAML: list[tuple[str, bool]] = [
    ("/depot run", False),
    ("/depot run\n```yaml\njobs: {}\n```", False),
    ("/depot run\n```\njobs: {}\n```", False),
    ("/depot run\n```yaml\na: 1\n```", False),
    ("/depot run\n```sh\nmake\n```", False),
    ("/depot run\nwhat is on: nothing", False),
    ("/depot run\ntext\n```yaml\na: 1\n```", True),
    ("```yaml\na: 1\n```\n/depot run", True),
    ("```\non: push\n```\n\n/depot run", True),
    ("/depot run\n```sh\nmake\n```\n```yml\na: 1\n```", True),
    ("/depot run\n\n    jobs:\n      a: {}", True),
    ("/depot run\n\njobs:\n  a:\n", True),
    ("> ```yaml\n> a: 1\n> ```\n\n/depot run", True),
    ("> jobs:\n>   a:\n\n/depot run", True),
    ("/depot run\n\n<pre>\njobs:\n</pre>", True),
    ("/depot run\n```json\n{}\n```\n```yaml\nb\n```", True),
    ("/depot run\ntext\n```yaml title=x\na: 1\n```", True),
    ("/depot run\ntext\n```{.yaml}\na: 1\n```", True),
    ("/depot run\n```\n{on: push, jobs: {}}\n```", True),
    ("/depot run\n```\nbuild:\n  runs-on: x\n```", True),
    ("/depot run\n```\nJobs:\n```", True),
    ("/depot run\n```diff\n+jobs:\n```", True),
    ("/depot run\n\n- jobs:", True),
    ("/depot run\n\n<pre>jobs:", True),
    ("/depot run\n```\n\ufeffjobs:\n```", True),
    ("/depot run\nci.yml", True),
    ("/depot run\n`deploy.yaml` please", True),
    ("/depot run\nplease", False),
]


@pytest.mark.parametrize(("text", "expected"), BESIDE_YAML)
def test_other_yaml_in_the_comment(text: str, expected: bool) -> None:
    (line,) = find_command_lines(text)
    assert line.is_beside_yaml == expected


MAIL = "On Tue, 24 Nov 2026 at 10:00, Zoe <zoe@example.com> wrote:"
OLD_MAILS: list[tuple[str, list[str]]] = [
    (f"/depot list\n\n{MAIL}\n\n/depot run", ["list"]),
    ("/depot list\n\nOn Tue 24, Zoe\n<zoe@example.com> wrote:\n/depot run", ["list"]),
    ("/depot list\n\n-----Original Message-----\n/depot run", ["list"]),
    ("/depot list\n\nFrom: Zoe\nSent: Tuesday\nTo: Bob\n\n/depot run", ["list"]),
    ("/depot list\n\n**From:** Zoe\n**Date:** Tuesday\n\n/depot run", ["list"]),
    ("From: Zoe\n\nSubject: hello\n\n/depot run", []),
    (
        "/depot list\n\nOn Tue, Nov 26, 2024 at 2:29 PM\nFirst Last\n<x@example.com> wrote:\n"
        "/depot run",
        ["list"],
    ),
    ("/depot list\n\nFrom: a\nTo: b\nCc: c\nX: d\nSent: e\n\n/depot run", ["list"]),
    # No old mail, though it looks a little like one.
    ("```diff\nFrom: a\nDate: c\nSubject: x\n```\n/depot run", ["run"]),
    ("```\nOn 2024 x wrote:\n```\n/depot run", ["run"]),
    ("From: 1.2\nTo: 1.3\n\n/depot run", ["run"]),
    ("On staging, Bob wrote: please rerun\n\n/depot run", ["run"]),
    ('On 2024-01-01 @bob wrote: "foo"\n\n/depot run', ["run"]),
    ("On Jan 1 Bob wrote:\n<blockquote>x</blockquote>\n\n/depot run", ["run"]),
    # No old mail: the quote ends, and what comes below it is new.
    (f"{MAIL}\n\n> /depot list\n\n/depot run", ["run"]),
    ("From: me\n\nPlease:\n\n/depot run", ["run"]),
    ("On the other hand\n\n/depot run", ["run"]),
]


@pytest.mark.parametrize(("text", "expected"), OLD_MAILS)
def test_the_mail_that_was_answered_holds_no_commands(text: str, expected: list[str]) -> None:
    assert [line.text for line in commands(text)] == expected


def commands(text: str) -> list[CommandLine]:
    """What is read as a command, with its own YAML, whatever else the comment holds."""
    return [
        CommandLine(line.text, line.blocks)
        for line in find_command_lines(text)
        if not line.is_near_miss
    ]


BLOCKS: list[tuple[str, list[CommandLine]]] = [
    ("/depot run\n```yaml\na: 1\n```", [CommandLine("run", ("a: 1\n",))]),
    ("/depot run\n\n```YML\na: 1\n```", [CommandLine("run", ("a: 1\n",))]),
    ("/depot run\r\n\r\n~~~ yaml\r\na: 1\r\n~~~", [CommandLine("run", ("a: 1\n",))]),
    ("/depot run\n```yaml\na\n```\n```yml\nb\n```", [CommandLine("run", ("a\n", "b\n"))]),
    ("/depot run\n```yaml\na\n```\ntext\n```yaml\nb\n```", [CommandLine("run", ("a\n",))]),
    ("/depot run\n```\na\n```", [CommandLine("run")]),
    ("/depot run\n```\njobs:\n  a: 1\n```", [CommandLine("run", ("jobs:\n  a: 1\n",))]),
    ("/depot run\n```\n'on': push\n```", [CommandLine("run", ("'on': push\n",))]),
    ("/depot run\n\n    jobs:\n", [CommandLine("run")]),
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
    assert commands(text) == expected


def test_a_yaml_block_is_kept_as_typed() -> None:
    block = "run: |\n  /depot cancel\n"
    assert find_command_lines(f"/depot run\n```yaml\n{block}```") == [CommandLine("run", (block,))]


# Text made of Markdown's special characters, command lines and arbitrary characters.
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


_BLANK = "".join(
    chr(code) for code in range(0x10000) if re.match(f"[{SPACES}{INVISIBLE}]", chr(code))
)


def _physical_lines(text: str) -> list[str]:
    # The parser reads its own sentinel and NUL as the replacement character.
    return re.split("\r\n|\r|\n", re.sub("[\0\ufdd0]", "\ufffd", text))


@given(markdown_text)
@example("/depot run\ufdd00\ufdd0")
@example("\ufdd00\ufdd0 /depot run")
def test_every_command_line_stands_at_the_start_of_a_line(text: str) -> None:
    starts = [line.lstrip(_BLANK) for line in _physical_lines(text)]
    typed = [line[6:] for line in starts if line[:6].lower() == "/depot"]
    found = [line.text for line in commands(text)]
    # In order, and each of them once.
    for line in found:
        while typed and line not in {typed[0].strip(), typed[0].removesuffix("\\").strip()}:
            typed.pop(0)
        assert typed, f"{line!r} is not in the text"
        typed.pop(0)


@given(markdown_text)
def test_nothing_in_a_fence_is_a_command(text: str) -> None:
    for mark in "`~":
        longest = max((len(run) for run in re.findall(f"{mark}+", text)), default=0)
        bar = mark * max(3, longest + 1)
        assert find_command_lines(f"{bar}\n{text}\n{bar}") == []
        assert [line.text for line in commands(f"{bar}\n{text}\n{bar}\n/depot help")] == ["help"]


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


EXPENSIVE = {
    "quotes that are interrupted": "> -\na\n" * 600,
    "HTML comments that do not end": "a " + "<!-- " * 5_000 + "--->\n",
}


@pytest.mark.parametrize("text", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_a_text_that_would_take_too_long_is_not_parsed(text: str) -> None:
    assert find_command_lines("/depot list\n\n" + text[: len(text) // 20]) == [CommandLine("list")]
    assert find_command_lines("/depot list\n\n" + text) == []
