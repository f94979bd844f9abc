"""A command line as words, and back. Pure.

Words stand apart by spaces. A quote that begins a word, or the value after its first `=`, goes to
the next such quote: straight, curly or a backtick. Everything else is taken as it was typed; only
inside straight double quotes a backslash before such a quote makes it part of the text, by the rule
of Windows' command lines, so that paths stay as they are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from bot.parsing.characters import INVISIBLE, SPACES, visible

_CLOSING = {
    **{'"': '"', "'": "'", "`": "`"},
    **{"“": "”“", "”": "”", "„": "“”", "«": "»", "‘": "’‘", "‚": "‘’"},
}
"""What ends a quote, by what begins it."""

_GAP = re.compile(rf"[{SPACES}]+")
_AFTER_QUOTE = re.compile(rf"[{SPACES}{INVISIBLE}]")
_KEY = re.compile(rf"(?:--)?[^{SPACES}=\"'`“”„«‘‚]*=")
_PLAIN = re.compile(rf"[^{SPACES}]+")
_LONG_DASH = re.compile(r"[—–](?=\w)")
_IN_DOUBLE_QUOTES = re.compile(r'[^"\\]|(?P<slashes>\\+)(?P<quote>"?)')


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a line."""

    text: str
    """Without its quotes."""
    typed: str
    """As it stands on the line."""


def split(line: str) -> list[Word]:
    """The words of a line; raises ValueError, with a sentence, for a quote that does not end."""
    words: list[Word] = []
    at = 0
    while at < len(line):
        if gap := _GAP.match(line, at):
            at = gap.end()
            continue
        word, at = _word(line, at)
        if visible(word.typed):
            words.append(word)
    return words


def first_word(line: str) -> Word | None:
    """The first word of a line; none where there is none, or its quote does not end."""
    gap = _GAP.match(line)
    at = gap.end() if gap else 0
    try:
        word, _ = _word(line, at)
    except ValueError:
        return None
    return word if visible(word.typed) else None


def _word(line: str, start: int) -> tuple[Word, int]:
    """The word that begins at *start*, and where it ends."""
    head, at = "", start
    if dash := _LONG_DASH.match(line, at):  # what phones make of `--`
        head, at = "--", dash.end()
    if key := _KEY.match(line, at):
        head += key[0]
        at = key.end()
    if line[at : at + 1] in _CLOSING and at < len(line):
        text, end = _quote(line, at)
    else:
        plain = _PLAIN.match(line, at)
        text, end = (plain[0], plain.end()) if plain else ("", at)
    return Word(head + text, line[start:end]), end


def _quote(line: str, at: int) -> tuple[str, int]:
    """The text of the quote that begins at *at*, and where it ends."""
    begin = line[at]
    text, end = _double_quote(line, at + 1) if begin == '"' else _other_quote(line, at)
    if end < len(line) and not _AFTER_QUOTE.match(line, end):
        raise ValueError("A quote ends in the middle of a word")
    return text, end


def _other_quote(line: str, at: int) -> tuple[str, int]:
    ends = [end for mark in _CLOSING[line[at]] if (end := line.find(mark, at + 1)) >= 0]
    if not ends:
        raise ValueError("A quote is opened and not closed")
    return line[at + 1 : min(ends)], min(ends) + 1


def _double_quote(line: str, at: int) -> tuple[str, int]:
    text = ""
    while part := _IN_DOUBLE_QUOTES.match(line, at):
        at = part.end()
        if part["slashes"] is None:
            text += part[0]
        elif not part["quote"]:
            text += part["slashes"]
        else:
            pairs, is_odd = divmod(len(part["slashes"]), 2)
            text += "\\" * pairs
            if not is_odd:
                return text, at
            text += '"'
    if at >= len(line):
        raise ValueError("A quote is opened and not closed")
    return text, at + 1


def quoted(value: str) -> str:
    """*value* as one word, or as the value after a `=`."""
    is_plain = _PLAIN.fullmatch(value) and value[0] not in _CLOSING and value[0] not in "—–"
    if is_plain and visible(value) == value and not _KEY.match(value):
        return value
    if '"' in value or value.endswith("\\"):
        value = re.sub(r'(\\*)("|$)', lambda m: 2 * m[1] + ('\\"' if m[2] else ""), value)
    return f'"{value}"'
