"""`/depot can-i`: what the asker may do here, and why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.commands.base import (
    Answer,
    CommandSpec,
    HeadReader,
    arguments_by_verb,
    verb_of,
)
from bot.core.errors import Misreading, Refused
from bot.core.types import Permission
from bot.messages import answers
from bot.parsing.arguments import guarded_arguments, needs_of, parse_command
from bot.rules import policy


@dataclass(frozen=True, slots=True)
class CanIArguments:
    pass


async def can_i(command: CanIArguments, reader: HeadReader) -> Answer:
    asked = reader.asked
    why_not = {verb: await _why_not(verb, reader) for verb in asked.commands}
    rows = list(why_not.items())
    rows += [
        (
            f"{verb} {argument}=",
            await _why_not_argument(argument, by_default, reader) or why_not[verb],
        )
        for verb, known in asked.commands.items()
        for argument, by_default in guarded_arguments(known.arguments).items()
    ]
    rows += [
        (alias, await _why_not_alias(alias, reader, why_not)) for alias in asked.config.aliases
    ]
    rows += [
        (f"run {pattern}", _text(policy.workflow_refusal(pattern, role, asked.role)))
        for pattern, role in asked.config.workflow_roles()
    ]
    head_problem = await reader.head_problem() if not why_not["run"] else ""
    is_recognised = reader.is_recognised()
    return Answer(
        answers.can_do(asked.author, asked.role, rows, head_problem, is_recognised=is_recognised)
    )


async def _why_not(verb: str, reader: HeadReader) -> str:
    """What stands against a command, empty for nothing."""
    asked = reader.asked
    command = asked.commands[verb]
    why = await reader.access_problem(verb, verb, command.required_permission)
    if not why and command.quotes is not None:
        try:
            policy.check_shown(asked.config, command.quotes, is_public=asked.is_public)
        except Refused as no:
            return no.text
    return why


async def _why_not_argument(argument: str, by_default: Permission, reader: HeadReader) -> str:
    """The same for an argument that needs a role of its own."""
    return await reader.access_problem(f"{argument}=", argument, by_default)


async def _why_not_alias(alias: str, reader: HeadReader, why_not: Mapping[str, str]) -> str:
    """The same for what an alias stands for; *why_not* says it of the commands."""
    verbs = arguments_by_verb(reader.asked.commands)
    typed = parse_command(reader.asked.config.aliases[alias], verbs)
    if isinstance(typed, Misreading):
        return ""
    why = why_not[verb_of(typed, verbs)]
    for argument, by_default in needs_of(typed).items():
        why = why or await _why_not_argument(argument, by_default, reader)
    return why


def _text(refused: Refused | None) -> str:
    return refused.text if refused is not None else ""


CAN_I = CommandSpec(
    CanIArguments,
    can_i,
    required_permission=Permission.NONE,
    summary="Show what you may do here, and why not.",
    examples=("can-i",),
)
