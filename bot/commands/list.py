"""`/depot list`: the workflows and jobs at the head commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, Here, Outcome
from bot.core.errors import Refused
from bot.core.types import Permission, Sha
from bot.messages import answers

MAX_FILES = 20
"""Workflow files that are opened for one answer."""


@dataclass(frozen=True, slots=True)
class ListArguments:
    pass


async def list_workflows(command: ListArguments, here: Here) -> Outcome:
    sha = (await here.shown_head()).sha
    names = await here.workflow_names(sha)
    shown = names[:MAX_FILES]
    jobs = await asyncio.gather(*(_jobs(here, sha, name) for name in shown))
    rows = list(zip(shown, jobs, strict=True))
    return Answer(answers.workflow_list(sha, rows, hidden=len(names) - len(shown)))


async def _jobs(here: Here, sha: Sha, name: str) -> Sequence[str] | None:
    try:
        return (await here.outline(sha, name)).keys
    except Refused:
        return None  # the list says of this file that it cannot be read


LIST = CommandSpec(
    ListArguments,
    list_workflows,
    required_permission=Permission.NONE,
    summary="Show the workflows and jobs at the head commit.",
    examples=("list",),
)
