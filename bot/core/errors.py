"""What a user can get wrong, as values and refusals.

    Misreading            a line that could not be read; each names the line and what is wrong
    ├── UnknownCommand
    ├── UnknownArgument
    ├── UnexpectedArgument
    ├── RepeatedArgument
    ├── MissingArgument
    ├── BadValue
    └── BadQuote

    Refused               an exception: the command was understood and will not be done

Misreadings are values because one bad line must not stop the next. `Refused` is raised wherever
the reason is found and becomes the reply in one place, `bot.engine.command_step`. What is nobody's
fault (GitHub or Depot out of reach) is an exception of `bot.github.errors` or `bot.depot.client`.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.reasons import Reason


@dataclass(frozen=True, slots=True)
class Misreading:
    """A command line that could not be read."""

    line: str


@dataclass(frozen=True, slots=True)
class UnknownCommand(Misreading):
    verb: str
    closest_match: str | None = None
    """The whole line as it was probably meant."""


@dataclass(frozen=True, slots=True)
class UnknownArgument(Misreading):
    verb: str
    name: str
    closest_match: str | None = None


@dataclass(frozen=True, slots=True)
class UnexpectedArgument(Misreading):
    """One argument more than the command takes."""

    verb: str
    value: str
    instead: str | None = None


@dataclass(frozen=True, slots=True)
class RepeatedArgument(Misreading):
    verb: str
    name: str


@dataclass(frozen=True, slots=True)
class MissingArgument(Misreading):
    verb: str
    name: str


@dataclass(frozen=True, slots=True)
class BadValue(Misreading):
    verb: str
    name: str
    problem: str


@dataclass(frozen=True, slots=True)
class BadQuote(Misreading):
    problem: str


class Refused(Exception):
    """The command was understood and is not done.

    `reason` is what programs read; `text` is the sentence, in Markdown, that says what is missing
    and what to type instead.
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text
