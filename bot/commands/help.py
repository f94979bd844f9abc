"""`/depot help`: what can be typed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here, Said
from bot.core.errors import Refused, UnknownCommand
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import answers, refusals
from bot.parsing.arguments import nearest, word, words


@dataclass(frozen=True, slots=True)
class Help:
    command: str | None = word("the command to explain", default=None)


async def show_help(command: Help, here: Here) -> Answer:
    if command.command is None:
        return Said(table(here.commands))
    verb = command.command.lower()
    known = here.commands.get(verb)
    if known is None:
        meant = nearest(verb, here.commands)
        unknown = UnknownCommand("", verb, f"help {meant}" if meant else None)
        verbs = {name: c.words for name, c in here.commands.items()}
        raise Refused(Reason.UNKNOWN_COMMAND, refusals.misreading(unknown, verbs))
    arguments = [(name, w.help) for name, (_, w) in words(known.words).items()]
    return Said(
        answers.help_page(known.usage(verb), known.needs, known.summary, arguments, known.examples)
    )


def table(commands: Mapping[str, Command]) -> str:
    """All commands, one row each; README holds the same table."""
    return answers.help_table(
        [
            (command.usage(verb), command.needs, command.summary)
            for verb, command in commands.items()
        ]
    )


HELP = Command(
    Help,
    show_help,
    needs=Permission.NONE,
    summary="Show what can be typed, or explain one command.",
    examples=("help", "help run"),
    reads_nothing=True,
)
