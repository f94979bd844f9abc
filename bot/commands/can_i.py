"""`/depot can-i`: what the asker may do here, and why not."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, Here, Outcome
from bot.core.errors import Refused
from bot.core.types import Permission
from bot.messages import answers
from bot.rules import policy


@dataclass(frozen=True, slots=True)
class CanIArguments:
    pass


async def can_i(command: CanIArguments, here: Here) -> Outcome:
    rows = [(verb, _why_not(verb, known, here)) for verb, known in here.commands.items()]
    may_run = not _why_not("run", here.commands["run"], here)
    head_problem = await _head_problem(here) if may_run else ""
    return Answer(answers.can_do(here.asker, here.has, rows, head_problem))


def _why_not(verb: str, command: CommandSpec, here: Here) -> str:
    """What stands against a command, empty for nothing."""
    try:
        policy.check_permission(
            verb, here.config.needs(verb, command.required_permission), here.has
        )
    except Refused as no:
        return no.text
    return ""


async def _head_problem(here: Here) -> str:
    try:
        await here.head()
    except Refused as no:
        return no.text
    return ""


CAN_I = CommandSpec(
    CanIArguments,
    can_i,
    required_permission=Permission.NONE,
    summary="Show what you may do here, and why not.",
    examples=("can-i",),
)
