"""REST endpoints of Apps, accounts and limits."""

from starlette.background import BackgroundTask

from bot.demo.simulators.github.bodies import Json, iso
from bot.demo.simulators.github.hooks import DeliveryOutcome
from bot.demo.simulators.github.http import (
    Answer,
    ApiError,
    Call,
    Endpoint,
    RequiredLogin,
    link_header,
    not_accessible,
    not_found,
    page,
    page_size,
)
from bot.demo.simulators.github.model import App, Installation


def get_app(call: Call) -> Answer:
    return Answer(call.bodies.own_app(_own_app(call)))


def list_installations(call: Call) -> Answer:
    shown, links = page(call, call.world.installations)
    return Answer([call.bodies.installation(one) for one in shown], headers=links)


def get_installation(call: Call) -> Answer:
    return Answer(call.bodies.installation(_installation(call)))


def get_repository_installation(call: Call) -> Answer:
    installation = call.world.installation_for(call.repository)
    if installation is None:
        raise not_found()
    return Answer(call.bodies.installation(installation))


def create_token(call: Call) -> Answer:
    installation = _installation(call)
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    asked = call.json()
    permissions = asked.get("permissions")
    if permissions is not None:
        _check_permissions(installation, permissions)
    repositories = _narrowed(call, installation, asked)
    token = call.backend.access.issue_token(installation, permissions, repositories)
    body: Json = {
        "token": token.text,
        "expires_at": iso(token.expires_at),
        "permissions": token.permissions,
        "repository_selection": "all" if repositories is None else "selected",
    }
    if repositories is not None:
        reached = call.world.repositories_of(installation)
        body["repositories"] = [
            call.bodies.repository(one) for one in reached if one.full_name in repositories
        ]
    return Answer(body, 201)


def _check_permissions(installation: Installation, asked: Json) -> None:
    levels = ("read", "write", "admin")
    for name, level in asked.items():
        granted = installation.permissions.get(name)
        if granted is None or level not in levels or levels.index(level) > levels.index(granted):
            raise ApiError(422, "The permissions requested are not granted to this installation.")


def _narrowed(call: Call, installation: Installation, asked: Json) -> frozenset[str] | None:
    if "repositories" not in asked and "repository_ids" not in asked:
        selected = installation.repositories
        return None if selected is None else frozenset(selected)
    names, ids = asked.get("repositories", []), asked.get("repository_ids", [])
    reached = call.world.repositories_of(installation)
    chosen = frozenset(one.full_name for one in reached if one.name in names or one.id in ids)
    if len(chosen) < len(names) + len(ids):
        raise ApiError(
            422,
            "There is at least one repository that does not exist or is not accessible"
            " to the parent installation.",
        )
    return chosen


def list_reached_repositories(call: Call) -> Answer:
    token = call.principal.token
    if token is None:
        raise ApiError(
            403,
            "You must authenticate with an installation access token in order to"
            " list repositories for an installation.",
        )
    reached = [
        one
        for one in call.world.repositories_of(token.installation)
        if call.backend.access.reaches(call.principal, one)
    ]
    shown, links = page(call, reached)
    body = {
        "total_count": len(reached),
        "repository_selection": "all" if token.repositories is None else "selected",
        "repositories": [call.bodies.repository(one) for one in shown],
    }
    return Answer(body, headers=links)


def get_hook_config(call: Call) -> Answer:
    return Answer(call.backend.hooks.config())


def list_deliveries(call: Call) -> Answer:
    """Newest first, by cursor: deliveries that arrive meanwhile shift no page."""
    cursor = call.query.get("cursor")
    newest_first = sorted(call.backend.hooks.log, key=lambda one: one.id, reverse=True)
    if cursor is not None:
        newest_first = [one for one in newest_first if one.id < _cursor(cursor)]
    knows_status = call.backend.hooks.knows_status
    if knows_status and call.query.get("status") in {"success", "failure"}:
        wanted = call.query["status"] == "success"
        newest_first = [one for one in newest_first if one.ok is wanted]
    size = page_size(call)
    shown, more = newest_first[:size], len(newest_first) > size
    links = {}
    if more:
        links["next"] = call.url.include_query_params(cursor=f"v1_{shown[-1].id}")
    return Answer([_item(one) for one in shown], headers=link_header(links))


def _cursor(text: str) -> int:
    version, _, number = text.partition("_")
    if version != "v1" or not number.isdecimal():
        raise ApiError(400, "Invalid cursor")
    return int(number)


def get_delivery(call: Call) -> Answer:
    outcome = _outcome(call)
    body = {
        **_item(outcome),
        "url": call.backend.hooks.url or "",
        "request": {
            "headers": dict(outcome.request_headers),
            "payload": outcome.delivery.payload,
        },
        "response": {
            "headers": dict(outcome.response_headers),
            "payload": outcome.response_body or None,
        },
    }
    return Answer(body)


def redeliver(call: Call) -> Answer:
    """202 at once; the attempt follows after the answer."""
    outcome = _outcome(call)
    task = BackgroundTask(call.backend.hooks.redeliver, outcome.delivery)
    return Answer({}, 202, afterwards=task)


def convert_manifest(call: Call) -> Answer:
    body = call.backend.convert_manifest(call.params["code"])
    if body is None:
        raise not_found()
    return Answer(body, 201)


def get_own_user(call: Call) -> Answer:
    if call.principal.kind != "user":
        raise not_accessible()
    return Answer(call.bodies.private_user(call.user))


def get_user(call: Call) -> Answer:
    user = call.world.find_user(call.params["login"])
    if user is None:
        raise not_found()
    return Answer(call.bodies.public_user(user))


def get_rate_limit(call: Call) -> Answer:
    quota = call.backend.quotas.of(call.principal.name)
    core = {
        "limit": quota.limit,
        "used": min(quota.used, quota.limit),
        "remaining": quota.remaining,
        "reset": quota.reset,
    }
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": quota.reset}
    return Answer({"resources": {"core": core, "search": search}, "rate": core})


def _own_app(call: Call) -> App:
    if call.world.bot_app is None:
        raise not_found()
    return call.world.bot_app


def _installation(call: Call) -> Installation:
    number = call.number("installation_id")
    for installation in call.world.installations:
        if installation.id == number:
            return installation
    raise not_found()


def _outcome(call: Call) -> DeliveryOutcome:
    outcome = call.backend.hooks.find(call.number("delivery_id"))
    if outcome is None:
        raise not_found()
    return outcome


def _item(outcome: DeliveryOutcome) -> Json:
    delivery = outcome.delivery
    return {
        "id": outcome.id,
        "guid": delivery.guid,
        "delivered_at": iso(outcome.delivered_at),
        "redelivery": outcome.redelivery,
        "duration": outcome.duration,
        "status": outcome.status,
        "status_code": outcome.status_code,
        "event": delivery.event,
        "action": delivery.action,
        "installation_id": delivery.installation.id if delivery.installation else None,
        "repository_id": delivery.repository.id if delivery.repository else None,
        "throttled_at": None,
    }


ENDPOINTS = (
    Endpoint("GET", "/app", get_app, RequiredLogin.APP),
    Endpoint("GET", "/app/installations", list_installations, RequiredLogin.APP),
    Endpoint("GET", "/app/installations/{installation_id}", get_installation, RequiredLogin.APP),
    Endpoint(
        "POST",
        "/app/installations/{installation_id}/access_tokens",
        create_token,
        RequiredLogin.APP,
    ),
    Endpoint(
        "GET", "/repos/{owner}/{repo}/installation", get_repository_installation, RequiredLogin.APP
    ),
    Endpoint("GET", "/installation/repositories", list_reached_repositories),
    Endpoint("GET", "/app/hook/config", get_hook_config, RequiredLogin.APP),
    Endpoint("GET", "/app/hook/deliveries", list_deliveries, RequiredLogin.APP),
    Endpoint("GET", "/app/hook/deliveries/{delivery_id}", get_delivery, RequiredLogin.APP),
    Endpoint("POST", "/app/hook/deliveries/{delivery_id}/attempts", redeliver, RequiredLogin.APP),
    Endpoint("POST", "/app-manifests/{code}/conversions", convert_manifest, RequiredLogin.OPEN),
    Endpoint("GET", "/user", get_own_user),
    Endpoint("GET", "/users/{login}", get_user, RequiredLogin.ANY),
    Endpoint("GET", "/rate_limit", get_rate_limit, RequiredLogin.ANY, free=True),
)
