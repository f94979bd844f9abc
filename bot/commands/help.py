"""`/depot help`: what can be typed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.commands.base import Answer, Command, CommandSpec, Handled, HeadReader, arguments_by_verb
from bot.core.errors import Refused, UnknownCommand
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import answers, refusals
from bot.parsing.arguments import argument, arguments_of, closest_match


@dataclass(frozen=True, slots=True)
class HelpArguments:
    command: str | None = argument("the command to explain", default=None)


async def show_help(command: HelpArguments, reader: HeadReader) -> Handled:
    commands = reader.asked.commands
    if command.command is None:
        return Answer(table(commands))
    verb = command.command.lower()
    known = commands.get(verb)
    if known is None:
        meant = closest_match(verb, commands)
        unknown = UnknownCommand("", verb, f"help {meant}" if meant else None)
        verbs = arguments_by_verb(commands)
        raise Refused(Reason.UNKNOWN_COMMAND, refusals.misreading(unknown, verbs))
    arguments = [(name, w.help) for name, (_, w) in arguments_of(known.arguments).items()]
    return Answer(
        answers.help_page(
            known.usage(verb), known.required_permission, known.summary, arguments, known.examples
        )
    )


def table(commands: Mapping[str, Command]) -> str:
    """All commands, one row each; README holds the same table."""
    return answers.help_table(
        [
            (command.usage(verb), command.required_permission, command.summary)
            for verb, command in commands.items()
        ]
    )


HELP = CommandSpec(
    HelpArguments,
    show_help,
    required_permission=Permission.NONE,
    summary="Show what can be typed, or explain one command.",
    examples=("help", "help run"),
    is_always_answered=True,
)
