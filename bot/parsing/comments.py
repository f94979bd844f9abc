"""From a comment's text to its command lines.

A command is a line that begins with `/depot` outside code, quotes and HTML. A Markdown parser
decides what is code or quote.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from bot.core.events import CommandLine

MAX_COMMANDS = 10
"""Commands that one comment may hold."""

_CANDIDATE = re.compile(r"^([ \t]*)(/depot)(?=[ \t\u00a0]|\r?$)", re.IGNORECASE | re.MULTILINE)
# Replaces `/depot` while the Markdown is parsed. Markdown treats it as plain text, like `/depot`,
# and the parsed text shows which candidates came out as text. No entity (such as `&#xE000;`) can
# stand for this character.
_SENTINEL = "\ufdd0"
_MARKED = re.compile(_SENTINEL + r"(\d+)" + _SENTINEL)
_UNKNOWN = re.compile(f"[\0{_SENTINEL}]")
_MAX_STEPS = 30_000
"""Steps that parsing a text may take beyond those that grow linearly with its length."""
_ESCAPED_NEWLINE = re.compile(r"\\$")


def find_command_lines(text: str) -> list[CommandLine]:
    """The command lines of a comment, in order. Empty when nothing in it is for the bot."""
    if "/depot" not in text.lower():
        return []  # most comments: a plain search is faster than the pattern below
    text = _UNKNOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    first = _CANDIDATE.search(text)
    if first is None:
        return []
    if first.start(2) == 0 and "\n" not in text:
        # One line that begins with `/depot` is always a paragraph: no parser is needed.
        return [CommandLine(_typed(text[first.end() :]), ())]
    candidates: list[str] = []
    typed: list[str] = []

    def mark(match: re.Match[str]) -> str:
        end = text.find("\n", match.end())
        candidates.append(text[match.end() : end if end >= 0 else len(text)])
        typed.append(match[2])
        return f"{match[1]}{_SENTINEL}{len(candidates) - 1}{_SENTINEL}"

    def unmark(block: str) -> str:
        return _MARKED.sub(lambda match: typed[int(match[1])], block)

    try:
        # The parser fails on some texts that do not end with a line end.
        tokens = _markdown().parse(_CANDIDATE.sub(mark, text) + "\n")
    except _TooComplex:
        return []
    return [
        CommandLine(_typed(candidates[number]), tuple(map(unmark, blocks)))
        for number, blocks in _live_candidates(tokens)
    ]


def _typed(line: str) -> str:
    """The text of a command line, without the backslash that is a hard line break in Markdown."""
    return _ESCAPED_NEWLINE.sub("", line).strip()


@cache
def _markdown() -> MarkdownIt:
    """The parser, created once: that takes longer than parsing a comment."""
    markdown = MarkdownIt("commonmark").enable("table")
    markdown.block.ruler.before("blockquote", "count quote", _count_quote)
    markdown.inline.ruler.before("html_inline", "count comment", _count_comment)
    return markdown


class _TooComplex(Exception):
    """Parsing the text would take too long."""


# Two rules that never match; each counts the cost of the rule after it. These two rules scan far
# ahead and may find nothing, so a text written for that purpose takes minutes.


def _count_quote(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    """A quote scans all lines up to a blank one, also when it ends before."""
    if not silent and state.src.startswith(">", state.bMarks[start] + state.tShift[start]):
        blank = next((line for line in range(start, end) if state.isEmpty(line)), end)
        _spend(state.env, blank - start)
    return False


def _count_comment(state: StateInline, silent: bool) -> bool:
    """The end of an HTML comment is searched for up to the end of its paragraph."""
    if state.src.startswith("<!--", state.pos):
        _spend(state.env, (len(state.src) - state.pos) // 100)
    return False


def _spend(env: MutableMapping[str, Any], steps: int) -> None:
    env["steps"] = env.get("steps", 0) + steps
    if env["steps"] > _MAX_STEPS:
        raise _TooComplex


def _live_candidates(tokens: Sequence[Token]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """The numbers of the candidates that begin a line of text outside quotes, with their YAML
    blocks."""
    quotes = 0
    for position, token in enumerate(tokens):
        if token.type == "blockquote_open":
            quotes += 1
        elif token.type == "blockquote_close":
            quotes -= 1
        elif token.type == "inline" and not quotes:
            starts = list(_line_starts(token.children or []))
            for index, start in enumerate(starts):
                if match := _MARKED.match(start):
                    last = index == len(starts) - 1
                    yield int(match[1]), _yaml_blocks(tokens, position) if last else ()


def _line_starts(children: Sequence[Token]) -> Iterator[str]:
    """The first text of each line of a paragraph; empty where a line begins with something else."""
    at_start = True
    for child in children:
        if child.type in {"softbreak", "hardbreak"}:
            at_start = True
        elif at_start:
            yield child.content if child.type == "text" else ""
            at_start = False


def _yaml_blocks(tokens: Sequence[Token], position: int) -> tuple[str, ...]:
    """The fenced `yaml` blocks that follow the paragraph of the inline token at *position*."""
    blocks = []
    # Past the inline token and the closing of its paragraph.
    for following in range(position + 2, len(tokens)):
        token = tokens[following]
        if token.type != "fence" or token.info.strip().lower() not in {"yaml", "yml"}:
            break
        blocks.append(token.content)
    return tuple(blocks)
