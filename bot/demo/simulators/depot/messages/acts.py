"""Starting, stopping, trying again."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec

from bot.demo.simulators.depot.messages.base import Message


class Forge(StrEnum):
    """Where a repository lives. Unspecified means GitHub."""

    UNSPECIFIED = "FORGE_UNSPECIFIED"
    GITHUB = "FORGE_GITHUB"
    ORIGIN = "FORGE_ORIGIN"


class RunRequest(Message):
    """`Run`."""

    repo: str = ""
    sha: str | None = None
    workflow: str | None = None
    workflow_content: tuple[str, ...] = ()
    job: str | None = None
    workspace_patch_cache_key: str | None = None
    forge: Annotated[str | int, Forge] = 0


class RunResponse(Message):
    """Answer of `Run`."""

    run_id: str = ""
    org_id: str = ""


class DispatchWorkflowRequest(Message):
    """`DispatchWorkflow`."""

    org_id: str = ""
    repo: str = ""
    workflow: str = ""
    ref: str = ""
    inputs: Mapping[str, str] = msgspec.field(default_factory=dict)


class DispatchWorkflowResponse(Message):
    """Answer of `DispatchWorkflow`."""

    org_id: str = ""
    run_id: str = ""


class RetryJobRequest(Message):
    """`RetryJob`."""

    workflow_id: str = ""
    job_id: str = ""


class RetryJobResponse(Message):
    """Answer of `RetryJob`: the new attempt, and how the job stands."""

    job_id: str = ""
    attempt_id: str = ""
    attempt: int = 0
    status: str = ""


class RetryFailedJobsRequest(Message):
    """`RetryFailedJobs`."""

    workflow_id: str = ""


class RetryFailedJobsResponse(Message):
    """Answer of `RetryFailedJobs`: the jobs that were reset."""

    workflow_id: str = ""
    job_ids: tuple[str, ...] = ()
    job_count: int = 0


class RerunWorkflowRequest(Message):
    """`RerunWorkflow`."""

    workflow_id: str = ""


class RerunWorkflowResponse(Message):
    """Answer of `RerunWorkflow`: how many jobs were reset."""

    workflow_id: str = ""
    job_count: int = 0


class CancelRunRequest(Message):
    """`CancelRun`."""

    run_id: str = ""


class CancelRunResponse(Message):
    """Answer of `CancelRun`."""

    run_id: str = ""
    status: str = ""


class CancelWorkflowRequest(Message):
    """`CancelWorkflow`."""

    workflow_id: str = ""


class CancelWorkflowResponse(Message):
    """Answer of `CancelWorkflow`."""

    workflow_id: str = ""
    status: str = ""


class CancelJobRequest(Message):
    """`CancelJob`."""

    workflow_id: str = ""
    job_id: str = ""


class CancelJobResponse(Message):
    """Answer of `CancelJob`."""

    job_id: str = ""
    status: str = ""
