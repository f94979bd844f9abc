"""From a command line to typed arguments, or a misreading.

The arguments a command takes are the fields of a dataclass, so parser, usage line and help cannot
disagree.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field
from difflib import get_close_matches
from typing import Any

from bot.core.errors import (
    BadQuote,
    BadValue,
    Misreading,
    MissingArgument,
    RepeatedArgument,
    UnexpectedArgument,
    UnknownArgument,
    UnknownCommand,
)
from bot.core.types import Permission
from bot.parsing.characters import visible
from bot.parsing.words import Word, quoted, split


@dataclass(frozen=True, slots=True)
class Argument:
    """What a dataclass field means on the command line."""

    help: str
    show: str = ""
    """How the usage line shows its value, e.g. `SHA`; by default the field's name in capitals."""
    keyword: bool = False
    """Only as `name=value` or `--name value`; otherwise also by its position."""
    convert: Callable[[str], Any] = str
    """Raises ValueError with a sentence for the user."""
    rest: bool = False
    """Takes every `NAME=VALUE` that no other field takes."""
    many: bool = False
    """Takes every further value by its position."""
    needs: Permission = Permission.NONE
    """The least role of the person who gives it, in addition to the command's; then its name is a
    key of a repository's `permissions`."""


def argument(
    help: str,
    *,
    default: Any = MISSING,
    show: str = "",
    keyword: bool = False,
    convert: Callable[[str], Any] = str,
    needs: Permission = Permission.NONE,
) -> Any:
    """A field of a command's dataclass: one argument, required when it has no default."""
    read = Argument(help, show, keyword, convert, needs=needs)
    return field(default=default, metadata={"argument": read})


def run_argument(help: str) -> Any:
    """A field that takes a run's id or a workflow; none when it is left out."""
    return argument(help, default=None, show="RUN or WORKFLOW", convert=run_or_workflow)


def jobs_argument() -> Any:
    """A field that takes the keys of jobs; none when it is left out."""
    return argument(
        "only this job, or these with commas between them",
        default=None,
        show="KEY[,KEY]",
        keyword=True,
        convert=names,
    )


def several(help: str, *, show: str = "") -> Any:
    """A field that takes all values by position: a tuple."""
    return field(default=(), metadata={"argument": Argument(help, show, many=True)})


def flag(help: str) -> Any:
    """A field that is true when its name is given: `force` or `--force`."""
    return field(
        default=False, metadata={"argument": Argument(help, keyword=True, convert=yes_or_no)}
    )


def remaining(help: str) -> Any:
    """A field that takes all further `NAME=VALUE`."""
    return field(default_factory=dict, metadata={"argument": Argument(help, rest=True)})


def arguments_of(command: type) -> dict[str, tuple[Field[Any], Argument]]:
    """A command's arguments by name, in the order of their positions."""
    return {f.name: (f, f.metadata["argument"]) for f in dataclasses.fields(command)}


def needs_of(command: Any) -> dict[str, Permission]:
    """The arguments given that need a role of their own, with the least by default."""
    defaults = {f.name: f.default for f in dataclasses.fields(command)}
    guarded = guarded_arguments(type(command)).items()
    return {name: needs for name, needs in guarded if getattr(command, name) != defaults[name]}


def guarded_arguments(command: type) -> dict[str, Permission]:
    """The arguments of a command that need a role of their own, with the least by default."""
    found = arguments_of(command).items()
    return {name: arg.needs for name, (_, arg) in found if arg.needs is not Permission.NONE}


def usage(verb: str, command: type) -> str:
    """How to type a command, e.g. `run [WORKFLOW] [job=JOB]`."""
    return " ".join([verb, *(_usage_of(f, arg) for f, arg in arguments_of(command).values())])


def _usage_of(f: Field[Any], arg: Argument) -> str:
    shown = arg.show or f.name.upper()
    if arg.rest:
        return "[NAME=VALUE …]"
    if arg.many:
        return f"[{shown} …]"
    if f.default is False:
        return f"[{f.name}]"
    text = f"{f.name}={shown}" if arg.keyword else shown
    return text if _is_required(f) else f"[{text}]"


def _is_required(f: Field[Any]) -> bool:
    return f.default is MISSING and f.default_factory is MISSING


def format_command(verb: str, command: Any, **changes: Any) -> str:
    """How to type *command*, with some of its arguments changed."""
    parts = [verb]
    for name, (f, arg) in arguments_of(type(command)).items():
        value = changes.get(name, getattr(command, name))
        if arg.rest:
            parts += [f"{key}={quoted(text)}" for key, text in value.items()]
        elif arg.many:
            parts += [_positional(name, one, type(command)) for one in value]
        elif f.default is False:
            parts += [name] if value else []
        elif arg.keyword and value is not None:
            parts.append(f"{name}={quoted(str(value))}")
        elif value is not None:
            parts.append(_positional(name, str(value), type(command)))
    return " ".join(parts)


def _positional(name: str, value: str, command: type) -> str:
    return f"{name}={quoted(value)}" if _looks_like_an_option(value, command) else quoted(value)


def _looks_like_an_option(value: str, command: type) -> bool:
    return (
        "=" in value or value.startswith(("-", "—", "–")) or value.lower() in arguments_of(command)
    )


MAX_SEVERAL = 20
"""Values that an argument takes which takes several."""

SYNONYMS = {"retest": "retry"}
"""Other names of commands, which other bots have taught people."""


def parse_command(
    line: str, verbs: Mapping[str, type], aliases: Collection[str] = ()
) -> Any | Misreading:
    """The command on a line: an instance of its verb's dataclass, or what is wrong with the line.

    An empty line is read as `help`; all fields of that command need defaults. *aliases* are other
    words that a line may begin with, for what was probably meant.
    """
    try:
        words = split(line)
    except ValueError as wrong:
        return BadQuote(line, str(wrong))
    typed = visible(words[0].text).lower() if words else "help"
    verb = SYNONYMS.get(typed, typed) if typed not in verbs else typed
    if verb not in verbs:
        return UnknownCommand(line, typed, _closest_line(words, [*verbs, *aliases]))
    return _ArgumentParser(line, verb, verbs[verb]).parse(words[1:])


def _closest_line(words: Sequence[Word], verbs: Sequence[str]) -> str | None:
    """The whole line as it was probably meant; none when no command is similar."""
    verb = visible(words[0].text).lower()
    rest = [word.typed for word in words[1:]]
    if verb.endswith((".yml", ".yaml")) and "run" in verbs:
        return " ".join(["run", words[0].typed, *rest])
    closest = closest_match(verb, verbs)
    return " ".join([closest, *rest]) if closest else None


def closest_match(typed: str, known: Sequence[str] | Mapping[str, Any]) -> str | None:
    """The known name that is most similar to what was typed; none when none is similar."""
    return next(iter(get_close_matches(typed.lower(), list(known), n=1, cutoff=0.6)), None)


class _ArgumentParser:
    """Parses the arguments of one command into its dataclass."""

    def __init__(self, line: str, verb: str, command: type) -> None:
        self.line = line
        self.verb = verb
        self.command = command
        self.arguments = arguments_of(command)
        self.values: dict[str, Any] = {}
        self.positional = [
            n for n, (_, arg) in self.arguments.items() if not arg.keyword and not arg.rest
        ]
        self.remaining_field = next((n for n, (_, arg) in self.arguments.items() if arg.rest), None)

    def parse(self, words: Sequence[Word]) -> Any | Misreading:
        remaining = list(words)
        while remaining:
            if wrong := self._take(remaining.pop(0), remaining):
                return wrong
        for name, (f, arg) in self.arguments.items():
            if _is_required(f) and name not in self.values:
                return MissingArgument(self.line, self.verb, arg.show or name.upper())
        return self.command(**self.values)

    def _take(self, word: Word, remaining: list[Word]) -> Misreading | None:
        """Take one argument, and its value from *remaining* when that is the next one."""
        typed = word.text
        name, equals, value = typed.removeprefix("--").partition("=")
        name = visible(name)
        is_option = typed.startswith("--") and len(typed) > 2
        if self._is_flag(name.lower()) and not equals:
            return self._set(name.lower(), "yes")
        if not re.fullmatch(r"[A-Za-z_][\w.-]*", name):
            return self._set_by_position(typed)
        if equals:
            return self._set_named(name, value)
        if is_option:
            if not remaining:
                return BadValue(self.line, self.verb, name, "it needs a value")
            return self._set_named(name, remaining.pop(0).text)
        return self._set_by_position(typed)

    def _is_flag(self, name: str) -> bool:
        return name in self.arguments and self.arguments[name][0].default is False

    def _set_by_position(self, value: str) -> Misreading | None:
        key, _, after = visible(value).partition(":")
        is_near = bool(after) and key.lower() in self.arguments
        hint = f"{key.lower()}={after}" if is_near else None
        for name in self.positional:
            is_many = self.arguments[name][1].many
            if name not in self.values or (is_many and not is_near):
                return self._set(name, value)
        return UnexpectedArgument(self.line, self.verb, value, hint)

    def _set_named(self, typed: str, value: str) -> Misreading | None:
        name = typed.lower().replace("-", "_")
        is_taken = (
            self.remaining_field is not None and name in self.positional and name in self.values
        )
        if name in self.arguments and name != self.remaining_field and not is_taken:
            return self._set(name, value)
        if self.remaining_field is None:
            return UnknownArgument(self.line, self.verb, typed, closest_match(name, self.arguments))
        taken = self.values.setdefault(self.remaining_field, {})
        if typed in taken:
            return RepeatedArgument(self.line, self.verb, typed)
        taken[typed] = value
        return None

    def _set(self, name: str, typed: str) -> Misreading | None:
        _, arg = self.arguments[name]
        if name in self.values and not arg.many:
            return RepeatedArgument(self.line, self.verb, name)
        value = visible(typed).strip()
        if value == "":
            return BadValue(self.line, self.verb, name, "it needs a value")
        try:
            converted = arg.convert(value)
        except ValueError as wrong:
            return BadValue(self.line, self.verb, name, str(wrong))
        if not arg.many:
            self.values[name] = converted
        elif len(several := self.values.get(name, ())) < MAX_SEVERAL:
            self.values[name] = (*several, converted)
        else:
            return BadValue(self.line, self.verb, name, f"at most {MAX_SEVERAL} go here")
        return None


def yes_or_no(value: str) -> bool:
    """The value of a flag, as in `force=no`; raises ValueError."""
    if value.lower() not in {"yes", "true", "1", "no", "false", "0"}:
        raise ValueError("`yes` or `no` goes here")
    return value.lower() in {"yes", "true", "1"}


def full_sha(value: str) -> str:
    """A commit with all its digits; raises ValueError.

    A shorter one is refused: a pusher can make another commit with the same first digits.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{40}", value):
        raise ValueError("a commit needs all 40 digits here, since a shorter one can be imitated")
    return value.lower()


def run_or_workflow(value: str) -> str:
    """A run's id: letters, digits, `_` and `-` (bot/depot/README.md, "Ids and pages"); or the name
    of a workflow file. Raises ValueError."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", value) and not is_file_name(value):
        raise ValueError("a run's id, or the name of a workflow file, goes here")
    return value


def is_file_name(value: str) -> bool:
    """Whether it can only be a workflow file, and no run's id."""
    return value.endswith((".yml", ".yaml"))


def number(low: int, high: int) -> Callable[[str], int]:
    """A converter for a whole number from *low* to *high*; it raises ValueError."""

    def convert(value: str) -> int:
        if not re.fullmatch(r"\d{1,9}", value) or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high} goes here")
        return int(value)

    return convert


def names(value: str) -> str:
    """Names with commas between them; raises ValueError when one is missing."""
    if not all(part.strip() for part in value.split(",")):
        raise ValueError("a name is missing between the commas")
    return value
