"""First set-up on GitHub: `/setup`, served only while there are no credentials.

GitHub's App manifest flow (bot/github/README.md, "Making the App"): the page posts a manifest to
GitHub, where the operator agrees; GitHub sends the browser back with a code, which is exchanged for
the App's credentials. They land in `.env`, and the bot takes over.
"""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import structlog
from dotenv import set_key
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot import __version__
from bot.github.api import web_url
from bot.github.webhooks import EVENTS
from bot.ops.diagnostics import PERMISSIONS
from bot.ops.settings import Settings, SettingsError
from bot.services import GITHUB_TIMEOUT, Services, Surroundings, open_services, working
from bot.storage.database import AlreadyInUse, LedgerUnavailable
from bot.web.app import create_app
from bot.web.auth import Access
from bot.web.pages import (
    HEADERS,
    POLICY,
    Endpoint,
    guarded,
    login,
    redirect,
    static,
    templates,
)
from bot.web.prefix import path_of, without_prefix

MAX_STATES = 100
"""Visits of the page that can still be gone on with."""

_CODE = re.compile(r"[A-Za-z0-9_-]{1,100}")
_ORGANISATION = re.compile(r"[A-Za-z0-9-]{1,39}")

log = structlog.get_logger()


# --- from the set-up to the bot, on one port -----------------------------------------------------


@asynccontextmanager
async def open_setup(
    settings: Settings,
    env_file: Path,
    read: Callable[[], Settings],
    access: Access,
    surroundings: Surroundings | None = None,
    work: Callable[[Services], AbstractAsyncContextManager[None]] = working,
) -> AsyncIterator[ASGIApp]:
    """The application: first the set-up, then the bot, which is closed again at the end.

    *read* gives the settings once the credentials are in *env_file*; *work* does the bot's work.
    """
    around = surroundings or Surroundings()
    async with AsyncExitStack() as stack:
        client = httpx.AsyncClient(timeout=GITHUB_TIMEOUT, transport=around.github)
        await stack.enter_async_context(client)

        async def start() -> None:
            async with AsyncExitStack() as attempt:
                services = await attempt.enter_async_context(open_services(read(), around))
                await attempt.enter_async_context(work(services))
                front.app = create_app(services, access, run_worker=False)
                # From here on it is no attempt: it stays open as long as all of this.
                stack.push_async_callback(attempt.pop_all().aclose)

        front = _Front(Setup(settings, env_file, client, start, access).app())
        yield front


class _Front:
    """Passes each request to the application of the moment."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


# --- what goes to GitHub and comes back ----------------------------------------------------------


class _Issued(msgspec.Struct, frozen=True):
    """What GitHub gives for the code."""

    id: int
    slug: str
    html_url: str
    pem: str
    webhook_secret: str | None = None

    def __repr__(self) -> str:
        return f"<credentials of {self.slug}>"

    def variables(self) -> dict[str, str]:
        return {
            "GITHUB_APP_ID": str(self.id),
            "GITHUB_PRIVATE_KEY": self.pem.strip().replace("\n", "\\n"),
            "GITHUB_WEBHOOK_SECRET": self.webhook_secret or "",
        }


def manifest(public_url: str, back: str) -> dict[str, Any]:
    """The App that the bot needs, and no more; *back* is where the browser goes from GitHub."""
    return {
        "name": "depot-bot",
        "url": public_url,
        "hook_attributes": {"url": f"{public_url}/webhook", "active": True},
        "redirect_url": back,
        "public": False,
        "default_permissions": dict(PERMISSIONS),
        "default_events": sorted(EVENTS),
    }


class _Stopped(Exception):
    """The set-up cannot go on; what the page says of it."""

    def __init__(
        self,
        status: int,
        title: str,
        *problems: str,
        app: _Issued | None = None,
        is_stored: bool = False,
        may_try_again: bool = False,
    ) -> None:
        super().__init__(status, title)
        self.status = status
        self.title = title
        self.problems = problems
        self.app = app
        self.is_stored = is_stored
        self.may_try_again = may_try_again


# --- the pages -----------------------------------------------------------------------------------


class Setup:
    """The set-up's pages. *start* lets the bot take over, once its credentials are stored."""

    def __init__(
        self,
        settings: Settings,
        env_file: Path,
        client: httpx.AsyncClient,
        start: Callable[[], Awaitable[None]],
        access: Access,
    ) -> None:
        self._access = access
        self._settings = settings
        self._env_file = env_file
        self._client = client
        self._start = start
        self._web = web_url(settings.github_url)
        self._base = path_of(settings.public_url)
        self._one_at_a_time = asyncio.Lock()
        self._states: dict[str, None] = {}
        """Those that were given out, oldest first, each good for one App."""
        self._issued: dict[str, _Issued] = {}
        """Apps that were made and do not run yet, by the state they came with."""

    def app(self) -> Starlette:
        app = Starlette(
            routes=[
                Route("/", redirect(f"{self._base}/setup")),
                Route("/setup", self._guarded(self._page)),
                # GitHub sends the browser here, maybe under a name that has no login.
                Route("/setup/done", self._guarded(self._done, lets_in=self._is_awaited)),
                *login(self._access, leads_to="/setup", public_url=self._settings.public_url),
                Route("/webhook", _not_yet, methods=["POST"]),
                Route("/healthz", _alive),
                Route("/readyz", _not_yet),
                static(),
            ],
            middleware=without_prefix(self._base),
        )
        app.router.redirect_slashes = False
        return app

    def _is_awaited(self, request: Request) -> bool:
        state = request.query_params.get("state", "")
        return state in self._states or state in self._issued

    def _guarded(
        self, endpoint: Endpoint, lets_in: Callable[[Request], bool] = lambda _: False
    ) -> Endpoint:
        """For the operator only; the form may go to GitHub."""
        policy = POLICY.replace("form-action 'self'", f"form-action 'self' {self._web}")
        headers = {**HEADERS, "content-security-policy": policy}

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except _Stopped as no:
                return self._html(
                    "setup_message.html",
                    no.status,
                    title=no.title,
                    problems=no.problems,
                    app=no.app,
                    is_stored=no.is_stored,
                    may_try_again=no.may_try_again,
                )

        return guarded(answer, self._access, headers, lets_in)

    def _html(self, name: str, status: int = 200, **values: Any) -> Response:
        template = templates().get_template(name)
        file = str(self._env_file)
        html = template.render(version=__version__, base=self._base, file=file, **values)
        return Response(html, status, media_type="text/html")

    async def _page(self, request: Request) -> Response:
        """The button that sends the manifest to GitHub."""
        organisation = request.query_params.get("organisation", "").strip()
        if organisation and not _ORGANISATION.fullmatch(organisation):
            raise _Stopped(400, "That is no name of an organisation")
        public_url = self._settings.public_url
        asked = manifest(public_url, f"{public_url}/setup/done")
        unfinished = next(iter(self._issued), None)
        new_app = f"/settings/apps/new?state={self._new_state()}"
        return self._html(
            "setup.html",
            title="Set up depot-bot",
            for_organisation=f"{self._web}/organizations/{organisation}{new_app}",
            for_account=f"{self._web}{new_app}",
            manifest=msgspec.json.encode(asked).decode(),
            organisation=organisation,
            webhook_url=f"{public_url}/webhook",
            obstacle=obstacle(self._env_file),
            unfinished=f"{self._base}/setup/done?state={unfinished}" if unfinished else None,
        )

    def _new_state(self) -> str:
        while len(self._states) >= MAX_STATES:
            del self._states[next(iter(self._states))]
        state = secrets.token_urlsafe(32)
        self._states[state] = None
        return state

    async def _done(self, request: Request) -> Response:
        """GitHub sends the browser back here, with a code to be exchanged within the hour."""
        state, code = (request.query_params.get(name, "") for name in ("state", "code"))
        # A page that is loaded twice must not start the bot twice.
        async with self._one_at_a_time:
            issued = self._issued.get(state) or await self._exchange(state, code)
            try:
                write_env(self._env_file, issued.variables())
            except (OSError, UnicodeError) as error:
                problem = f"{self._env_file} cannot be written: {_why(error)}"
                log.error("credentials_not_stored", error=problem)
                title = "The credentials could not be stored"
                raise _Stopped(500, title, problem, app=issued) from None
            await self._take_over(issued)
            del self._issued[state]
        log.info("setup_completed", app=issued.slug, file=str(self._env_file))
        return self._html(
            "setup_done.html",
            title="The bot is running",
            slug=issued.slug,
            install=f"{issued.html_url}/installations/new",
        )

    async def _exchange(self, state: str, code: str) -> _Issued:
        """The App's credentials for the code; a state is used up once GitHub has decided."""
        if state not in self._states or not _CODE.fullmatch(code):
            raise _Stopped(400, "This link is not from this set-up, or it was used already")
        url = f"{self._settings.github_url}/app-manifests/{code}/conversions"
        try:
            answer = await self._client.post(url)
        except httpx.HTTPError as error:
            log.warning("setup_upstream_unavailable", error=type(error).__name__)
            raise _Stopped(502, "GitHub does not answer", may_try_again=True) from None
        status = answer.status_code
        if status in {403, 429} or status >= 500:
            log.warning("setup_upstream_unavailable", status=status)
            title = f"GitHub has trouble (it answered {status})"
            raise _Stopped(502, title, may_try_again=True)
        del self._states[state]
        if status != 201:
            log.warning("setup_code_refused", status=status)
            title = "GitHub did not take the code: it is good once, and for an hour"
            raise _Stopped(
                502, title, "If GitHub lists the new App already, delete it there first."
            )
        try:
            issued = msgspec.json.decode(answer.content, type=_Issued)
        except msgspec.DecodeError as error:
            log.error("credentials_unreadable", error=str(error))
            title = "GitHub's answer cannot be read: delete the App there, and begin again"
            raise _Stopped(502, title) from None
        self._issued[state] = issued
        return issued

    async def _take_over(self, issued: _Issued) -> None:
        problems: tuple[str, ...]
        try:
            await self._start()
            return
        except SettingsError as error:
            problems = error.problems
        except (AlreadyInUse, LedgerUnavailable) as error:
            problems = (f"The ledger cannot be opened: {error}",)
        log.error("start_after_setup_failed", problems=problems)
        title = "The bot cannot start with these settings"
        raise _Stopped(500, title, *problems, app=issued, is_stored=True)


async def _alive(_: Request) -> Response:
    return JSONResponse({"status": "ok"})


async def _not_yet(_: Request) -> Response:
    return JSONResponse({"error": "not set up yet"}, 503)


# --- the file that the credentials land in -------------------------------------------------------


def obstacle(path: Path) -> str | None:
    """What would keep values from being put into this file, as far as it can be seen before."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        return f"{path} is not a file"
    if path.exists() and not os.access(path, os.R_OK):
        return f"{path} cannot be read"
    if not os.access(path.parent, os.W_OK | os.X_OK):
        return f"Nothing can be written in {path.parent}"
    return None


def write_env(path: Path, values: Mapping[str, str]) -> None:
    """Put values into a `.env` file, all or none, for its owner's eyes only; its other lines are
    kept."""
    path = path.resolve()
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f"{path.name}.") as folder:
        draft = Path(folder) / path.name
        draft.touch(0o600)
        if path.exists():
            draft.write_bytes(path.read_bytes())
        for name, value in values.items():
            set_key(draft, name, value)  # which keeps the mode
        with draft.open("rb") as file:
            os.fsync(file.fileno())
        draft.replace(path)


def _why(error: OSError | UnicodeError) -> str:
    reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return reason or type(error).__name__
