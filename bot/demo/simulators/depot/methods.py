"""The methods of `depot.ci.v1.CIService` that the bot calls and their like, and the short ones
themselves."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_type_hints

from bot.demo.simulators.depot import actions, artifacts, diagnosis, lists, logs, metrics, starting
from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.forms import Form, Json, Said, Unary
from bot.demo.simulators.depot.messages import acts, runs
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.model import Job, Run, Workflow
from bot.demo.simulators.depot.views import Views
from bot.demo.simulators.depot.world import World

Work = Callable[[World, Caller, Any], Said]


@dataclass(frozen=True, slots=True)
class Method:
    """A method: what does the work, its messages, and the content types in which it is called."""

    work: Work
    request: type[Message]
    answer: type[Message]
    forms: tuple[Form, ...]


def unary(work: Work) -> Method:
    """A method in JSON. Its messages are those in the signature of what does the work."""
    hints = get_type_hints(work)
    request, answer = hints["request"], hints["return"]
    return Method(work, request, answer, (Unary("application/json", Json(), request, answer),))


def get_run(world: World, caller: Caller, request: runs.GetRunRequest) -> runs.GetRunResponse:
    """`GetRun`."""
    return Views(world).run(world.find_run(caller.org_id, request.run_id))


def get_run_status(
    world: World, caller: Caller, request: runs.GetRunStatusRequest
) -> runs.GetRunStatusResponse:
    """`GetRunStatus`. The CLI passes job ids too, and expects the run of the job.

    Any other id is unknown: only then does the CLI take it for an attempt's.
    """
    place = world.place(caller.org_id, request.run_id, "Run")
    if place.workflow is not None and (place.job is None or place.attempt is not None):
        raise ConnectError("not_found", "Run not found")
    return Views(world).status(place.run)


def cancel_run(
    world: World, caller: Caller, request: acts.CancelRunRequest
) -> acts.CancelRunResponse:
    """`CancelRun`."""
    run = world.find_run(caller.org_id, request.run_id)
    actions.cancel_run(world, run)
    return acts.CancelRunResponse(run_id=run.run_id, status=run.status)


def cancel_workflow(
    world: World, caller: Caller, request: acts.CancelWorkflowRequest
) -> acts.CancelWorkflowResponse:
    """`CancelWorkflow`."""
    run, workflow = world.find_workflow(caller.org_id, request.workflow_id)
    actions.cancel_workflow(world, run, workflow)
    return acts.CancelWorkflowResponse(workflow_id=workflow.workflow_id, status=workflow.status)


def cancel_job(
    world: World, caller: Caller, request: acts.CancelJobRequest
) -> acts.CancelJobResponse:
    """`CancelJob`."""
    run, workflow, job = _job_of_workflow(world, caller, request.workflow_id, request.job_id)
    actions.cancel_job(world, run, workflow, job)
    return acts.CancelJobResponse(job_id=job.job_id, status=job.status)


def retry_job(world: World, caller: Caller, request: acts.RetryJobRequest) -> acts.RetryJobResponse:
    """`RetryJob`."""
    run, workflow, job = _job_of_workflow(world, caller, request.workflow_id, request.job_id)
    attempt = actions.retry_job(world, run, workflow, job)
    return acts.RetryJobResponse(
        job_id=job.job_id,
        attempt_id=attempt.attempt_id,
        attempt=attempt.number,
        status=job.status,
    )


def retry_failed_jobs(
    world: World, caller: Caller, request: acts.RetryFailedJobsRequest
) -> acts.RetryFailedJobsResponse:
    """`RetryFailedJobs`."""
    run, workflow = world.find_workflow(caller.org_id, request.workflow_id)
    jobs = actions.retry_failed_jobs(world, run, workflow)
    return acts.RetryFailedJobsResponse(
        workflow_id=workflow.workflow_id,
        job_ids=tuple(job.job_id for job in jobs),
        job_count=len(jobs),
    )


def rerun_workflow(
    world: World, caller: Caller, request: acts.RerunWorkflowRequest
) -> acts.RerunWorkflowResponse:
    """`RerunWorkflow`."""
    run, workflow = world.find_workflow(caller.org_id, request.workflow_id)
    jobs = actions.rerun_workflow(world, run, workflow)
    return acts.RerunWorkflowResponse(workflow_id=workflow.workflow_id, job_count=len(jobs))


def _job_of_workflow(
    world: World, caller: Caller, workflow_id: str, job_id: str
) -> tuple[Run, Workflow, Job]:
    if not workflow_id:
        # Seen live: 400, not 404.
        raise ConnectError("invalid_argument", "Workflow not found")
    run, workflow = world.find_workflow(caller.org_id, workflow_id)
    for job in workflow.jobs:
        if job.job_id == job_id:
            return run, workflow, job
    raise ConnectError("not_found", "Job not found")


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "Run": unary(starting.run),
        "DispatchWorkflow": unary(starting.dispatch),
        "RetryJob": unary(retry_job),
        "RetryFailedJobs": unary(retry_failed_jobs),
        "RerunWorkflow": unary(rerun_workflow),
        "CancelRun": unary(cancel_run),
        "CancelWorkflow": unary(cancel_workflow),
        "CancelJob": unary(cancel_job),
        "GetRun": unary(get_run),
        "GetRunStatus": unary(get_run_status),
        "ListRuns": unary(lists.list_runs),
        "ListWorkflows": unary(lists.list_workflows),
        "GetFailureDiagnosis": unary(diagnosis.diagnose),
        "GetJobAttemptLogs": unary(logs.get_logs),
        "ListArtifacts": unary(artifacts.list_artifacts),
        "GetRunMetrics": unary(metrics.run_metrics),
    }
)
