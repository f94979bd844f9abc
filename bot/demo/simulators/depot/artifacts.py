"""`ListArtifacts`, `GetArtifactDownloadURL`, and the download itself."""

import hashlib
import hmac

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.lists import page_size, read_token, write_token
from bot.demo.simulators.depot.messages import artifacts as m
from bot.demo.simulators.depot.views import Views
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import Artifact, World

URL_LIFETIME = 300
PATH = "/artifacts/"


def list_artifacts(
    world: World, caller: Caller, request: m.ListArtifactsRequest
) -> m.ListArtifactsResponse:
    """`ListArtifacts`."""
    if not request.run_id:
        raise ConnectError("invalid_argument", "run_id is required")
    run = world.find_run(caller.org_id, request.run_id)
    found = [
        artifact
        for artifact in world.artifacts.values()
        if artifact.run is run
        and (request.workflow_id or None) in (None, artifact.workflow.workflow_id)
        and (request.job_id or None) in (None, artifact.job.job_id)
        and (request.attempt_id or None) in (None, artifact.attempt.attempt_id)
    ]
    start = read_token(request.page_token) or 0
    end = start + page_size(request.page_size, 100, 500)
    views = Views(world)
    return m.ListArtifactsResponse(
        artifacts=tuple(views.artifact(artifact) for artifact in found[start:end]),
        next_page_token=write_token(end) if end < len(found) else None,
    )


def download_url(
    world: World, caller: Caller, request: m.GetArtifactDownloadURLRequest
) -> m.GetArtifactDownloadURLResponse:
    """`GetArtifactDownloadURL`: a link that needs no token, for a few minutes."""
    artifact = world.artifacts.get(request.artifact_id)
    if artifact is None or artifact.run.org_id != caller.org_id:
        raise ConnectError("not_found", "Artifact not found")
    expires = int(world.time) + URL_LIFETIME
    query = f"expires={expires}&signature={_signature(world, artifact, expires)}"
    return m.GetArtifactDownloadURLResponse(
        artifact=Views(world).artifact(artifact),
        url=f"{caller.base_url.rstrip('/')}{PATH}{artifact.artifact_id}?{query}",
        expires_at=timestamp(expires),
    )


def download(world: World, artifact_id: str, expires: str, signature: str) -> bytes | None:
    """The content behind a signed link; None when the link is wrong or has expired."""
    artifact = world.artifacts.get(artifact_id)
    if artifact is None or not expires.isdecimal() or int(expires) < world.time:
        return None
    right = _signature(world, artifact, int(expires))
    return artifact.content if hmac.compare_digest(signature, right) else None


def _signature(world: World, artifact: Artifact, expires: int) -> str:
    message = f"{artifact.artifact_id}:{expires}".encode()
    return hmac.new(world.ids.seed.encode(), message, hashlib.sha256).hexdigest()
