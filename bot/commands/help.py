"""`/depot help`: what can be typed here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.commands.base import (
    Answer,
    Command,
    CommandSpec,
    HeadReader,
    arguments_by_verb,
    verb_of,
)
from bot.core.errors import Misreading, Refused, UnknownCommand
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import answers, refusals
from bot.parsing.arguments import (
    argument,
    arguments_of,
    closest_match,
    guarded_arguments,
    parse_command,
)
from bot.rules.repository_config import Config


@dataclass(frozen=True, slots=True)
class HelpArguments:
    command: str | None = argument("the command to explain", default=None)


async def show_help(command: HelpArguments, reader: HeadReader) -> Answer:
    commands, config = reader.asked.commands, reader.asked.config
    if command.command is None:
        aliases = answers.alias_table(config.aliases)
        return Answer("\n\n".join(filter(None, [table(commands, config), aliases])))
    verb = command.command.lower()
    if verb in config.aliases:
        return Answer(_alias_page(verb, commands, config))
    if verb not in commands:
        meant = closest_match(verb, [*commands, *config.aliases])
        unknown = UnknownCommand("", verb, f"help {meant}" if meant else None)
        text = refusals.misreading(unknown, arguments_by_verb(commands), list(config.aliases))
        raise Refused(Reason.UNKNOWN_COMMAND, text)
    return Answer(_page(verb, commands[verb], config))


def _page(verb: str, command: Command, config: Config) -> str:
    guarded = guarded_arguments(command.arguments)
    arguments = [
        (name, answers.needing(w.help, config.needs(name, guarded[name])))
        if name in guarded
        else (name, w.help)
        for name, (_, w) in arguments_of(command.arguments).items()
    ]
    return answers.help_page(
        command.usage(verb),
        config.needs(verb, command.required_permission),
        command.summary,
        arguments,
        command.examples,
        config.workflow_roles() if command.starts_workflows else [],
        config.named(verb).words,
        builds_head=command.starts_workflows,
    )


def _alias_page(alias: str, commands: Mapping[str, Command], config: Config) -> str:
    """What an alias stands for, and the page of that command."""
    verbs = arguments_by_verb(commands)
    line = config.aliases[alias]
    typed = parse_command(line, verbs)
    said = answers.alias(alias, line)
    if isinstance(typed, Misreading):
        return said
    verb = verb_of(typed, verbs)
    return f"{said}\n\n{_page(verb, commands[verb], config)}"


def table(commands: Mapping[str, Command], config: Config | None = None) -> str:
    """All commands, one row each, with the roles that count here; README holds the same table."""
    rules = config or Config()
    return answers.help_table(
        [
            (command.usage(verb), rules.needs(verb, command.required_permission), command.summary)
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
