"""`/depot list`: the workflows and jobs at the head commit."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, HeadReader
from bot.core.errors import Refused
from bot.core.types import Permission, Sha
from bot.messages import answers

MAX_FILES = 20
"""Workflow files that are opened for one answer."""


@dataclass(frozen=True, slots=True)
class ListArguments:
    pass


async def list_workflows(command: ListArguments, reader: HeadReader) -> Answer:
    sha = (await reader.head()).sha
    names = await reader.workflow_names(sha)
    shown = names[:MAX_FILES]
    jobs = await asyncio.gather(*(_jobs(reader, sha, name) for name in shown))
    rows = list(zip(shown, jobs, strict=True))
    config = reader.asked.config
    roles = {name: config.workflow_needs(name) for name in shown} if config.workflows else None
    listed = answers.workflow_list(sha, rows, len(names) - len(shown), roles)
    aliases = answers.alias_table(config.aliases)
    return Answer("\n\n".join(filter(None, [listed, aliases])))


async def _jobs(reader: HeadReader, sha: Sha, name: str) -> Sequence[str] | None:
    try:
        return (await reader.outline(sha, name)).keys
    except Refused:
        return None  # the list says of this file that it cannot be read


LIST = CommandSpec(
    ListArguments,
    list_workflows,
    required_permission=Permission.NONE,
    summary="Show the workflows and jobs at the head commit.",
    examples=("list",),
)
