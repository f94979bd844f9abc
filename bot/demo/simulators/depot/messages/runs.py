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
