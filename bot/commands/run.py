"""`/depot run`: start a workflow on the head commit of this pull request."""

from __future__ import annotations

from dataclasses import dataclass, replace

from bot.commands.base import CommandSpec, Handled, StartReader, StartRun
from bot.core.errors import Refused
from bot.core.events import CommandLine
from bot.core.models import StartRequest
from bot.core.reasons import Reason
from bot.core.types import Permission, Sha
from bot.messages import refusals
from bot.messages import runs as run_messages
from bot.parsing.arguments import argument, closest_match, flag, full_sha
from bot.parsing.workflow_file import BadWorkflow, outline
from bot.rules.policy import StartTarget


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

    def is_inline(self, line: CommandLine) -> bool:
        """A block below a command that names a workflow is only talk about it."""
        return self.workflow is None and bool(line.blocks)

    def target(self, line: CommandLine) -> StartTarget:
        sha = Sha(self.sha) if self.sha else None
        return StartTarget(self.workflow, self.job, sha, is_inline=self.is_inline(line))

    def at(self, sha: Sha) -> RunArguments:
        return replace(self, sha=sha)

    def least_permission(self, line: CommandLine) -> Permission:
        return Permission.MAINTAIN if self.is_inline(line) else Permission.NONE


async def run(command: RunArguments, reader: StartReader) -> Handled:
    head, repo = reader.checked_head, reader.checked_head.base
    start = StartRequest(repo=repo, sha=head.sha, job=command.job or "", in_fork=head.in_fork)
    if command.is_inline(reader.asked.line):
        _check_blocks(reader.asked.line.blocks, command.job)
        return StartRun(replace(start, content=reader.asked.line.blocks), force=True)
    note = await _check_job(command.job, reader) if command.job else ""
    return StartRun(replace(start, workflow=reader.workflow, note=note), force=command.force)


async def _check_job(job: str, reader: StartReader) -> str:
    """What the reply should say of the job; raises Refused when the workflow has no such job."""
    name = reader.workflow
    file = await reader.outline(reader.checked_head.sha, name)
    if job not in file.keys:
        closest = closest_match(job, file.keys)
        raise Refused(Reason.UNKNOWN_JOB, refusals.unknown_job(job, name, file.keys, closest))
    needs = file.needs(job)
    return run_messages.skips_needs(job, needs) if needs else ""


def _check_blocks(blocks: tuple[str, ...], job: str | None) -> None:
    """Each block is a workflow; a job belongs to exactly one."""
    for place, block in enumerate(blocks, start=1):
        try:
            file = outline(block)
        except BadWorkflow as wrong:
            raise Refused(
                Reason.BAD_WORKFLOW, refusals.unreadable_block(place, str(wrong))
            ) from wrong
        if job is not None and len(blocks) > 1:
            raise Refused(Reason.JOB_NEEDS_WORKFLOW, refusals.job_needs_one_block())
        if job is not None and job not in file.keys:
            closest = closest_match(job, file.keys)
            raise Refused(
                Reason.UNKNOWN_JOB, refusals.unknown_job(job, "the YAML", file.keys, closest)
            )


RUN = CommandSpec(
    RunArguments,
    run,
    required_permission=Permission.WRITE,
    summary="Start a workflow on this pull request's head commit; with fenced `yaml` blocks right "
    "below and no workflow named, run those (needs maintain).",
    examples=("run ci.yml", "run ci.yml job=test"),
    required_permission_for=RunArguments.least_permission,
    start_target=RunArguments.target,
    with_commit=RunArguments.at,
)
