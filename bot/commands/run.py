"""`/depot run`: start workflows on the head commit of this pull request."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from bot.commands.base import CommandSpec, Handled, StartReader, StartRuns
from bot.core.errors import Refused
from bot.core.events import CommandLine
from bot.core.models import StartRequest
from bot.core.reasons import Reason
from bot.core.types import Permission, Sha
from bot.messages import refusals
from bot.messages import runs as run_messages
from bot.parsing.arguments import (
    argument,
    closest_match,
    flag,
    format_command,
    full_sha,
    jobs_argument,
    number,
    several,
)
from bot.parsing.workflow_file import BadWorkflow, outline
from bot.rules.policy import StartTarget

MIN_TIMES, MAX_TIMES = 2, 20
"""How many runs of the same one command may want."""


@dataclass(frozen=True, slots=True)
class RunArguments:
    workflow: tuple[str, ...] = several("workflow files in .depot/workflows; all without one")
    job: str | None = jobs_argument()
    times: int | None = argument(
        f"so many runs of one job, {MIN_TIMES} to {MAX_TIMES}, to see how often it fails",
        default=None,
        show="N",
        keyword=True,
        convert=number(MIN_TIMES, MAX_TIMES),
        needs=Permission.MAINTAIN,
    )
    sha: str | None = argument(
        "the commit you have read; refused when it is no longer the head",
        default=None,
        keyword=True,
        convert=full_sha,
    )
    force: bool = flag("start another although the same is under way")

    @property
    def jobs(self) -> tuple[str, ...]:
        """The jobs that are named, each once."""
        typed = self.job.split(",") if self.job else []
        return tuple(dict.fromkeys(name.strip() for name in typed))

    def is_inline(self, line: CommandLine) -> bool:
        """A block below a command that names a workflow is only talk about it."""
        return not self.workflow and bool(line.blocks)

    def target(self, line: CommandLine) -> StartTarget:
        return StartTarget(
            workflows=self.workflow,
            jobs=self.jobs,
            sha=Sha(self.sha) if self.sha else None,
            is_inline=self.is_inline(line),
            is_beside_yaml=line.is_beside_yaml,
        )

    def at(self, sha: Sha) -> RunArguments:
        return replace(self, sha=sha)

    def least_permission(self, line: CommandLine) -> Permission:
        return Permission.MAINTAIN if self.is_inline(line) else Permission.NONE


async def run(command: RunArguments, reader: StartReader) -> Handled:
    head, jobs = reader.checked_head, command.jobs
    start = StartRequest(repo=head.base, sha=head.sha, in_fork=head.in_fork)
    if command.times is not None:
        if len(jobs) != 1 or command.is_inline(reader.asked.line):
            one_job = replace(command, workflow=command.workflow[:1], job="KEY")
            instead = format_command("run", one_job)
            raise Refused(Reason.TIMES_NEEDS_JOB, refusals.times_needs_job(f"/depot {instead}"))
        start = replace(start, times=command.times)
    if command.is_inline(reader.asked.line):
        blocks = reader.asked.line.blocks
        # In a thread: somebody else wrote the YAML.
        await asyncio.to_thread(_check_blocks, blocks, jobs)
        inline = replace(start, content=blocks)
        return StartRuns(tuple(replace(inline, job=job) for job in jobs or ("",)), force=True)
    if jobs:
        (workflow,) = reader.workflows
        start = replace(start, workflow=workflow)
        requests = [
            replace(start, job=job, note=await _check_job(job, workflow, reader)) for job in jobs
        ]
        return StartRuns(tuple(requests), force=command.force)
    workflows = reader.workflows or ("",)
    return StartRuns(tuple(replace(start, workflow=w) for w in workflows), force=command.force)


async def _check_job(job: str, workflow: str, reader: StartReader) -> str:
    """What the reply should say of the job; raises Refused when the workflow has no such job."""
    file = await reader.outline(reader.checked_head.sha, workflow)
    if job not in file.keys:
        closest = closest_match(job, file.keys)
        raise Refused(Reason.UNKNOWN_JOB, refusals.unknown_job(job, workflow, file.keys, closest))
    needs = file.needs(job)
    return run_messages.skips_needs(job, needs) if needs else ""


def _check_blocks(blocks: tuple[str, ...], jobs: tuple[str, ...]) -> None:
    """Raises Refused unless each block can be a workflow, and the *jobs* are in the only one."""
    keys: tuple[str, ...] = ()
    for place, block in enumerate(blocks, start=1):
        try:
            keys = outline(block).keys
        except BadWorkflow as wrong:
            raise Refused(
                Reason.BAD_WORKFLOW, refusals.unreadable_block(place, str(wrong))
            ) from wrong
    if jobs and len(blocks) > 1:
        raise Refused(Reason.JOB_NEEDS_WORKFLOW, refusals.job_needs_one_block())
    for job in jobs:
        if job not in keys:
            closest = closest_match(job, keys)
            raise Refused(Reason.UNKNOWN_JOB, refusals.unknown_job(job, "the YAML", keys, closest))


RUN = CommandSpec(
    RunArguments,
    run,
    required_permission=Permission.WRITE,
    summary="Start workflows on this pull request's head commit: those that are named, the one "
    "that has the job, or all. With workflow files in fenced `yaml` blocks right below and no "
    "workflow named, run those (needs maintain).",
    examples=(
        "run ci.yml",
        "run ci.yml job=test",
        "run lint.yml ci.yml",
        "run ci.yml job=test times=10",
    ),
    required_permission_for=RunArguments.least_permission,
    start_target=RunArguments.target,
    with_commit=RunArguments.at,
)
