"""`/depot can-i`: what the asker may do here, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import (
    Answer,
    Asked,
    Command,
    CommandSpec,
    HeadReader,
    arguments_by_verb,
    verb_of,
)
from bot.core.errors import Misreading, Refused
from bot.core.types import Detail, Permission
from bot.messages import answers
from bot.parsing.arguments import guarded_arguments, needs_of, parse_command
from bot.rules import policy


@dataclass(frozen=True, slots=True)
class CanIArguments:
    pass


async def can_i(command: CanIArguments, reader: HeadReader) -> Answer:
    asked = reader.asked
    rows = [(verb, _why_not(verb, known, asked)) for verb, known in asked.commands.items()]
    rows += [
        (
            f"{verb} {argument}=",
            _why_not_argument(argument, by_default, asked) or _why_not(verb, known, asked),
        )
        for verb, known in asked.commands.items()
        for argument, by_default in guarded_arguments(known.arguments).items()
    ]
    rows += [(alias, _why_not_alias(alias, asked)) for alias in asked.config.aliases]
    rows += [
        (f"run {pattern}", _text(policy.workflow_refusal(pattern, role, asked.role)))
        for pattern, role in asked.config.workflow_roles()
    ]
    may_run = not _why_not("run", asked.commands["run"], asked)
    head_problem = await reader.head_problem() if may_run else ""
    return Answer(answers.can_do(asked.author, asked.role, rows, head_problem))


def _why_not(verb: str, command: Command, asked: Asked) -> str:
    """What stands against a command, empty for nothing."""
    return _guard(verb, verb, command.required_permission, asked, command.quotes)


def _why_not_argument(argument: str, by_default: Permission, asked: Asked) -> str:
    """The same for an argument that needs a role of its own."""
    return _guard(f"{argument}=", argument, by_default, asked)


def _guard(
    shown: str, key: str, by_default: Permission, asked: Asked, quotes: Detail | None = None
) -> str:
    """The refusal of what a key of `permissions` guards, and of what it *quotes*."""
    required, named = asked.config.needs(key, by_default), asked.config.named(key)
    try:
        if asked.author.lower() not in named.users:
            policy.check_permission(shown, required, asked.role, named=named.words)
        if quotes is not None:
            policy.check_shown(asked.config, quotes, is_public=asked.is_public)
    except Refused as no:
        return no.text
    return ""


def _why_not_alias(alias: str, asked: Asked) -> str:
    """The same for what an alias stands for."""
    verbs = arguments_by_verb(asked.commands)
    typed = parse_command(asked.config.aliases[alias], verbs)
    if isinstance(typed, Misreading):
        return ""
    verb = verb_of(typed, verbs)
    reasons = [_why_not(verb, asked.commands[verb], asked)]
    reasons += (_why_not_argument(*needed, asked) for needed in needs_of(typed).items())
    return next(filter(None, reasons), "")


def _text(refused: Refused | None) -> str:
    return refused.text if refused is not None else ""


CAN_I = CommandSpec(
    CanIArguments,
    can_i,
    required_permission=Permission.NONE,
    summary="Show what you may do here, and why not.",
    examples=("can-i",),
)
