"""Runs and what is in them."""

from bot.demo.simulators.depot.messages.base import Message


class GetRunRequest(Message):
    """`GetRun`."""

    run_id: str = ""


class GetRunResponse(Message):
    """Answer of `GetRun`."""

    org_id: str = ""
    run_id: str = ""
    repo: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    status: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class GetRunStatusRequest(Message):
    """`GetRunStatus`."""

    run_id: str = ""


class AttemptStatus(Message):
    """An attempt in `GetRunStatus`."""

    attempt_id: str = ""
    attempt: int = 0
    status: str = ""
    sandbox_id: str = ""
    session_id: str = ""


class JobStatus(Message):
    """A job in `GetRunStatus`."""

    job_id: str = ""
    job_key: str = ""
    status: str = ""
    attempts: tuple[AttemptStatus, ...] = ()
    job_display_name: str = ""


class WorkflowStatus(Message):
    """A workflow in `GetRunStatus`."""

    workflow_id: str = ""
    status: str = ""
    workflow_path: str = ""
    jobs: tuple[JobStatus, ...] = ()
    name: str = ""
    error_message: str = ""


class GetRunStatusResponse(Message):
    """Answer of `GetRunStatus`: the whole tree, without times."""

    org_id: str = ""
    run_id: str = ""
    status: str = ""
    workflows: tuple[WorkflowStatus, ...] = ()


class GetWorkflowRequest(Message):
    """`GetWorkflow`."""

    workflow_id: str = ""


class GetWorkflowExecution(Message):
    """One go through a workflow."""

    execution_id: str = ""
    execution: int = 0
    status: str = ""
    created_at: str = ""
    started_at: str = ""
    finished_at: str = ""


class GetWorkflowJobAttempt(Message):
    """An attempt in `GetWorkflow`."""

    attempt_id: str = ""
    attempt: int = 0
    status: str = ""
    sandbox_id: str = ""
    session_id: str = ""
    started_at: str = ""
    finished_at: str = ""


class GetWorkflowJob(Message):
    """A job in `GetWorkflow`."""

    job_id: str = ""
    job_key: str = ""
    status: str = ""
    started_at: str = ""
    finished_at: str = ""
    attempts: tuple[GetWorkflowJobAttempt, ...] = ()
    job_display_name: str = ""


class WorkflowContext(Message):
    """The run and workflow that `GetWorkflow`, `GetJob` and `GetAttempt` begin with."""

    org_id: str = ""
    run_id: str = ""
    repo: str = ""
    ref: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    run_status: str = ""
    run_created_at: str = ""
    run_started_at: str = ""
    run_finished_at: str = ""
    workflow_id: str = ""
    workflow_name: str = ""
    workflow_path: str = ""
    workflow_status: str = ""
    workflow_error_message: str = ""
    workflow_created_at: str = ""
    workflow_started_at: str = ""
    workflow_finished_at: str = ""


class GetWorkflowResponse(WorkflowContext):
    """Answer of `GetWorkflow`."""

    executions: tuple[GetWorkflowExecution, ...] = ()
    jobs: tuple[GetWorkflowJob, ...] = ()


# From here on in JSON only: Depot publishes these, its CLI does not know them.


class GetJobRequest(Message):
    """`GetJob`."""

    job_id: str = ""


class GetAttemptRequest(Message):
    """`GetAttempt`."""

    attempt_id: str = ""


class FullAttempt(Message):
    """An attempt in `GetJob` and `GetAttempt`."""

    attempt_id: str = ""
    attempt: int = 0
    status: str = ""
    conclusion: str = ""
    error_message: str = ""
    sandbox_id: str = ""
    session_id: str = ""
    created_at: str = ""
    dispatched_at: str = ""
    started_at: str = ""
    finished_at: str = ""
    is_current: bool = False


class Strategy(Message):
    """How many cells a job's matrix has."""

    job_total: int = 0


class RunsOn(Message):
    """Where a job runs."""

    labels: tuple[str, ...] = ()


class JobContext(WorkflowContext):
    """The job that `GetJob` and `GetAttempt` show."""

    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    job_status: str = ""
    job_conclusion: str = ""
    job_error_message: str = ""
    job_created_at: str = ""
    job_dispatched_at: str = ""
    job_started_at: str = ""
    job_finished_at: str = ""
    current_attempt_id: str = ""
    current_attempt: int = 0
    strategy: Strategy | None = None
    runs_on: RunsOn | None = None


class GetJobResponse(JobContext):
    """Answer of `GetJob`."""

    attempts: tuple[FullAttempt, ...] = ()


class GetAttemptResponse(JobContext):
    """Answer of `GetAttempt`."""

    attempt: FullAttempt | None = None
