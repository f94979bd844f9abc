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
from bot.parsing.characters import INVISIBLE, SPACES, visible

MAX_COMMANDS = 10
"""Commands that one comment may hold."""

_CANDIDATE = re.compile(
    rf"^(?P<indent>[ \t]*+)[{SPACES}{INVISIBLE}]*+(?P<typed>/depot)(?=[{SPACES}{INVISIBLE}]|\r?$)",
    re.IGNORECASE | re.MULTILINE,
)
_NEAR_MISS = re.compile(
    r"^(?P<indent>[ \t]*+(?:(?:[-+*_#]{1,6}+|\d{1,9}[.)]|\[[ xX]\])[ \t]*+){0,4})"
    r"(?P<typed>[/\uff0f] ?depot(?:-?bot)?|@(?=[\w-]{0,60}?depot)[\w-]{1,70}+(?:\[bot\])?)"
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

_TO_THE_END = frozenset({"blockquote", "pre", "code", "tt"})
_IN_PARAGRAPH = frozenset({"q", "samp", "kbd"})
QUOTING = _TO_THE_END | _IN_PARAGRAPH
"""HTML elements whose text is a quote or code. One that is never closed is open to the end of the
comment, or of its paragraph. (GitHub shows `<script>` and its like as plain text.)"""

_FOOTNOTE = re.compile(r"\[\^[^\]\s]{1,200}\]:")

_TAG = re.compile(
    r"<!--(?:.*?-->|.*\Z)"
    r"|<[?!][^>]*+(?:>|\Z)"
    r"|<(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9-]*+)"
    r"(?:[^<>\"']|\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|<)*?(?:>|\Z)",
    re.DOTALL,
)

_YAML = frozenset({"yaml", "yml"})
_LANGUAGE = re.compile(r"[{.\s]*([\w-]+)")
_WORKFLOW_KEY = re.compile(
    r"^(?:[^\S\n]|[>+*{\[?-])*+(?:<pre[^>\n]*>)?[\"'“]?(?:jobs|on|runs-on|steps)[\"'”]?[^\S\n]*+:",
    re.MULTILINE | re.IGNORECASE,
)
"""A line of a workflow file, wherever it stands."""
_WORKFLOW = re.compile(r"^([\"']?)(?:jobs|on)\1[ \t]*:", re.MULTILINE)
_FILE_NAME_ALONE = re.compile(r"[`\"']?[\w./-]{1,200}\.ya?ml\b[^\n]{0,200}", re.IGNORECASE)


def normalized(text: str) -> str:
    """The text with one kind of line end, and without characters that mean something here."""
    return _UNKNOWN.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def find_plain_command(text: str) -> list[CommandLine] | None:
    """The command line of a comment that is one line, or none where nothing in it can be for the
    bot; None where it takes a Markdown parser to know."""
    if "depot" not in text.lower():
        return []  # most comments: a plain search is faster than the patterns below
    return _plain_command(normalized(text))


def _plain_command(text: str) -> list[CommandLine] | None:
    """The same of a text that is normalized."""
    first = _CANDIDATE.search(text)
    if first is None and _NEAR_MISS.search(text) is None:
        return []
    if first is not None and first.start("typed") == 0 and "\n" not in text:
        # One line that begins with `/depot` is always a paragraph: no parser is needed.
        return [CommandLine(_LONE_BACKSLASH.sub("", text[first.end() :]).strip())]
    return None


def find_command_lines(text: str) -> list[CommandLine]:
    """The command lines of a comment, in order, one more than is allowed at most. Empty when
    nothing in it is for the bot.

    Where there is none, a line that was probably meant as one is returned as a near miss.
    """
    text = normalized(text)
    plain = _plain_command(text)
    if plain is not None:
        return plain
    marked = _Marked(text)
    try:
        # The parser fails on some texts that do not end with a line end.
        tokens = _markdown().parse(marked.text + "\n")
    except _TooComplex:
        return []
    return _lines(marked, tokens)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A line that may be a command."""

    line: str
    """What follows `/depot`."""
    typed: str
    """`/depot`, as it was typed."""
    row: int
    """The line's number in the text."""
    is_near: bool
    before_file_name: bool
    """The next line begins with the name of a workflow file."""


class _Marked:
    """A text in which each candidate is replaced by a sentinel with its number."""

    def __init__(self, text: str) -> None:
        self.source = text
        self.candidates: list[_Candidate] = []
        self._row, self._counted = 0, 0
        text = _CANDIDATE.sub(self._mark, text)
        if not self.candidates:
            text = _NEAR_MISS.sub(self._mark_near, text)
        self.text = text

    def _mark(self, match: re.Match[str], *, is_near: bool = False) -> str:
        self._row += self.source.count("\n", self._counted, match.start())
        self._counted = match.start()
        before = self.source.rfind("\n", 0, max(0, match.start() - 1)) + 1
        if _FOOTNOTE.match(self.source, before):
            return match[0]  # GitHub moves a footnote to the end, or drops it
        end = self.source.find("\n", match.end())
        end = len(self.source) if end < 0 else end
        after = self.source.find("\n", end + 1)
        following = self.source[end + 1 : after if after >= 0 else len(self.source)]
        # A backslash between two commands is a hard line break in Markdown. Before anything else
        # it may be meant to go on there, and stays: such a command is refused.
        breaks = _ESCAPED_NEWLINE if _CANDIDATE.match(following) else _LONE_BACKSLASH
        line = self.source[match.end() : end]
        if not following.strip() or breaks is _ESCAPED_NEWLINE:
            line = breaks.sub("", line)
        self.candidates.append(
            _Candidate(
                line.strip(),
                match[0][len(match["indent"]) :],
                self._row,
                is_near,
                _FILE_NAME_ALONE.match(following.strip()) is not None,
            )
        )
        return f"{match['indent']}{_SENTINEL}{len(self.candidates) - 1}{_SENTINEL}"

    def _mark_near(self, match: re.Match[str]) -> str:
        return self._mark(match, is_near=True)

    def unmarked(self, block: str) -> str:
        return _MARKED.sub(lambda match: self.candidates[int(match[1])].typed, block)


def _lines(marked: _Marked, tokens: Sequence[Token]) -> list[CommandLine]:
    """The candidates that came out as text, above an old mail that was answered."""
    found: list[CommandLine] = []
    near: list[CommandLine] = []
    end = _first_row_of_old_mail(marked.source, tokens)
    has_yaml = _has_yaml(marked, tokens)
    for number, own in _live_candidates(tokens):
        one = marked.candidates[number]
        if one.row >= end:
            continue
        if one.is_near:
            near.append(CommandLine(one.line.lstrip(":,").strip(), is_near_miss=True))
            continue
        blocks = tuple(marked.unmarked(token.content) for token in own)
        is_beside = not own and (has_yaml or one.before_file_name)
        found.append(CommandLine(one.line, blocks, is_beside_yaml=is_beside))
        if len(found) > MAX_COMMANDS:
            break
    return found or near[:1]


def _has_yaml(marked: _Marked, tokens: Sequence[Token]) -> bool:
    """Whether the comment holds YAML, in a quote or in plain text too."""
    if any(token.type == "fence" and _language(token) in _YAML for token in tokens):
        return True
    return _WORKFLOW_KEY.search(visible(marked.text)) is not None


def _language(fence: Token) -> str:
    named = _LANGUAGE.match(fence.info)
    return named[1].lower() if named else ""


_MAIL_LINE = re.compile(r"-{2,} ?Original Message ?-{2,}", re.IGNORECASE)
_MAIL_WROTE = re.compile(
    r"On (?=[^\n]*[0-9@])(?:[^\n]{0,200}\n){0,2}?[^\n]{0,200}?wrote:[*_ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_MAIL_HEADER = re.compile(
    r"[*_ ]{0,3}From:[^\n]*\n++(?:[^\n]+\n++){0,4}?[*_ ]{0,3}(?:Sent|Date|Subject):",
    re.IGNORECASE,
)
_MAIL_BEGINS = re.compile(r"^[-*_ ]{0,3}(?=From:|On |-)", re.MULTILINE)


def _first_row_of_old_mail(text: str, tokens: Sequence[Token]) -> int:
    """The line on which the mail begins that was answered, in the plain forms of mail programs;
    beyond the end when there is none.

    A mail that is quoted line by line is a quote already, and what stands below it may be new.
    """
    in_code = [token.map for token in tokens if token.type in {"fence", "code_block"} and token.map]
    row, counted = 0, 0
    for begins in _MAIL_BEGINS.finditer(text):
        at = begins.start()
        row += text.count("\n", counted, at)
        counted = at
        if _is_old_mail(text, begins.end()) and not any(a <= row < b for a, b in in_code):
            return row
    return len(text)


def _is_old_mail(text: str, at: int) -> bool:
    if _MAIL_LINE.match(text, at) or _MAIL_HEADER.match(text, at):
        return True
    wrote = _MAIL_WROTE.match(text, at)
    return wrote is not None and not text[wrote.end() : wrote.end() + 100].lstrip().startswith(
        (">", "<blockquote")
    )


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
    """The quoting HTML elements that are open."""

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
                del self.names[len(self.names) - 1 - self.names[::-1].index(name)]
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
    found: list[int] = []
    before_last_line = 0
    for child in children:
        if child.type in {"softbreak", "hardbreak"}:
            before_last_line = len(found)
        elif child.type == "html_inline":
            for _ in elements.read(child.content):
                pass
        elif child.type == "text" and not elements.names:
            found += map(int, _MARKED.findall(child.content))
    elements.names = [name for name in elements.names if name not in _IN_PARAGRAPH]
    return [(number, place >= before_last_line) for place, number in enumerate(found)]


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
