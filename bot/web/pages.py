"""What all web pages share: headers, templates, static files, and who may see them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import cache

import jinja2
import structlog
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot.web.auth import CHALLENGE, COOKIE, Access
from bot.web.prefix import path_of

log = structlog.get_logger()

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
"""What a page may load, and where its forms may go."""

HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

Endpoint = Callable[[Request], Awaitable[Response]]


class NotAnswerable(Exception):
    """A request that gets no page, and why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


def guarded(
    endpoint: Endpoint,
    access: Access,
    headers: Mapping[str, str] = HEADERS,
    lets_in: Callable[[Request], bool] = lambda _: False,
) -> Endpoint:
    """The endpoint, for those who may, with the headers that keep its answer where it belongs.

    *lets_in* knows what else lets a request in.
    """

    async def answer(request: Request) -> Response:
        if access.allows(request.headers) or lets_in(request):
            response = await endpoint(request)
        else:
            if "authorization" in request.headers:
                _log_wrong_password(request)
            response = problem(request, 401, access.hint)
            response.headers["www-authenticate"] = CHALLENGE
        response.headers.update(headers)
        return response

    return answer


def login(access: Access, *, leads_to: str, public_url: str) -> list[BaseRoute]:
    """The page that the link leads to, where the password was made at the start. *leads_to* is
    where it goes on, under the public address."""
    base = path_of(public_url)

    async def answer(request: Request) -> Response:
        response: Response
        if access.logs_in(request.query_params.get("token", "")):
            response = RedirectResponse(f"{base}{leads_to}", 303)
            response.set_cookie(
                COOKIE,
                access.cookie,
                path=base or "/",
                httponly=True,
                samesite="lax",
                secure=public_url.startswith("https:"),
            )
        else:
            _log_wrong_password(request)
            response = problem(request, 401, access.hint)
        response.headers.update(HEADERS)
        return response

    return [Route("/login", answer)] if access.is_made else []


def redirect(to: str) -> Endpoint:
    """A page that leads to another one."""

    async def answer(_: Request) -> Response:
        response = RedirectResponse(to, 303)
        response.headers.update(HEADERS)
        return response

    return answer


def _log_wrong_password(request: Request) -> None:
    peer = request.client.host if request.client is not None else ""
    log.warning("wrong_password", peer=peer, path=request.url.path)


class _Files(StaticFiles):
    """Files that are nobody's secret; their answers carry what those of pages do."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        try:
            response = await super().get_response(path, scope)
        except HTTPException as no:
            response = PlainTextResponse(f"{no.detail}\n", no.status_code, no.headers)
        response.headers.update(HEADERS)
        return response


def static() -> Mount:
    """The style sheet and the icon."""
    return Mount("/static", _Files(packages=[("bot.web", "static")]))


@cache
def templates() -> jinja2.Environment:
    """The pages' templates: they escape all they show, and miss no value silently."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("bot.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def problem(request: Request, status: int, text: str) -> Response:
    if wants_json(request):
        return JSONResponse({"error": text}, status)
    return PlainTextResponse(f"{text}\n", status)


def wants_json(request: Request) -> bool:
    """Whether JSON is asked for before HTML."""
    weights = {"application/json": 0.0, "text/html": 0.0}
    for part in request.headers.get("accept", "").split(","):
        kind, *parameters = (word.strip().lower() for word in part.split(";"))
        if kind in weights:
            weights[kind] = next((_weight(p) for p in parameters if p.startswith("q=")), 1.0)
    json, html = weights.values()
    return json > html


def _weight(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0
