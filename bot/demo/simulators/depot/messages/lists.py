"""Lists of runs and of workflows."""

from typing import Annotated

from bot.demo.simulators.depot.messages.base import Message, Number


class ListRunsRequest(Message):
    """`ListRuns`."""

    status: tuple[str, ...] = ()
    page_size: int = 0
    page_token: str = ""
    repo: str = ""
    sha: str = ""
    trigger: str = ""
    pr: str = ""


class ListRunsResponseRun(Message):
    """A row of `ListRuns`."""

    run_id: str = ""
    repo: str = ""
    trigger: str = ""
    sha: str = ""
    status: str = ""
    created_at: str = ""
    ref: str = ""
    head_sha: str = ""


class ListRunsResponse(Message):
    """Answer of `ListRuns`."""

    runs: tuple[ListRunsResponseRun, ...] = ()
    next_page_token: str = ""


class ListWorkflowsRequest(Message):
    """`ListWorkflows`."""

    page_size: int = 0
    name: Annotated[str, Number(3)] = ""
    repo: str = ""
    status: tuple[str, ...] = ()
    trigger: str = ""
    sha: str = ""
    pr: str = ""


class ListWorkflowsResponseJobCounts(Message):
    """How many jobs of a workflow are in which state."""

    total: int = 0
    queued: int = 0
    waiting: int = 0
    running: int = 0
    finished: int = 0
    failed: int = 0
    cancelled: int = 0
    skipped: int = 0


class ListWorkflowsResponseWorkflow(Message):
    """A row of `ListWorkflows`."""

    workflow_id: str = ""
    name: str = ""
    workflow_path: str = ""
    repo: str = ""
    status: str = ""
    trigger: str = ""
    run_id: str = ""
    sha: str = ""
    head_sha: str = ""
    created_at: str = ""
    job_counts: ListWorkflowsResponseJobCounts | None = None


class ListWorkflowsResponse(Message):
    """Answer of `ListWorkflows`."""

    workflows: tuple[ListWorkflowsResponseWorkflow, ...] = ()
