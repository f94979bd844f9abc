"""`/depot logs`: the end of a job's log."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here, Said
from bot.core import jobs
from bot.core.errors import Refused
from bot.core.models import FollowedRun
from bot.core.reasons import Reason
from bot.core.runs import Job
from bot.core.types import Permission
from bot.messages import answers, refusals
from bot.parsing.arguments import number, run_id, word

DEFAULT_LINES = 50
MAX_LINES = 500


@dataclass(frozen=True, slots=True)
class Logs:
    run: str | None = word("a run's id; the newest without it", default=None, convert=run_id)
    job: str | None = word("of this job; of the failed one without it", default=None, keyword=True)
    lines: int = word(
        f"how many lines, {DEFAULT_LINES} if not given",
        default=DEFAULT_LINES,
        show="N",
        keyword=True,
        convert=number(1, MAX_LINES),
    )


async def logs(command: Logs, here: Here) -> Answer:
    run = await here.run(command.run)
    job = (await here.job(run, command.job))[1] if command.job else _obvious(run)
    attempt = job.newest_attempt
    if attempt is None:
        return Said(answers.no_log_yet(job, run), reason=Reason.NO_LOG)
    lines = await here.depot.log_tail(attempt.attempt_id, command.lines)
    if not lines:
        return Said(answers.no_log_yet(job, run), reason=Reason.NO_LOG)
    return Said(answers.log_tail(job, run, lines))


def _obvious(run: FollowedRun) -> Job:
    """The job that is meant when none is named: the only one that failed, or ran at all."""
    started = [job for job in run.run.jobs if job.attempts]
    meant = jobs.failed(started) or started
    if len(meant) != 1:
        raise Refused(
            Reason.WHICH_JOB, refusals.which_job(run, [job.key for job in meant or run.run.jobs])
        )
    return meant[0]


LOGS = Command(
    Logs,
    logs,
    needs=Permission.TRIAGE,
    summary="Show the end of a job's log.",
    examples=("logs", "logs job=test lines=100"),
)
