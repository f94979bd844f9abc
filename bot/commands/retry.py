"""`/depot retry`: failed jobs again, in the same run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.commands.base import Answer, Change, ChangeRun, ChangeRuns, CommandSpec, Handled, RunReader
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Workflow, is_over
from bot.core.types import Permission
from bot.messages import refusals, runs
from bot.parsing.arguments import jobs_argument, run_argument


@dataclass(frozen=True, slots=True)
class RetryArguments:
    run: str | None = run_argument(
        "a run's id, or a workflow; what failed in the newest run of each workflow without it"
    )
    job: str | None = jobs_argument()


async def retry(command: RetryArguments, reader: RunReader) -> Handled:
    found = await reader.newest_runs(command.run)
    if command.job is not None:
        return await _retry_jobs(found, command.job, reader)
    is_repeated = bool(reader.pending_changes)
    failed = [run for run in found if is_repeated or _failed_workflows(run)]
    if not failed:
        return Answer(runs.nothing_to_retry(found), reason=Reason.NOTHING_TO_RETRY)
    failed = await _allowed(failed, reader)
    ready = [run for run in failed if is_repeated or not _is_moving(run)]
    if not ready:
        return Answer(runs.still_running(failed[0], "retry"), reason=Reason.STILL_RUNNING)
    return ChangeRuns(
        tuple(ChangeRun(Change.RETRY, run, _failed_workflows(run)) for run in ready),
        note=runs.not_yet_retried(failed) if len(ready) < len(failed) else "",
    )


async def _allowed(failed: list[TrackedRun], reader: RunReader) -> list[TrackedRun]:
    """Those that may go again; raises Refused when there is none."""
    allowed: list[TrackedRun] = []
    for place, run in enumerate(failed, start=1):
        try:
            await reader.check_again(run)
        except Refused:
            if place == len(failed) and not allowed:
                raise
        else:
            allowed.append(run)
    return allowed


def _failed_workflows(run: TrackedRun) -> tuple[Workflow, ...]:
    return tuple(workflow for workflow in run.run.workflows if jobs.failed(workflow.jobs))


def _is_moving(run: TrackedRun) -> bool:
    return any(not is_over(workflow.status) for workflow in _failed_workflows(run))


async def _retry_jobs(found: Sequence[TrackedRun], typed: str, reader: RunReader) -> Handled:
    changes = []
    for name in jobs.named(typed, [job for run in found for job in run.run.jobs]):
        run, workflow, job = await reader.job(found, name)
        await reader.check_again(run)
        before = next((c for c in reader.pending_changes if c.run_id == run.run.run_id), None)
        newest = job.newest_attempt
        is_done = (
            before is not None
            and newest is not None
            and newest.number > before.attempts.get(job.job_id, 0)
        )
        if not is_done and job.status not in jobs.FAILED:
            return Answer(runs.job_not_failed(job, run), reason=Reason.NOTHING_TO_RETRY)
        refused = Answer(refusals.cannot_retry_alone(job, run), reason=Reason.CANNOT_RETRY_ALONE)
        changes.append(
            ChangeRun(Change.RETRY, run, (workflow,), job, refused=refused, is_done=is_done)
        )
    return ChangeRuns(tuple(changes))


RETRY = CommandSpec(
    RetryArguments,
    retry,
    required_permission=Permission.WRITE,
    summary="Retry what failed: in the newest run of each workflow at the head, or in one run or "
    "workflow, or single jobs.",
    examples=("retry", "retry ci.yml", "retry job=test"),
)
