"""`/depot run`: start a workflow on the head commit of this pull request."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import CommandSpec, Here, Outcome
from bot.core.events import CommandLine
from bot.core.types import Permission, Sha
from bot.parsing.arguments import argument, flag, full_sha


@dataclass(frozen=True, slots=True)
class RunArguments:
    workflow: str | None = argument(
        "workflow file in .depot/workflows; all without it", default=None
    )
    job: str | None = argument("only this job", default=None, keyword=True)
    sha: str | None = argument(
        "the commit you have read; refused when it is no longer the head",
        default=None,
        keyword=True,
        convert=full_sha,
    )
    force: bool = flag("start another although the same is under way")


async def run(command: RunArguments, here: Here) -> Outcome:
    head = await here.head(pinned=Sha(command.sha) if command.sha else None)
    if _is_inline(command, here.blocks):
        return await here.start_inline(head, command.job)
    return await here.start(head, command.workflow, command.job, force=command.force)


def _is_inline(command: RunArguments, blocks: tuple[str, ...]) -> bool:
    """A block below a command that names a workflow is only talk about it."""
    return command.workflow is None and bool(blocks)


def _needs(command: RunArguments, line: CommandLine) -> Permission:
    return Permission.MAINTAIN if _is_inline(command, line.blocks) else Permission.NONE


RUN = CommandSpec(
    RunArguments,
    run,
    required_permission=Permission.WRITE,
    summary="Start a workflow on this pull request's head commit; with fenced `yaml` blocks right "
    "below and no workflow named, run those (needs maintain).",
    examples=("run ci.yml", "run ci.yml job=test"),
    required_permission_for=_needs,
    starts_run=True,
)
