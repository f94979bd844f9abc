"""Artifacts."""

from bot.demo.simulators.depot.messages.base import Int64, Message


class ListArtifactsRequest(Message):
    """`ListArtifacts`."""

    run_id: str = ""
    workflow_id: str | None = None
    job_id: str | None = None
    attempt_id: str | None = None
    page_size: int = 0
    page_token: str = ""


class Artifact(Message):
    """An artifact."""

    artifact_id: str = ""
    run_id: str = ""
    workflow_id: str = ""
    workflow_path: str = ""
    job_id: str = ""
    job_key: str = ""
    attempt_id: str = ""
    attempt: int = 0
    name: str = ""
    size_bytes: Int64 = "0"
    created_at: str = ""


class ListArtifactsResponse(Message):
    """Answer of `ListArtifacts`."""

    artifacts: tuple[Artifact, ...] = ()
    next_page_token: str | None = None
