"""`GetArtifactDownloadURL`, and the download itself."""

import hashlib
import hmac

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.progress import settle
from bot.demo.simulators.depot.views import Views
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import Artifact, World
from tests.simulators.depot import messages as m

URL_LIFETIME = 300
PATH = "/artifacts/"


def route(world: World) -> Route:
    """Where the links lead to."""

    async def endpoint(request: Request) -> Response:
        settle(world)
        query = request.query_params
        content = download(
            world,
            request.path_params["artifact_id"],
            query.get("expires", ""),
            query.get("signature", ""),
        )
        if content is None:
            return Response(status_code=403)
        return Response(content, media_type="application/zip")

    return Route(f"{PATH}{{artifact_id}}", endpoint)


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
