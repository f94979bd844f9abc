"""`depot-bot demo --serve`: the same stage as `depot-bot demo`, staying up, with a pull request in
the browser to write under.

`Scene` is what a person can do there, `Desk` keeps what is to be seen, `WebPage` shows it. The
page asks for news every half second, and gets what has changed as HTML that is ready to be shown.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from bot.demo.play import PULL, REPO, Playground, playground, stop_on_signals
from bot.demo.servers import BotFailed, serving
from bot.demo.simulators import depot as simulated_depot
from bot.demo.simulators.depot import Call
from bot.demo.simulators.github import Comment
from bot.demo.simulators.github.events import Commented, Event, PullRequestChanged, Reviewed
from bot.demo.stage import Stage
from bot.messages.html import to_html

PEOPLE = {
    "ada": "admin",
    "maya": "maintain",
    "alice": "write",
    "trudy": "triage",
    "rita": "read",
    "mallory": "stranger",
}
"""Who one can be; a stranger has no role in the repository, which is public."""

AUTHOR = "alice"
"""Whose pull request it is."""

LABEL = "full-ci"

CONFIG = f"""\
automations:
  - on: labeled
    label: {LABEL}
    do: run e2e.yml
  - on: review_approved
    do: run ci.yml
"""

MAX_TEXT = 65_536
"""Characters of a comment, as on GitHub."""

MAX_BODY = 4 * MAX_TEXT + 1024
"""Bytes of a request: JSON may take more room than the text in it."""

CALLS_SHOWN = 20

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
        page = WebPage(scene, _status_url(ground))
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
            f"  the bot's pages   {_status_url(ground)}",
            "",
            "Ctrl-C ends it; nothing is kept.",
        ]
    )


def _status_url(ground: Playground) -> str:
    """The bot's status pages, with the password that they ask for."""
    return f"{ground.bot.url}/".replace("://", f"://demo:{ground.stage.admin_password}@", 1)


_HOST = re.compile(r"(localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


def is_local(host: str) -> bool:
    """Whether a browser that asks for this Host is on this machine, and on our page: it listens on
    loopback only, but a name of somebody else may lead there (DNS rebinding)."""
    return _HOST.fullmatch(host) is not None


# --- what a person can do ------------------------------------------------------------------------


class NotPossible(Exception):
    """GitHub would not let somebody do that; the text says why."""


@dataclass
class Scene:
    """The pull request, and the hands of those who act on it."""

    stage: Stage
    desk: Desk = field(init=False)
    _pushes: int = 0
    _spared: set[str] | None = None
    """While the next job is to fail: the attempts that were there before that was asked for."""

    def __post_init__(self) -> None:
        github = self.stage.github
        for login, role in PEOPLE.items():
            if role != "stranger":
                github.role(REPO, login, role)
        github.commit(REPO, "main", {".github/depot-bot.yml": CONFIG}, message="Automations")
        self.stage.depot.plan(queued=0.8, seconds=4.0)
        self.desk = Desk(self.stage)

    def comment(self, who: str, text: str) -> None:
        self.stage.github.comment(REPO, PULL, who, text)

    def push(self, who: str) -> None:
        self._needs(who, "push", "admin", "maintain", "write")
        self._pushes += 1
        changes = {
            "basket.py": f"def total(prices):\n    return sum(prices) * 0.9  # {self._pushes}\n"
        }
        self.stage.github.push(REPO, PULL, changes, message=f"Change {self._pushes}", by=who)

    def fail_next_job(self, _: str) -> None:
        runs = self.stage.depot.runs
        self._spared = {attempt.attempt_id for run in runs for _, _, attempt in run.tree()}

    def lose_next_answer(self, _: str) -> None:
        if not self.is_answer_to_be_lost:
            self.stage.depot.faults.drop("Run")

    def label(self, who: str) -> None:
        self._needs(who, "label", "admin", "maintain", "write", "triage")
        if any(label.name == LABEL for label in self.pull.labels):
            self.stage.github.unlabel(REPO, PULL, LABEL, by=who)
        self.stage.github.label(REPO, PULL, LABEL, by=who)

    def approve(self, who: str) -> None:
        if who == AUTHOR:
            raise NotPossible("GitHub lets nobody approve a pull request of their own.")
        self.stage.github.review(REPO, PULL, who, "Looks good.", "approved")

    def _needs(self, who: str, what: str, *roles: str) -> None:
        if PEOPLE[who] not in roles:
            raise NotPossible(f"{who} may not {what} here: GitHub wants the {roles[-1]} role.")

    @property
    def pull(self) -> Any:
        return self.stage.github.pull(REPO, PULL)

    @property
    def is_job_to_fail(self) -> bool:
        return self._spared is not None

    @property
    def is_answer_to_be_lost(self) -> bool:
        return any(fault.left for fault in self.stage.depot.faults.arranged)

    def tick(self) -> None:
        """What has to be looked after all the time: the job that is to fail."""
        if self._spared is None:
            return
        for run in self.stage.depot.runs:
            fresh = [
                (job, attempt)
                for _, job, attempt in run.tree()
                if attempt.attempt_id not in self._spared and not job.over
            ]
            if fresh:
                job, attempt = fresh[-1]
                self.stage.depot.plan(
                    run_id=run.run_id, job=job.spec.key, attempt=attempt.number, outcome="failed"
                )
                self._spared = None
                return


DEEDS: Mapping[str, Callable[[Scene, str], None]] = {
    "push": Scene.push,
    "fail": Scene.fail_next_job,
    "lose": Scene.lose_next_answer,
    "label": Scene.label,
    "approve": Scene.approve,
}
"""The buttons."""


# --- what is to be seen --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Happened:
    """Something on the pull request that is no comment."""

    number: int
    who: str
    what: str
    at: float
    body: str = ""


@dataclass
class Desk:
    """The conversation in the order in which it came about."""

    stage: Stage
    entries: list[Comment | Happened] = field(default_factory=list)
    _happened: int = 0

    def __post_init__(self) -> None:
        self.stage.github.listen(self._hear)

    def _hear(self, event: Event) -> None:
        match event:
            case Commented(action="created", comment=comment):
                self.entries.append(comment)
            case Commented(action="deleted", comment=comment):
                self.entries.remove(comment)
            case PullRequestChanged(action="synchronize", pull=pull, sender=sender):
                message = pull.head_repository.commits[pull.head_sha].message
                text = f"pushed {pull.head_sha[:7]}: {message}"
                self._note(sender.login, text)
            case PullRequestChanged(action="labeled", sender=sender, label=label) if label:
                self._note(sender.login, f"added the label {label.name}")
            case Reviewed(review=review, sender=sender):
                text = "approved" if review.state == "approved" else "reviewed"
                self._note(sender.login, text, review.body)
            case _:
                pass

    def _note(self, who: str, what: str, body: str = "") -> None:
        self._happened += 1
        now = self.stage.github.now()
        self.entries.append(Happened(self._happened, who, what, now, body))


def _clock(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%H:%M:%S")


_TONES = {"finished": "good", "failed": "bad", "cancelled": "still", "skipped": "still"}


def _run(run: simulated_depot.Run) -> dict[str, Any]:
    return {
        "id": run.run_id,
        "what": run.workflow.rpartition("/")[2] or ("YAML" if run.workflow_content else "all"),
        "job": run.job,
        "commit": run.sha[:7],
        "state": run.status,
        "tone": _TONES.get(run.status, "moving"),
        "jobs": [
            {"key": job.spec.key, "state": job.status, "tone": _TONES.get(job.status, "moving")}
            for job in run.jobs
            if job.status != "skipped"
        ],
    }


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
        return Starlette(
            routes=[
                Route("/", self._guarded(self._page)),
                Route("/news", self._guarded(self._news)),
                Route("/comment", self._guarded(self._comment), methods=["POST"]),
                Route("/do/{deed}", self._guarded(self._do), methods=["POST"]),
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
            else:
                response = await endpoint(request)
            response.headers.update(HEADERS)
            return response

        return answer

    async def _page(self, _: Request) -> Response:
        pull = self._scene.pull
        html = self._templates.get_template("page.html").render(
            people=PEOPLE.items(),
            chosen=AUTHOR,
            repo=REPO,
            number=PULL,
            title=pull.title,
            author=pull.author.login,
            branch=pull.head_branch,
            base=pull.base_branch,
            label=LABEL,
            status_url=self._status_url,
        )
        return Response(html, media_type="text/html")

    async def _news(self, request: Request) -> Response:
        """Everything to be seen, or nothing new (204) for who has seen it."""
        scene, depot = self._scene, self._scene.stage.depot
        html = {
            "entries": [self._entry(entry) for entry in scene.desk.entries],
            "head": f"{scene.pull.head_sha[:7]}",
            "runs": self._render("runs.html", runs=[_run(run) for run in reversed(depot.runs)]),
            "calls": self._render(
                "calls.html",
                calls=[_call(call) for call in reversed(depot.calls[-CALLS_SHOWN:])],
                earlier=max(0, len(depot.calls) - CALLS_SHOWN),
            ),
            "armed": {"fail": scene.is_job_to_fail, "lose": scene.is_answer_to_be_lost},
        }
        version = sha256(msgspec.json.encode(html)).hexdigest()[:16]
        if request.query_params.get("seen") == version:
            return Response(status_code=204)
        return JSONResponse({"version": version, **html})

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
                role="bot" if is_bot else PEOPLE.get(login, "stranger"),
                is_bot=is_bot,
                at=_clock(entry.created_at),
                edits=len(entry.edits),
                edited_at=_clock(entry.updated_at),
                body=to_html(entry.body.replace("\r\n", "\n"), folds=is_bot),
                reactions=[
                    {"symbol": _SYMBOLS.get(r.content, r.content), "who": r.user.login}
                    for r in entry.reactions
                ],
            ),
        }

    def _render(self, name: str, **values: Any) -> str:
        return self._templates.get_template(name).render(values)

    async def _comment(self, request: Request) -> Response:
        said = await _read(request, _Said)
        if said is None or said.who not in PEOPLE:
            return _said(400, "That is no comment of anybody here.")
        if not said.text.strip() or len(said.text) > MAX_TEXT:
            return _said(422, f"A comment has 1 to {MAX_TEXT} characters.")
        self._scene.comment(said.who, said.text)
        return Response(status_code=204)

    async def _do(self, request: Request) -> Response:
        deed = DEEDS.get(request.path_params.get("deed", ""))
        done = await _read(request, _Done)
        if deed is None or done is None or done.who not in PEOPLE:
            return _said(400, "That cannot be done here.")
        try:
            deed(self._scene, done.who)
        except NotPossible as no:
            return _said(422, str(no))
        return Response(status_code=204)


_SYMBOLS = {"eyes": "👀", "+1": "👍", "-1": "👎", "rocket": "🚀", "heart": "❤️"}


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
