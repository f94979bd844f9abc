"""First set-up on GitHub: `/setup`, served only while there are no credentials.

GitHub's App manifest flow (docs.github.com, "Registering a GitHub App from a manifest"): the page
posts a manifest to GitHub, where the operator agrees; GitHub sends the browser back with a code,
which is exchanged for the App's credentials. They land in `.env`, readable by its owner only, and
the bot starts without a restart.
"""

from __future__ import annotations

import html
import json
import os
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import msgspec
import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from bot.doctor import PERMISSIONS
from bot.webhooks import EVENTS

log = structlog.get_logger()

_CODE = re.compile(r"[A-Za-z0-9_-]{1,100}")
_ORGANISATION = re.compile(r"[A-Za-z0-9-]{1,39}")


class _Converted(msgspec.Struct):
    """What GitHub gives for the code."""

    id: int
    slug: str
    pem: str
    webhook_secret: str
    html_url: str = ""


def manifest(public_url: str) -> dict[str, Any]:
    """The App that the bot needs, and no more."""
    return {
        "name": "depot-bot",
        "url": public_url,
        "hook_attributes": {"url": f"{public_url}/webhook", "active": True},
        "redirect_url": f"{public_url}/setup/done",
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": sorted(EVENTS),
    }


def web_url(api_url: str) -> str:
    """Where people meet the GitHub whose API this is."""
    if api_url == "https://api.github.com":
        return "https://github.com"
    return api_url.removesuffix("/api/v3")


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Put values into a `.env` file, keeping its other lines, for its owner's eyes only."""
    old = path.read_text().splitlines() if path.exists() else []
    names = tuple(f"{name}=" for name in values)
    kept = [line for line in old if not line.removeprefix("export ").startswith(names)]
    new = [f"{name}={json.dumps(value)}" for name, value in values.items()]
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write("\n".join([*kept, *new]) + "\n")
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@dataclass(slots=True)
class Setup:
    """The set-up's pages. *allow* says whether a request may see them, with words if not."""

    public_url: str
    api_url: str
    env_file: Path
    client: httpx2.AsyncClient
    allow: Callable[[Request], str | None]
    started: Callable[[Mapping[str, str]], Awaitable[None]]
    """Called with the credentials once they are in the file."""
    _states: set[str] = field(default_factory=set)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/setup", self.page),
                Route("/setup/done", self.done),
                Route("/webhook", self.not_yet, methods=["POST"]),
                Route("/healthz", self.alive),
                Route("/readyz", self.not_yet),
            ]
        )

    async def page(self, request: Request) -> Response:
        """The button that sends the manifest to GitHub."""
        if (why := self.allow(request)) is not None:
            return _page("Not from here", f"<p>{html.escape(why)}</p>", status=403)
        organisation = request.query_params.get("organisation", "")
        if organisation and not _ORGANISATION.fullmatch(organisation):
            return _page("That is no organisation's name", _BACK, status=400)
        state = secrets.token_urlsafe(32)
        self._states.add(state)
        owner = f"/organizations/{organisation}" if organisation else ""
        action = f"{web_url(self.api_url)}{owner}/settings/apps/new?state={state}"
        body = _FORM.format(
            action=html.escape(action),
            manifest=html.escape(json.dumps(manifest(self.public_url))),
            owner=html.escape(organisation) or "your own account",
            file=html.escape(str(self.env_file)),
        )
        return _page("Set up depot-bot", body, form_action=web_url(self.api_url))

    async def done(self, request: Request) -> Response:
        """GitHub sends the browser back here, with a code to be exchanged within the hour."""
        state = request.query_params.get("state", "")
        code = request.query_params.get("code", "")
        known = next((s for s in self._states if secrets.compare_digest(s, state)), None)
        if known is None or not _CODE.fullmatch(code):
            return _page("This link is not from here, or it was used already", _BACK, status=400)
        self._states.discard(known)
        converted = await self._convert(code)
        if converted is None:
            return _page("GitHub did not take the code", _BACK, status=502)
        values = {
            "GITHUB_APP_ID": str(converted.id),
            "GITHUB_PRIVATE_KEY": converted.pem.replace("\n", "\\n"),
            "GITHUB_WEBHOOK_SECRET": converted.webhook_secret,
        }
        write_env(self.env_file, values)
        await self.started(values)
        log.info("set up", app=converted.slug, file=str(self.env_file))
        install = f"{web_url(self.api_url)}/apps/{converted.slug}/installations/new"
        return _page("The bot is running", _DONE.format(install=html.escape(install)))

    async def _convert(self, code: str) -> _Converted | None:
        try:
            answer = await self.client.post(f"{self.api_url}/app-manifests/{code}/conversions")
            if answer.status_code != 201:
                log.warning("the manifest's code was refused", status=answer.status_code)
                return None
            return msgspec.json.decode(answer.content, type=_Converted)
        except (httpx2.HTTPError, msgspec.DecodeError) as error:
            log.warning("the manifest's code cannot be exchanged", error=type(error).__name__)
            return None

    async def alive(self, _: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def not_yet(self, _: Request) -> Response:
        return JSONResponse({"error": "not set up yet: see /setup"}, 503)


_BACK = '<p><a href="/setup">Begin again</a></p>'

_FORM = """
<p>GitHub will show an App named depot-bot that belongs to <b>{owner}</b>, with the permissions
and events that the bot needs. Once you agree, its credentials are stored in
<code>{file}</code> on this machine, readable by its owner only, and the bot starts.</p>
<form method="post" action="{action}">
<input type="hidden" name="manifest" value="{manifest}">
<button>Create the App on GitHub</button>
</form>
<form method="get" action="/setup">
<label>For an organisation instead: <input name="organisation" pattern="[A-Za-z0-9-]+"></label>
<button>Choose</button>
</form>
"""

_DONE = """
<p>Its credentials are stored. The last step: <a href="{install}">install the App</a> on the
repositories it should work for, then write <code>/depot help</code> under a pull request.</p>
<p><code>depot-bot check</code> tells whether all is well.</p>
"""


def _page(title: str, body: str, *, status: int = 200, form_action: str = "") -> Response:
    page = (
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)}</title><main><h1>{html.escape(title)}</h1>{body}</main></html>"
    )
    policy = f"default-src 'none'; form-action 'self' {form_action}; frame-ancestors 'none'"
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
        "x-content-type-options": "nosniff",
        "x-frame-options": "DENY",
    }
    return HTMLResponse(page, status, headers)
