"""`ListArtifacts`."""

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.lists import page_size, read_token, write_token
from bot.demo.simulators.depot.messages import artifacts as m
from bot.demo.simulators.depot.views import Views
from bot.demo.simulators.depot.world import World


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
