"""`GetJobSummary`."""

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.world import World
from tests.simulators.depot import messages as m


def get_summary(
    world: World, caller: Caller, request: m.GetJobSummaryRequest
) -> m.GetJobSummaryResponse:
    """`GetJobSummary`: what the workflow's author wrote, of a job's latest attempt or of one."""
    if request.attempt_id:
        run, workflow, job, attempt = world.find_attempt(caller.org_id, request.attempt_id)
        if request.job_id not in ("", job.job_id):
            raise ConnectError("not_found", "Attempt not found")
        return _summary(world, run, workflow, job, attempt)
    if not request.job_id:
        raise ConnectError("invalid_argument", "job_id or attempt_id is required")
    run, workflow, job = world.find_job(caller.org_id, request.job_id)
    return _summary(world, run, workflow, job, job.attempt)


def _summary(
    world: World, run: Run, workflow: Workflow, job: Job, attempt: Attempt | None
) -> m.GetJobSummaryResponse:
    over = attempt is not None and attempt.status in ("finished", "failed")
    text = world.played(run, workflow, job, attempt).summary or "" if attempt and over else ""
    reason = "no_attempt" if attempt is None else "no_summary"
    return m.GetJobSummaryResponse(
        org_id=run.org_id,
        run_id=run.run_id,
        workflow_id=workflow.workflow_id,
        job_id=job.job_id,
        attempt_id=attempt.attempt_id if attempt else "",
        attempt=attempt.number if attempt else 0,
        job_status=job.status,
        attempt_status=attempt.status if attempt else "",
        empty_reason="" if text else reason,
        markdown=text,
        step_count=1 if text else 0,
        has_summary=bool(text),
    )
