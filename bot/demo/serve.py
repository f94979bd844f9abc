"""`depot-bot demo --serve`: the same stage as `depot-bot demo`, staying up, with a pull request in
the browser to write under.

`WebPage` shows the `Scene`. The page asks for news every half second, and gets what has changed as
HTML that is ready to be shown.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from bot.demo.play import PULL, REPO, Playground, playground, stop_on_signals
from bot.demo.scene import ACTIONS, LABEL, NO_ROLE, PEOPLE, Happened, NextRun, NotPossible, Scene
from bot.demo.servers import BotFailed, serving
from bot.demo.simulators import depot as simulated_depot
from bot.demo.simulators.depot import Call
from bot.demo.simulators.depot.views import conclusion_of
from bot.demo.simulators.github import Comment
from bot.demo.simulators.github.simulated import WEB_URL
from bot.demo.stage import REACTIONS
from bot.messages.html import to_html
from bot.messages.markdown import clean
from bot.messages.phrases import DEPOT_PAGES

MAX_TEXT = 65_536
"""Characters of a comment, as on GitHub."""

MAX_BODY = 4 * MAX_TEXT + 1024
"""Bytes of a request: JSON may take more room than the text in it."""

CALLS_SHOWN = 20

REFRESH_SECONDS = 2
"""How often the page of a run that goes on is loaded anew."""

TICK_SECONDS = 0.05

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}

_STATIC = {
    "style.css": ("bot.web", "static", "text/css"),
    "icon.svg": ("bot.web", "static", "image/svg+xml"),
    "demo.css": ("bot.demo", "web", "text/css"),
    "demo.js": ("bot.demo", "web", "text/javascript"),
}


def serve() -> int:
    """Serve until Ctrl-C; the exit status is 1 when the bot does not start or dies."""
    try:
        asyncio.run(_serve())
    except BotFailed as failure:
        print(f"\n{failure}", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\nStopped.", flush=True)
    return 0


async def _serve() -> None:
    stop_on_signals()
    async with playground() as ground:
        scene = Scene(ground.stage)
        page = WebPage(scene, status_url(ground))
        async with serving(page.app()) as url:
            print(_opening(ground, url), flush=True)
            while True:
                ground.bot.check()
                scene.tick()
                await asyncio.sleep(TICK_SECONDS)


def _opening(ground: Playground, url: str) -> str:
    return "\n".join(
        [
            "depot-bot, to play with: the real bot on a simulated GitHub and Depot.",
            "",
            f"  the pull request  {url}/",
            f"  the bot's pages   {status_url(ground)}",
            "",
            "Ctrl-C ends it; nothing is kept.",
        ]
    )


def status_url(ground: Playground) -> str:
    """The bot's status pages, with the password that they ask for."""
    return f"{ground.bot.url}/".replace("://", f"://demo:{ground.stage.admin_password}@", 1)


_HOST = re.compile(r"(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


def is_local(host: str) -> bool:
    """Whether a browser that asks for this Host is on this machine, and on our page: it listens on
    loopback only, but a name of somebody else may lead there (DNS rebinding)."""
    return _HOST.fullmatch(host) is not None


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")


_TONES = {"finished": "good", "failed": "bad", "cancelled": "still", "skipped": "still"}

_RUN_PAGE = re.compile(
    rf"{re.escape(DEPOT_PAGES)}/[^/?#]+/workflows(?:/(?P<id>\w+)(?P<job>\?job=[\w-]+)?)?"
)
_COMMENT_PAGE = re.compile(
    rf"{re.escape(f'{WEB_URL}/{REPO}')}/pull/(?P<number>\d+)(?:#issuecomment-(?P<id>\d+))?"
)


def page_here(url: str) -> str:
    """Where a link in a comment leads here: Depot's pages and the pull requests are simulated."""
    if found := _RUN_PAGE.fullmatch(url):
        return f"/depot/{found['id']}{found['job'] or ''}" if found["id"] else "/depot"
    if found := _COMMENT_PAGE.fullmatch(url):
        return f"/pull/{found['number']}" + (f"#c{found['id']}" if found["id"] else "")
    return url


def _run(run: simulated_depot.Run) -> dict[str, Any]:
    return {
        "id": run.run_id,
        "what": run.workflow.rpartition("/")[2] or ("YAML" if run.workflow_content else "all"),
        "job": run.job,
        "commit": run.sha[:7],
        "state": run.status,
        "tone": _tone(run.status),
        "jobs": [
            {
                "id": job.job_id,
                "key": job.spec.key,
                "state": "timed out" if conclusion_of(job) == "timed_out" else job.status,
                "tone": _tone(job.status),
                "attempts": len(job.attempts),
            }
            for job in run.jobs
            if job.status != "skipped"
        ],
    }


def _tone(state: str) -> str:
    return _TONES.get(state, "moving")


_VERBS = {
    "failed": ("retry", "rerun", "why"),
    "cancelled": ("retry", "rerun"),
    "finished": ("rerun",),
}


def _verbs(run: simulated_depot.Run) -> tuple[str, ...]:
    """What can be done about a run, in its state."""
    return _VERBS.get(run.status, ("cancel",))


def _call(call: Call) -> dict[str, Any]:
    asked = call.request
    target = asked.get("runId") or asked.get("workflow") or str(asked.get("sha", ""))[:7]
    answer = "lost" if call.status is None else call.code or str(call.status)
    return {
        "at": _clock(call.at),
        "method": call.method,
        "target": str(target).rpartition("/")[2],
        "answer": answer,
        "tone": "good" if call.status == 200 else "bad",
    }


# --- the page ------------------------------------------------------------------------------------


class _Said(msgspec.Struct):
    who: str
    text: str


class _Done(msgspec.Struct):
    who: str


class WebPage:
    """The pull request as a page, and what its script asks for."""

    def __init__(self, scene: Scene, status_url: str) -> None:
        self._scene = scene
        self._status_url = status_url
        self._bot = f"{scene.stage.credentials.slug}[bot]"
        self._templates = Environment(
            loader=PackageLoader("bot.demo", "web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def app(self) -> Starlette:
        pull = "/pull/{number:int}"
        return Starlette(
            routes=[
                Route("/", self._guarded(_first_page)),
                Route(pull, self._guarded(self._page)),
                Route(f"{pull}/news", self._guarded(self._news)),
                Route(f"{pull}/comment", self._guarded(self._comment), methods=["POST"]),
                Route(f"{pull}/do/{{action}}", self._guarded(self._do), methods=["POST"]),
                Route("/depot", self._guarded(self._depot)),
                Route("/depot/{id}", self._guarded(self._depot_run)),
                Route("/static/{name}", self._guarded(_static)),
            ]
        )

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """For this machine's own browser only: nothing else may write here."""

        async def answer(request: Request) -> Response:
            is_read = request.method in {"GET", "HEAD"}
            if not is_local(request.headers.get("host", "")):
                response: Response = _said(403, "Only this machine may, under localhost.")
            elif not is_read and request.headers.get("content-type") != "application/json":
                # What a page of somebody else cannot send without being asked first.
                response = _said(415, "Only JSON is taken.")
            elif request.path_params.get("number", PULL) not in self._scene.pulls:
                response = PlainTextResponse("There is no such pull request.\n", 404)
            else:
                response = await endpoint(request)
            response.headers.update(HEADERS)
            return response

        return answer

    async def _page(self, request: Request) -> Response:
        pull = self._scene.pull(_number(request))
        return self._html(
            "page.html",
            people=PEOPLE.items(),
            chosen="alice",
            pull=pull,
            pulls=[self._scene.pull(number) for number in self._scene.pulls],
            repo=REPO,
            label=LABEL,
            status_url=self._status_url,
        )

    async def _news(self, request: Request) -> Response:
        """Everything to be seen, or nothing new (204) for who has seen it."""
        scene, depot = self._scene, self._scene.stage.depot
        number = _number(request)
        runs = scene.runs(number)
        newest = runs[0] if runs else None
        html = {
            "entries": [self._entry(entry) for entry in scene.desk.on(number)],
            "head": scene.pull(number).head_sha[:7],
            "newest": self._render(
                "newest.html",
                run=_run(newest) if newest else None,
                lines=[(verb, _line(verb, newest)) for verb in _verbs(newest)] if newest else [],
            ),
            "runs": self._render("runs.html", runs=map(_run, runs)),
            "calls": self._render(
                "calls.html",
                calls=[_call(call) for call in reversed(depot.calls[-CALLS_SHOWN:])],
                earlier=max(0, len(depot.calls) - CALLS_SHOWN),
            ),
            "pressed": {
                **{one.value: one is scene.next_run for one in NextRun},
                "lose": scene.is_answer_to_be_lost,
            },
        }
        version = sha256(msgspec.json.encode(html)).hexdigest()[:16]
        if request.query_params.get("seen") == version:
            return Response(status_code=204)
        return JSONResponse({"version": version, **html})

    async def _depot(self, _: Request) -> Response:
        runs = [_run(run) for run in reversed(self._scene.stage.depot.runs)]
        return self._html("depot.html", number=PULL, runs=runs)

    async def _depot_run(self, request: Request) -> Response:
        """A run, found by its own id or that of a workflow of it, and the log of one job."""
        asked = request.path_params["id"]
        run = next((run for run in self._scene.stage.depot.runs if asked in _ids(run)), None)
        if run is None:
            return PlainTextResponse("There is no such run.\n", 404)
        job_id = request.query_params.get("job", "")
        job = next((job for job in run.jobs if job.job_id == job_id), None)
        return self._html(
            "run.html",
            number=self._scene.pull_of(run),
            refresh=0 if run.over else REFRESH_SECONDS,
            run=_run(run),
            errors=[w.spec.error for w in run.workflows if w.spec.error],
            chosen=job.job_id if job else "",
            attempts=self._attempts(job) if job else [],
        )

    def _attempts(self, job: simulated_depot.Job) -> list[dict[str, Any]]:
        """What the attempts at a job have written, newest first."""
        log = self._scene.stage.depot.log
        return [
            {
                "number": attempt.number,
                "state": attempt.status,
                "tone": _tone(attempt.status),
                "log": clean("\n".join(line.body for line in log(attempt.attempt_id))),
            }
            for attempt in reversed(job.attempts)
        ]

    def _entry(self, entry: Comment | Happened) -> dict[str, str]:
        if isinstance(entry, Happened):
            return {
                "id": f"h{entry.number}",
                "html": self._render("happened.html", entry=entry, at=_clock(entry.at)),
            }
        login = entry.author.login
        is_bot = login == self._bot
        return {
            "id": f"c{entry.id}",
            "html": self._render(
                "comment.html",
                login=login,
                role="bot" if is_bot else PEOPLE.get(login, NO_ROLE),
                is_bot=is_bot,
                at=_clock(entry.created_at),
                edits=len(entry.edits),
                edited_at=_clock(entry.updated_at),
                body=to_html(
                    entry.body.replace("\r\n", "\n"),
                    folds=is_bot,
                    address=page_here,
                    people=PEOPLE,
                ),
                reactions=[
                    {"symbol": REACTIONS[r.content], "who": r.user.login} for r in entry.reactions
                ],
            ),
        }

    def _html(self, name: str, **values: Any) -> Response:
        return Response(self._render(name, **values), media_type="text/html")

    def _render(self, name: str, **values: Any) -> str:
        return self._templates.get_template(name).render(values)

    async def _comment(self, request: Request) -> Response:
        said = await _read(request, _Said)
        if said is None or said.who not in PEOPLE:
            return _said(400, "That is no comment of anybody here.")
        if not said.text.strip() or len(said.text) > MAX_TEXT:
            return _said(422, f"A comment has 1 to {MAX_TEXT} characters.")
        self._scene.comment(_number(request), said.who, said.text)
        return Response(status_code=204)

    async def _do(self, request: Request) -> Response:
        action = ACTIONS.get(request.path_params.get("action", ""))
        done = await _read(request, _Done)
        if action is None or done is None or done.who not in PEOPLE:
            return _said(400, "That cannot be done here.")
        try:
            action(self._scene, _number(request), done.who)
        except NotPossible as no:
            return _said(422, str(no))
        return Response(status_code=204)


async def _first_page(_: Request) -> Response:
    return RedirectResponse(f"/pull/{PULL}")


def _number(request: Request) -> int:
    """The pull request that is asked for."""
    number: int = request.path_params["number"]
    return number


def _line(verb: str, run: simulated_depot.Run) -> str:
    return f"/depot {verb} {run.run_id}"


def _ids(run: simulated_depot.Run) -> set[str]:
    return {run.run_id, *(workflow.workflow_id for workflow in run.workflows)}


async def _read(request: Request, shape: type[Any]) -> Any | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY:
            return None
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _said(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status)


async def _static(request: Request) -> Response:
    name = request.path_params.get("name", "")
    if name not in _STATIC:
        return PlainTextResponse("There is no such file.\n", 404)
    package, folder, kind = _STATIC[name]
    return Response(files(package).joinpath(folder, name).read_bytes(), media_type=kind)
