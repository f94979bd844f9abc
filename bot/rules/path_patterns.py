"""Patterns as in GitHub's path and branch filters, held to the examples that GitHub publishes.

`*` stands for anything but `/`, `**` for anything, `?` and `+` repeat the character (or `[class]`)
before them, `\\` takes the next character as it is, `!` at the beginning excludes
(docs.github.com, "Workflow syntax", "Filter pattern cheat sheet"). Matching takes time in
proportion to the text, whatever the pattern: no regular expression goes back and forth over it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

MAX_LENGTH = 200
"""Characters of a pattern."""

_RANGES = ("az", "AZ", "09")


class BadPattern(ValueError):
    """The pattern cannot be read, or can match nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one character of the text has to be."""

    characters: frozenset[str] | None
    """None for any, or with `is_name` any but a slash."""
    is_name: bool = False
    may_repeat: bool = False
    may_be_absent: bool = False

    def accepts(self, character: str) -> bool:
        if self.characters is None:
            return not self.is_name or character != "/"
        return character in self.characters


_NOTHING = _Piece(frozenset(), may_be_absent=True)
_ANYTHING = _Piece(None, may_repeat=True, may_be_absent=True)
_NAME = _Piece(None, is_name=True, may_repeat=True, may_be_absent=True)


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that was read."""

    pieces: tuple[_Piece, ...]
    jumps: frozenset[int] = field(default_factory=frozenset)
    """Where a `**/` begins: it and its slash may be absent together."""

    def matches(self, text: str) -> bool:
        """Whether the whole text fits."""
        states = self._reachable({0})
        for character in text:
            moved: set[int] = set()
            for at in states:
                if at < len(self.pieces) and self.pieces[at].accepts(character):
                    moved.add(at + 1)
                    if self.pieces[at].may_repeat:
                        moved.add(at)
            if not moved:
                return False
            states = self._reachable(moved)
        return len(self.pieces) in states

    def _reachable(self, states: set[int]) -> set[int]:
        """These places in the pattern, and those that are reached without a character."""
        waiting = list(states)
        while waiting:
            at = waiting.pop()
            nexts = [at + 3] if at in self.jumps else []
            if at < len(self.pieces) and self.pieces[at].may_be_absent:
                nexts.append(at + 1)
            for reached in nexts:
                if reached not in states:
                    states.add(reached)
                    waiting.append(reached)
        return states


def read(pattern: str, *, any_case: bool = False) -> Pattern:
    """The pattern, without a leading `!`; raises BadPattern."""
    if len(pattern) > MAX_LENGTH:
        raise BadPattern(f"a pattern has at most {MAX_LENGTH} characters")
    if any_case:
        pattern = pattern.lower()
    pieces: list[_Piece] = []
    jumps: set[int] = set()
    at = 0
    while at < len(pattern):
        character = pattern[at]
        if pattern.startswith("**/", at) and (at == 0 or pattern[at - 1] == "/"):
            jumps.add(len(pieces))
            pieces += [_NOTHING, _ANYTHING, _Piece(frozenset("/"))]
            at += 3
        elif character == "*":
            stars = len(pattern) - at - len(pattern[at:].lstrip("*"))
            pieces.append(_ANYTHING if stars > 1 else _NAME)
            at += stars
        elif character in "?+":
            pieces.append(_repeated(character, pieces))
            at += 1
        else:
            characters, at = _characters(pattern, at)
            pieces.append(_Piece(characters))
    if not pieces:
        raise BadPattern("an empty pattern matches nothing")
    return Pattern(tuple(pieces), frozenset(jumps))


def _repeated(mark: str, pieces: list[_Piece]) -> _Piece:
    """The last piece again, with what `?` or `+` allows."""
    if not pieces or pieces[-1].characters is None or pieces[-1].may_repeat:
        raise BadPattern(f"`{mark}` goes behind the character or class that it repeats")
    last = pieces.pop()
    return _Piece(last.characters, may_repeat=mark == "+", may_be_absent=mark == "?")


def _characters(pattern: str, at: int) -> tuple[frozenset[str], int]:
    """The characters that one place of the pattern stands for, and where the next begins."""
    if pattern[at] == "\\" and at + 1 < len(pattern):
        return frozenset(pattern[at + 1]), at + 2
    if pattern[at] != "[":
        return frozenset(pattern[at]), at + 1
    end = pattern.find("]", at + 1)
    if end <= at + 1:
        raise BadPattern("`[` begins a class of characters, which ends in `]`")
    return frozenset(_class(pattern[at + 1 : end])), end + 1


def _class(inside: str) -> Iterator[str]:
    at = 0
    while at < len(inside):
        if inside[at + 1 : at + 2] == "-" and at + 2 < len(inside):
            low, high = inside[at], inside[at + 2]
            if low > high or not any(r[0] <= low <= high <= r[1] for r in _RANGES):
                raise BadPattern("a range goes from a to z, A to Z or 0 to 9")
            yield from map(chr, range(ord(low), ord(high) + 1))
            at += 3
        else:
            yield inside[at]
            at += 1


def any_matches(patterns: Sequence[str], paths: Sequence[str]) -> bool:
    """Whether the patterns let one of the paths through: the last pattern that fits a path decides,
    and one with `!` excludes. Raises BadPattern."""
    readers = [(not one.startswith("!"), read(one.removeprefix("!"))) for one in patterns]

    def is_let_through(path: str) -> bool:
        fits = (lets for lets, pattern in reversed(readers) if pattern.matches(path))
        return next(fits, False)

    return any(map(is_let_through, paths))
