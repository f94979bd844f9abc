"""Finding the command lines of a comment, and the YAML blocks that belong to them."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.events import CommandLine
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
    ("<details>\n/depot run\n</details>", []),
    ("<b>\n/depot run\n</b>", []),
    ("<a title='\n/depot run\n'>", []),
]


@pytest.mark.parametrize(("text", "expected"), COMMENTS)
def test_the_command_lines_of_a_comment(text: str, expected: list[str]) -> None:
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


def _physical_lines(text: str) -> list[str]:
    # The parser reads its own sentinel and NUL as the replacement character.
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


EXPENSIVE = {
    "quotes that are interrupted": "> -\na\n" * 600,
    "HTML comments that do not end": "a " + "<!-- " * 5_000 + "--->\n",
}


@pytest.mark.parametrize("text", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_a_text_that_would_take_too_long_is_not_parsed(text: str) -> None:
    assert find_command_lines("/depot list\n\n" + text[: len(text) // 20]) == [CommandLine("list")]
    assert find_command_lines("/depot list\n\n" + text) == []
