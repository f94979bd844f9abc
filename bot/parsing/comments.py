"""From a comment's text to its command lines.

A command is a line that begins with `/depot` outside code, quotes and HTML comments. A Markdown
parser decides what is code or quote; the HTML that a comment may hold is read for the tags that
quote (`<blockquote>`, `<code>` and their like), so that what GitHub shows as a quote is none of our
commands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from bot.core.events import CommandLine
from bot.parsing.characters import INVISIBLE, SPACES

MAX_COMMANDS = 10
"""Commands that one comment may hold."""

_CANDIDATE = re.compile(
    rf"^(?P<indent>[ \t]*)[{SPACES}{INVISIBLE}]*(?P<typed>/depot)(?=[{SPACES}{INVISIBLE}]|\r?$)",
    re.IGNORECASE | re.MULTILINE,
)
_NEAR_MISS = re.compile(
    r"^(?P<indent>[ \t]*(?:(?:[-+*_#]{1,6}|\d{1,9}[.)]|\[[ xX]\])[ \t]*){0,4})"
    r"(?P<typed>[/\uff0f] ?depot(?:-?bot)?|@[\w-]*depot[\w-]*(?:\[bot\])?)"
    rf"(?=[{SPACES}:,]+\w)",
    re.IGNORECASE | re.MULTILINE,
)
"""What people write who mean the bot: `- /depot run`, `@depot-bot run`, `/depot-bot run`."""

# Replace `/depot` while the Markdown is parsed. Markdown treats them as plain text, like `/depot`,
# and the parsed text shows which candidates came out as text. No entity (such as `&#xE000;`) can
# stand for these characters.
_SENTINEL = "\ufdd0"
_MARKED = re.compile(_SENTINEL + r"(\d+)" + _SENTINEL)
_UNKNOWN = re.compile(f"[\0{_SENTINEL}]")
_MAX_STEPS = 30_000
"""Steps that parsing a text may take beyond those that grow linearly with its length."""
_ESCAPED_NEWLINE = re.compile(r"\\$")
_LONE_BACKSLASH = re.compile(r"(?:^|(?<=\s))\\$")

QUOTING = frozenset(
    {
        *("blockquote", "q", "code", "pre", "samp", "kbd", "tt", "xmp", "plaintext"),
        *("script", "style", "textarea", "title", "template", "iframe", "noembed", "noframes"),
    }
)
"""HTML elements whose text is quoted, code, or not shown."""

_TAG = re.compile(r"<!--(?:.*?-->|.*\Z)|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*)[^<>]*>", re.S)

_YAML = frozenset({"yaml", "yml"})
_WORKFLOW_KEY = re.compile(r"^[ \t>]*([\"']?)(?:jobs|on)\1[ \t]*:", re.MULTILINE)
"""A line of a workflow file, wherever it stands."""
_WORKFLOW = re.compile(r"^([\"']?)(?:jobs|on)\1[ \t]*:", re.MULTILINE)


def find_command_lines(text: str) -> list[CommandLine]:
    """The command lines of a comment, in order. Empty when nothing in it is for the bot.

    Where there is none, a line that was probably meant as one is returned as a near miss.
    """
    if "depot" not in text.lower():
        return []  # most comments: a plain search is faster than the patterns below
    text = _UNKNOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))
    first = _CANDIDATE.search(text)
    if first is None and _NEAR_MISS.search(text) is None:
        return []
    if first is not None and first.start("typed") == 0 and "\n" not in text:
        # One line that begins with `/depot` is always a paragraph: no parser is needed.
        return [CommandLine(_LONE_BACKSLASH.sub("", text[first.end() :]).strip())]
    marked = _Marked(text)
    try:
        # The parser fails on some texts that do not end with a line end.
        tokens = _markdown().parse(marked.text + "\n")
    except _TooComplex:
        return []
    return _lines(marked, tokens)


class _Marked:
    """A text in which each candidate is replaced by a sentinel with its number."""

    def __init__(self, text: str) -> None:
        self.lines: list[str] = []
        """What follows each candidate on its line."""
        self.typed: list[str] = []
        self.is_near: list[bool] = []
        self.end = _start_of_old_mail(text)
        """What comes after it is a mail that was answered."""
        self._source = text
        text = _CANDIDATE.sub(self._mark, text)
        if not self.lines:
            text = _NEAR_MISS.sub(self._mark_near, text)
        self.text = text

    def _mark(self, match: re.Match[str], *, is_near: bool = False) -> str:
        if match.start() >= self.end:
            return match[0]
        end = self._source.find("\n", match.end())
        is_last = end < 0 or not self._source[end + 1 :].partition("\n")[0].strip()
        line = self._source[match.end() : end if end >= 0 else None]
        # A backslash before another line is a hard line break in Markdown.
        breaks = _LONE_BACKSLASH if is_last else _ESCAPED_NEWLINE
        self.lines.append(breaks.sub("", line).strip())
        self.typed.append(match[0][len(match["indent"]) :])
        self.is_near.append(is_near)
        return f"{match['indent']}{_SENTINEL}{len(self.lines) - 1}{_SENTINEL}"

    def _mark_near(self, match: re.Match[str]) -> str:
        return self._mark(match, is_near=True)

    def unmarked(self, block: str) -> str:
        return _MARKED.sub(lambda match: self.typed[int(match[1])], block)


def _lines(marked: _Marked, tokens: Sequence[Token]) -> list[CommandLine]:
    """The candidates that came out as text."""
    found: list[CommandLine] = []
    near: list[CommandLine] = []
    for number, own in _live_candidates(tokens):
        line = marked.lines[number]
        if marked.is_near[number]:
            near.append(CommandLine(line.lstrip(":,").strip(), is_near_miss=True))
        else:
            blocks = tuple(marked.unmarked(token.content) for token in own)
            found.append(CommandLine(line, blocks, is_beside_yaml=_has_yaml(tokens, marked, own)))
    return found or near[:1]


def _has_yaml(tokens: Sequence[Token], marked: _Marked, own: Sequence[Token]) -> bool:
    """Whether the comment holds YAML that is not plainly the command's own, in a quote too."""
    fences = [token for token in tokens if token.type == "fence" and token not in own]
    if any(_language(token) in _YAML for token in fences):
        return True
    text = marked.text
    for token in own:
        text = text.replace(token.content, "", 1)
    return _WORKFLOW_KEY.search(text) is not None


def _language(fence: Token) -> str:
    return fence.info.strip().lower()


_MAIL_LINE = re.compile(r"-{2,} ?Original Message ?-{2,}", re.IGNORECASE)
_MAIL_WROTE = re.compile(r"On [^\n]{5,200}\n?[^\n]{0,200}wrote:", re.IGNORECASE)
_MAIL_HEADER = re.compile(
    r"[*_ ]{0,3}From:[^\n]*\n+(?:[^\n]*\n+){0,2}?[*_ ]{0,3}(?:Sent|Date|To|Subject):", re.IGNORECASE
)


def _start_of_old_mail(text: str) -> int:
    """Where the mail begins that was answered, in the plain forms of mail programs; else the end.

    A mail that is quoted line by line is a quote already, and what stands below it may be new.
    """
    for start in re.finditer(r"^(?=[-*_ ]{0,3}(?:From:|On |-))", text, re.MULTILINE):
        at = start.end()
        if _MAIL_LINE.match(text, at) or _MAIL_HEADER.match(text, at):
            return at
        wrote = _MAIL_WROTE.match(text, at)
        if wrote is not None and not text[wrote.end() :].lstrip().startswith(">"):
            return at
    return len(text)


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


@dataclass
class _OpenElements:
    """The quoting HTML elements that are open. One that is never closed is open to the end."""

    names: list[str] = field(default_factory=list)

    def read(self, html: str) -> Iterator[str]:
        """The pieces of text between the tags that are no quote."""
        at = 0
        for tag in _TAG.finditer(html):
            if not self.names:
                yield html[at : tag.start()]
            at = tag.end()
            name = (tag["name"] or "").lower()
            if name not in QUOTING:
                continue
            if not tag["close"]:
                self.names.append(name)
            elif name in self.names:
                while self.names.pop() != name:
                    pass
        if not self.names:
            yield html[at:]


def _live_candidates(tokens: Sequence[Token]) -> Iterator[tuple[int, Sequence[Token]]]:
    """The numbers of the candidates that are shown as text outside quotes and code, with their own
    YAML blocks."""
    quotes = 0
    elements = _OpenElements()
    for position, token in enumerate(tokens):
        if token.type == "blockquote_open":
            quotes += 1
        elif token.type == "blockquote_close":
            quotes -= 1
        elif token.type == "html_block":
            for text in elements.read(token.content):
                yield from ((int(mark), ()) for mark in _MARKED.findall(text) if not quotes)
        elif token.type == "inline":
            for number, is_last_line in _marks(token.children or [], elements):
                if not quotes:
                    yield number, _yaml_blocks(tokens, position) if is_last_line else ()


def _marks(children: Sequence[Token], elements: _OpenElements) -> list[tuple[int, bool]]:
    """The candidates in a paragraph's text, and whether they stand on its last line."""
    found: list[tuple[int, bool]] = []
    for child in children:
        if child.type in {"softbreak", "hardbreak"}:
            found = [(number, False) for number, _ in found]
        elif child.type == "html_inline":
            for _ in elements.read(child.content):
                pass
        elif child.type == "text" and not elements.names:
            found += [(int(number), True) for number in _MARKED.findall(child.content)]
    return found


def _yaml_blocks(tokens: Sequence[Token], position: int) -> Sequence[Token]:
    """The fenced workflow files that follow the paragraph of the inline token at *position*: marked
    as YAML, or unmarked and plainly a workflow."""
    blocks = []
    # Past the inline token and the closing of its paragraph.
    for following in range(position + 2, len(tokens)):
        token = tokens[following]
        language = _language(token) if token.type == "fence" else None
        if language not in _YAML and (language != "" or not _WORKFLOW.search(token.content)):
            break
        blocks.append(token)
    return blocks
