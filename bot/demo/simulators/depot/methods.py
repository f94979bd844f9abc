"""The methods of `depot.ci.v1.CIService`: which there are, and the short ones themselves."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args, get_origin, get_type_hints

from bot.demo.simulators.depot import actions, artifacts, diagnosis, lists, logs, metrics, starting
from bot.demo.simulators.depot import streams as streams_
from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages import acts, runs
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.model import Job, Run, Workflow
from bot.demo.simulators.depot.views import Views
from bot.demo.simulators.depot.world import World

Work = Callable[[World, Caller, Any], Message | AsyncGenerator[Message]]


@dataclass(frozen=True, slots=True)
class Method:
    """A method: what does the work, and its messages."""

    work: Work
    request: type[Message]
    answer: type[Message]
    streams: bool
    numbered: bool
    """Whether the numbers of its messages' fields are known, as the binary form needs."""


def _method(work: Work, *, numbered: bool = True) -> Method:
    """The messages are those in the signature of what does the work."""
    hints = get_type_hints(work)
    request, answer = hints["request"], hints["return"]
    if get_origin(answer) is AsyncGenerator:
        return Method(work, request, get_args(answer)[0], True, numbered)
    return Method(work, request, answer, False, numbered)


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


def get_workflow(
    world: World, caller: Caller, request: runs.GetWorkflowRequest
) -> runs.GetWorkflowResponse:
    """`GetWorkflow`."""
    return Views(world).workflow(*world.find_workflow(caller.org_id, request.workflow_id))


def get_job(world: World, caller: Caller, request: runs.GetJobRequest) -> runs.GetJobResponse:
    """`GetJob`."""
    return Views(world).job(*world.find_job(caller.org_id, request.job_id))


def get_attempt(
    world: World, caller: Caller, request: runs.GetAttemptRequest
) -> runs.GetAttemptResponse:
    """`GetAttempt`."""
    return Views(world).attempt(*world.find_attempt(caller.org_id, request.attempt_id))


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
        "Run": _method(starting.run),
        "DispatchWorkflow": _method(starting.dispatch),
        "RetryJob": _method(retry_job),
        "RetryFailedJobs": _method(retry_failed_jobs),
        "RerunWorkflow": _method(rerun_workflow),
        "CancelRun": _method(cancel_run),
        "CancelWorkflow": _method(cancel_workflow),
        "CancelJob": _method(cancel_job),
        "GetRun": _method(get_run),
        "GetRunStatus": _method(get_run_status),
        "GetWorkflow": _method(get_workflow),
        "GetJob": _method(get_job, numbered=False),
        "GetAttempt": _method(get_attempt, numbered=False),
        "ListRuns": _method(lists.list_runs),
        "ListWorkflows": _method(lists.list_workflows),
        "GetFailureDiagnosis": _method(diagnosis.diagnose),
        "GetJobAttemptLogs": _method(logs.get_logs),
        "StreamJobAttemptLogs": _method(streams_.stream_logs),
        "ExportJobAttemptLogs": _method(streams_.export_logs),
        "GetJobSummary": _method(logs.get_summary),
        "ListArtifacts": _method(artifacts.list_artifacts),
        "GetArtifactDownloadURL": _method(artifacts.download_url),
        "GetRunMetrics": _method(metrics.run_metrics),
        "GetJobMetrics": _method(metrics.job_metrics),
        "GetJobAttemptMetrics": _method(metrics.attempt_metrics),
    }
)
