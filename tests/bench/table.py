"""What is measured, as rows of a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One claim, what it came to, and what was wanted."""

    what: str
    bot: str
    peer: str
    came_to: str
    wanted: str
    is_met: bool

    def cells(self) -> tuple[str, ...]:
        return (self.what, self.bot, self.peer, self.came_to, self.wanted)


HEADING = ("what", "the bot", "beside it", "came to", "wanted")


def ratio(
    what: str, bot: Sequence[float], peer: Sequence[float], wanted: float | None = None
) -> Row:
    """Rates a second of the bot and of a peer, round by round in turns; only printed where nothing
    is wanted.

    Both meet the same machine in a round, whatever else it does: the median of the rounds' ratios
    counts, and the rates themselves are medians.
    """
    found = median(ours / theirs for ours, theirs in zip(bot, peer, strict=True))
    return Row(
        what,
        f"{median(bot):,.0f}/s",
        f"{median(peer):,.0f}/s",
        f"{found:.2f} times",
        "" if wanted is None else f"at least {wanted:g}",
        wanted is None or found >= wanted,
    )


def cost(what: str, bot: Sequence[float], peer: Sequence[float], wanted: float, unit: str) -> Row:
    """What the bot needs of something and what a peer needs, round by round in turns."""
    found = median(ours / theirs for ours, theirs in zip(bot, peer, strict=True))
    return Row(
        what,
        f"{median(bot):,.3g} {unit}",
        f"{median(peer):,.3g} {unit}",
        f"{found:.3g} times",
        f"at most {wanted:g}",
        found <= wanted,
    )


def below(what: str, found: float, wanted: float, unit: str, beside: float | None = None) -> Row:
    """A figure that must stay below a bound, and what a peer came to in the same run."""
    text = f"{_digits(found)} {unit}"
    peer = "" if beside is None else f"{_digits(beside)} {unit}"
    return Row(what, text, peer, text, f"under {_digits(wanted)} {unit}", found < wanted)


def _digits(found: float) -> str:
    """Three digits that count, or a whole number."""
    return f"{found:,.0f}" if found >= 1000 else f"{found:.3g}"


def at_most(what: str, found: float, wanted: float, beside: float | None = None) -> Row:
    """A count with a bound, and what a peer came to in the same run."""
    text = f"{found:.3g}"
    peer = "" if beside is None else f"{beside:.3g}"
    return Row(what, text, peer, text, f"at most {wanted:g}", found <= wanted)


def markdown(rows: list[Row]) -> str:
    """The table as the README quotes it."""
    lines = [HEADING, tuple("---" for _ in HEADING), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
