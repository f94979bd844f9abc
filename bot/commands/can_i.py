"""`/depot can-i`: what the asker may do here, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import (
    Answer,
    Asked,
    Command,
    CommandSpec,
    Handled,
    HeadReader,
    arguments_by_verb,
)
from bot.core.errors import Refused
from bot.core.types import Permission
from bot.messages import answers, refusals
from bot.parsing.arguments import parse_command
from bot.rules import policy


@dataclass(frozen=True, slots=True)
class CanIArguments:
    pass


async def can_i(command: CanIArguments, reader: HeadReader) -> Handled:
    asked = reader.asked
    rows = [(verb, _why_not(verb, known, asked)) for verb, known in asked.commands.items()]
    rows += [(alias, _why_not_alias(alias, asked)) for alias in asked.config.aliases]
    rows += [
        (f"run {pattern}", _why_not_workflow(pattern, role, asked))
        for pattern, role in asked.config.workflow_roles()
    ]
    may_run = not _why_not("run", asked.commands["run"], asked)
    head_problem = await reader.head_problem() if may_run else ""
    return Answer(answers.can_do(asked.author, asked.role, rows, head_problem))


def _why_not(verb: str, command: Command, asked: Asked) -> str:
    """What stands against a command, empty for nothing."""
    try:
        required = asked.config.needs(verb, command.required_permission)
        policy.check_permission(verb, required, asked.role)
    except Refused as no:
        return no.text
    return ""


def _why_not_alias(alias: str, asked: Asked) -> str:
    """The same for what an alias stands for."""
    verbs = arguments_by_verb(asked.commands)
    typed = parse_command(asked.config.aliases[alias], verbs)
    verb = next((verb for verb, kind in verbs.items() if isinstance(typed, kind)), None)
    return _why_not(verb, asked.commands[verb], asked) if verb is not None else ""


def _why_not_workflow(pattern: str, needs: Permission, asked: Asked) -> str:
    """The same for the workflows that a rule is about."""
    if needs is Permission.NOBODY:
        return refusals.workflow_not_allowed(pattern)
    if asked.role < needs:
        return refusals.workflow_not_permitted(pattern, needs, asked.role)
    return ""


CAN_I = CommandSpec(
    CanIArguments,
    can_i,
    required_permission=Permission.NONE,
    summary="Show what you may do here, and why not.",
    examples=("can-i",),
)
