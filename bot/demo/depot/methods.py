"""The methods of `depot.ci.v1.CIService`: from a request's bytes to the answer's message."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeVar

from bot.demo.depot import actions, artifacts, diagnosis, lists, logs, metrics, starting
from bot.demo.depot import messages as m
from bot.demo.depot.errors import ConnectError
from bot.demo.depot.model import Job, Run, Workflow
from bot.demo.depot.views import Views
from bot.demo.depot.wire import Message, read
from bot.demo.depot.world import World

Request = TypeVar("Request", bound=Message)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and under which address the simulator was reached."""

    org_id: str
    base_url: str


Method = Callable[[World, Caller, bytes], Message]


def _method(kind: type[Request], answer: Callable[[World, str, Request], Message]) -> Method:
    def call(world: World, caller: Caller, body: bytes) -> Message:
        return answer(world, caller.org_id, read(body, kind))

    return call


def get_run(world: World, org_id: str, request: m.RunId) -> m.RunAnswer:
    """`GetRun`."""
    return Views(world).run(world.find_run(org_id, request.run_id))


def get_run_status(world: World, org_id: str, request: m.RunId) -> m.RunStatusAnswer:
    """`GetRunStatus`. The CLI passes job ids too, and expects the run of the job."""
    return Views(world).status(world.place(org_id, request.run_id, "Run").run)


def get_workflow(world: World, org_id: str, request: m.WorkflowId) -> m.WorkflowAnswer:
    """`GetWorkflow`."""
    return Views(world).workflow(*world.find_workflow(org_id, request.workflow_id))


def get_job(world: World, org_id: str, request: m.JobId) -> m.JobAnswer:
    """`GetJob`."""
    return Views(world).job(*world.find_job(org_id, request.job_id))


def get_attempt(world: World, org_id: str, request: m.AttemptId) -> m.AttemptAnswer:
    """`GetAttempt`."""
    return Views(world).attempt(*world.find_attempt(org_id, request.attempt_id))


def cancel_run(world: World, org_id: str, request: m.RunId) -> m.RunState:
    """`CancelRun`."""
    run = world.find_run(org_id, request.run_id)
    actions.cancel_run(world, run)
    return m.RunState(run_id=run.run_id, status=run.status)


def cancel_workflow(world: World, org_id: str, request: m.WorkflowId) -> m.WorkflowState:
    """`CancelWorkflow`."""
    run, workflow = world.find_workflow(org_id, request.workflow_id)
    actions.cancel_workflow(world, run, workflow)
    return m.WorkflowState(workflow_id=workflow.workflow_id, status=workflow.status)


def cancel_job(world: World, org_id: str, request: m.JobOfWorkflow) -> m.JobState:
    """`CancelJob`."""
    run, workflow, job = _job_of_workflow(world, org_id, request)
    actions.cancel_job(world, run, workflow, job)
    return m.JobState(job_id=job.job_id, status=job.status)


def retry_job(world: World, org_id: str, request: m.JobOfWorkflow) -> m.JobRetried:
    """`RetryJob`."""
    run, workflow, job = _job_of_workflow(world, org_id, request)
    attempt = actions.retry_job(world, run, workflow, job)
    return m.JobRetried(
        job_id=job.job_id,
        attempt_id=attempt.attempt_id,
        attempt=attempt.number,
        status=job.status,
    )


def retry_failed_jobs(world: World, org_id: str, request: m.WorkflowId) -> m.JobsRetried:
    """`RetryFailedJobs`."""
    run, workflow = world.find_workflow(org_id, request.workflow_id)
    jobs = actions.retry_failed_jobs(world, run, workflow)
    return m.JobsRetried(
        workflow_id=workflow.workflow_id,
        job_ids=tuple(job.job_id for job in jobs),
        job_count=len(jobs),
    )


def rerun_workflow(world: World, org_id: str, request: m.WorkflowId) -> m.JobsRetried:
    """`RerunWorkflow`."""
    run, workflow = world.find_workflow(org_id, request.workflow_id)
    jobs = actions.rerun_workflow(world, run, workflow)
    return m.JobsRetried(workflow_id=workflow.workflow_id, job_count=len(jobs))


def _job_of_workflow(
    world: World, org_id: str, request: m.JobOfWorkflow
) -> tuple[Run, Workflow, Job]:
    if not request.workflow_id:
        # Seen live: 400, not 404.
        raise ConnectError("invalid_argument", "Workflow not found")
    run, workflow = world.find_workflow(org_id, request.workflow_id)
    for job in workflow.jobs:
        if job.job_id == request.job_id:
            return run, workflow, job
    raise ConnectError("not_found", "Job not found")


def _download_url(world: World, caller: Caller, body: bytes) -> Message:
    request = read(body, m.ArtifactId)
    return artifacts.download_url(world, caller.org_id, request, caller.base_url)


METHODS: Mapping[str, Method] = MappingProxyType(
    {
        "Run": _method(m.RunRequest, starting.run),
        "DispatchWorkflow": _method(m.DispatchWorkflowRequest, starting.dispatch),
        "RetryJob": _method(m.JobOfWorkflow, retry_job),
        "RetryFailedJobs": _method(m.WorkflowId, retry_failed_jobs),
        "RerunWorkflow": _method(m.WorkflowId, rerun_workflow),
        "CancelRun": _method(m.RunId, cancel_run),
        "CancelWorkflow": _method(m.WorkflowId, cancel_workflow),
        "CancelJob": _method(m.JobOfWorkflow, cancel_job),
        "GetRun": _method(m.RunId, get_run),
        "GetRunStatus": _method(m.RunId, get_run_status),
        "GetWorkflow": _method(m.WorkflowId, get_workflow),
        "GetJob": _method(m.JobId, get_job),
        "GetAttempt": _method(m.AttemptId, get_attempt),
        "ListRuns": _method(m.ListRunsRequest, lists.list_runs),
        "ListWorkflows": _method(m.ListWorkflowsRequest, lists.list_workflows),
        "GetFailureDiagnosis": _method(m.DiagnosisRequest, diagnosis.diagnose),
        "GetJobAttemptLogs": _method(m.LogsRequest, logs.get_logs),
        "GetJobSummary": _method(m.SummaryRequest, logs.get_summary),
        "ListArtifacts": _method(m.ListArtifactsRequest, artifacts.list_artifacts),
        "GetArtifactDownloadURL": _download_url,
        "GetRunMetrics": _method(m.RunId, metrics.run_metrics),
    }
)
