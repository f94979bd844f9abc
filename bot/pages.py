"""Status pages: what came in, what was decided and why, how it stands; as HTML and as JSON.

They only look. All values are made ready here; the templates have no logic, and escape all they
show. No script is needed, and none would run.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

import jinja2
import structlog
from gidgethub.sansio import RateLimit
from markupsafe import Markup
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from bot import __version__, reasons, records, replies
from bot.access import CHALLENGE, denied
from bot.archive import Archive, Filter, ListedCommand, ListedRun, Queue, State
from bot.archive import Page as ListedPage
from bot.doctor import Finding
from bot.ledger import Ledger
from bot.rendered import first_words, to_html
from bot.store import LedgerUnavailable
from bot.types import CommandId, Json, RequestId

PAGE_LENGTH = 50
"""Commands on one page."""

REFRESH_SECONDS = 10
"""How often a page loads itself anew, when asked to."""

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

# The shapes of what can be asked for; anything else is not looked up.
_ID = re.compile(r"([a-z]{2}-[0-9A-Za-z-]{1,80})(?:\.([0-9]{1,3}))?")
_REPO = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
_REASON = re.compile(r"[a-z0-9_-]{1,60}")

Endpoint = Callable[[Request], Awaitable[Response]]
RateLimits = Callable[[], Mapping[int | None, RateLimit]]
"""What is left of GitHub's hourly requests, by installation."""

Check = Callable[[], Awaitable[Sequence[Finding]]]
"""Looks at everything that the bot needs."""

log = structlog.get_logger()


class NotAnswerable(Exception):
    """A request that gets no page, and why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text


# --- who may, and what every answer carries ------------------------------------------------------


def guarded(endpoint: Endpoint, password: str, headers: Mapping[str, str] = HEADERS) -> Endpoint:
    """The endpoint, for those who may, with the headers that keep its answer where it belongs."""

    async def answer(request: Request) -> Response:
        peer = request.client.host if request.client is not None else ""
        no = denied(request.headers, peer, password)
        if no is None:
            response = await endpoint(request)
        else:
            response = _problem(request, no.status, no.text)
            if no.status == 401:
                response.headers["www-authenticate"] = CHALLENGE
        response.headers.update(headers)
        return response

    return answer


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
    return Mount("/static", _Files(packages=[("bot", "static")]))


@cache
def templates() -> jinja2.Environment:
    """The pages' templates: they escape all they show, and miss no value silently."""
    return jinja2.Environment(
        loader=jinja2.PackageLoader("bot"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _problem(request: Request, status: int, text: str) -> Response:
    if _wants_json(request):
        return JSONResponse({"error": text}, status)
    return PlainTextResponse(f"{text}\n", status)


def _wants_json(request: Request) -> bool:
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


# --- the pages -----------------------------------------------------------------------------------


class Pages:
    """The pages over what they show."""

    def __init__(
        self,
        archive: Archive,
        ledger: Ledger,
        rate_limits: RateLimits,
        check: Check,
        password: str,
    ) -> None:
        self._archive = archive
        self._ledger = ledger
        self._rate_limits = rate_limits
        self._check = check
        self._password = password

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._guarded(self._overview)),
            Route("/commands/{id}", self._guarded(self._one)),
            Route("/check", self._guarded(self._is_all_well)),
            static(),
        ]

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                response = await endpoint(request)
            except NotAnswerable as no:
                return self._message(request, no.status, no.text)
            except LedgerUnavailable as error:
                log.error("a page cannot be shown", error=str(error))
                return self._message(request, 503, "The ledger cannot be read now.")
            response.headers["vary"] = "accept"
            return response

        return guarded(answer, self._password)

    def _message(self, request: Request, status: int, text: str) -> Response:
        if _wants_json(request):
            return JSONResponse({"error": text}, status)
        return self._html("message.html", request, status, title=text)

    def _html(self, name: str, request: Request, status: int = 200, **values: Any) -> Response:
        does_refresh = "refresh" in request.query_params
        template = templates().get_template(name)
        html = template.render(
            version=__version__,
            refresh=REFRESH_SECONDS if does_refresh else None,
            here=_url(request, refresh=None),
            refreshing=_url(request, refresh=str(REFRESH_SECONDS)),
            **values,
        )
        return Response(html, status, media_type="text/html")

    async def _is_all_well(self, request: Request) -> Response:
        findings = await self._check()
        if _wants_json(request):
            return JSONResponse({"findings": [asdict(finding) for finding in findings]})
        return self._html("check.html", request, title="Is all well?", findings=findings)

    async def _overview(self, request: Request) -> Response:
        which, before = _asked(request)
        try:
            page = await self._archive.page(which, PAGE_LENGTH, before)
        except KeyError:
            raise NotAnswerable(404, "There is no such command to go on from.") from None
        queue = await self._archive.queue()
        limits = self._rate_limits()
        if _wants_json(request):
            return JSONResponse(_overview_facts(page, queue, limits))
        return self._html(
            "overview.html",
            request,
            title="depot-bot",
            figures=_figures(queue),
            limits=[_limit(installation, limit) for installation, limit in limits.items()],
            commands=[_row(command, queue.now) for command in page.commands],
            which=which,
            states=[(state.value, state is which.state) for state in State],
            is_filtered=which != Filter(),
            newest=_url(request, before=None) if before else None,
            older=_url(request, before=page.next) if page.next else None,
        )

    async def _one(self, request: Request) -> Response:
        match = _ID.fullmatch(request.path_params.get("id", ""))
        nothing = NotAnswerable(404, "There is no such command.")
        if match is None:
            raise nothing
        request_id, place = RequestId(match[1]), int(match[2]) if match[2] else None
        try:
            found = await self._ledger.load(request_id)
        except KeyError:
            raise nothing from None
        if place is not None:
            only = tuple(command for command in found.commands if command.place == place)
            if not only:
                raise nothing
        else:
            only = found.commands
        if _wants_json(request):
            return JSONResponse(_facts_of(found, only))
        queue = await self._archive.queue()
        return self._html(
            "command.html",
            request,
            title=match[0],
            whole=f"/commands/{request_id}" if len(only) < len(found.commands) else None,
            details=_details(found, queue.now),
            commands=[_section(command, found, queue.now) for command in only],
        )


def _asked(request: Request) -> tuple[Filter, CommandId | None]:
    """The filter and the key in the query; NotAnswerable when they make no sense."""
    asked = {name: request.query_params.get(name, "").strip() for name in request.query_params}
    repo, reason, state = (asked.get(name, "") for name in ("repo", "reason", "state"))
    before = asked.get("before", "")
    if repo and not _REPO.fullmatch(repo):
        raise NotAnswerable(400, "A repository is written as owner/name.")
    if reason and not _REASON.fullmatch(reason):
        raise NotAnswerable(400, "A reason is a code such as not-a-writer.")
    states = {one.value: one for one in State}
    if state and state not in states:
        raise NotAnswerable(400, f"A state is one of: {', '.join(states)}.")
    if before and not _ID.fullmatch(before):
        raise NotAnswerable(400, "That is no id of a command.")
    return Filter(repo, reason, states.get(state)), CommandId(before) if before else None


def _url(request: Request, **changes: str | None) -> str:
    """This page with other values in its query; empty ones are left out."""
    query = {**request.query_params, **changes}
    kept = {name: value for name, value in query.items() if value}
    return request.url.path + (f"?{urlencode(kept)}" if kept else "")


# --- values for JSON -----------------------------------------------------------------------------


def _overview_facts(page: ListedPage, queue: Queue, limits: Mapping[int | None, RateLimit]) -> Json:
    return {
        "schema": replies.SCHEMA,
        "queue": {
            "undecided": queue.undecided,
            "due": queue.due,
            "oldest_waiting_seconds": round(queue.oldest_waiting, 1),
            "followed_runs": queue.followed_runs,
        },
        "rate_limits": [
            {
                "installation": installation,
                "limit": limit.limit,
                "remaining": limit.remaining,
                "resets_at": limit.reset_datetime.timestamp(),
            }
            for installation, limit in limits.items()
        ],
        "commands": [
            {
                "id": command.command_id,
                "request": command.request_id,
                "repo": command.repo,
                "number": command.number,
                "author": command.author,
                "line": command.line,
                "received_at": command.received_at,
                "decided_at": command.decided_at,
                "state": command.state.value,
                "reason": reasons.code(command.reason),
                "answer": command.answer,
                "runs": [
                    {"id": run.run.run_id, "sha": run.sha, "state": run.run.status}
                    for run in command.runs
                ],
            }
            for command in page.commands
        ],
        "next": page.next,
    }


def _facts_of(request: records.Request, only: Sequence[records.Command]) -> Json:
    """What the reply's hidden JSON says, of these commands."""
    ids = {command.command_id for command in only}
    facts = replies.facts(request)
    commands = [command for command in facts.get("commands", []) if command.get("id") in ids]
    return {**facts, "commands": commands}


# --- values for people ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for machines, for people, and how long ago."""

    iso: str
    text: str
    ago: str


def _moment(at: float, now: float) -> Moment:
    time = datetime.fromtimestamp(at, UTC)
    return Moment(
        iso=time.isoformat(timespec="seconds"),
        text=time.strftime("%Y-%m-%d %H:%M:%S UTC"),
        ago=f"{replies.duration(max(0.0, now - at))} ago",
    )


@dataclass(frozen=True, slots=True)
class Figure:
    """A number and what it counts."""

    name: str
    value: str


def _figures(queue: Queue) -> list[Figure]:
    waits = replies.duration(queue.oldest_waiting) if queue.oldest is not None else "–"
    return [
        Figure("undecided commands", str(queue.undecided)),
        Figure("oldest waiting", waits),
        Figure("steps due", str(queue.due)),
        Figure("runs followed", str(queue.followed_runs)),
    ]


@dataclass(frozen=True, slots=True)
class Limit:
    whose: str
    remaining: int
    limit: int
    resets: str


def _limit(installation: int | None, limit: RateLimit) -> Limit:
    return Limit(
        whose=f"installation {installation}" if installation else "the bot's own account",
        remaining=limit.remaining,
        limit=limit.limit,
        resets=limit.reset_datetime.strftime("%H:%M:%S UTC"),
    )


@dataclass(frozen=True, slots=True)
class RunShown:
    name: str
    link: str | None
    what: str
    commit: str
    state: str
    tone: str


def _run(run: ListedRun) -> RunShown:
    what = "YAML" if run.is_inline else run.workflow or "all workflows"
    return RunShown(
        name=run.run.run_id,
        link=_depot_page(run.run.org_id, run.run.run_id),
        what=f"{what} ({run.job})" if run.job else what,
        commit=run.sha[:7],
        state=run.run.status,
        tone=_tone(run.run.status),
    )


def _tone(state: str) -> str:
    return {"finished": "good", "failed": "bad", "cancelled": "still", "skipped": "still"}.get(
        state, "moving"
    )


def _depot_page(org_id: str, run_id: str) -> str | None:
    path = "/".join(quote(part, safe="") for part in (org_id, "workflows", run_id))
    return f"{replies.DEPOT_PAGES}/{path}" if org_id else None


def _web(url: str) -> str | None:
    """An address that a link may lead to."""
    return url if url.startswith(("https://", "http://")) else None


@dataclass(frozen=True, slots=True)
class Row:
    """One command in the list."""

    id: str
    link: str
    line: str
    pull: str
    pull_link: str | None
    author: str
    received: Moment
    reason: str
    state: str
    why: str
    runs: tuple[RunShown, ...]


def _row(command: ListedCommand, now: float) -> Row:
    return Row(
        id=command.command_id,
        link=f"/commands/{quote(command.command_id)}",
        line=f"/depot {command.line}".strip(),
        pull=f"{command.repo}#{command.number}",
        pull_link=_web(command.url),
        author=command.author,
        received=_moment(command.received_at, now),
        reason=reasons.code(command.reason),
        state=command.state.value,
        why=first_words(command.answer),
        runs=tuple(_run(run) for run in command.runs),
    )


@dataclass(frozen=True, slots=True)
class Details:
    """A request: what came in."""

    source: str
    pull: str
    link: str | None
    author: str
    written: Moment
    received: Moment
    reply: str
    trouble: str


_SOURCES = {
    "ic": "a comment",
    "rc": "a review comment",
    "rv": "a review",
    "ev": "something that happened",
}


def _details(request: records.Request, now: float) -> Details:
    comment = request.comment
    source = _SOURCES.get(comment.source.value, comment.source.value)
    if comment.happening is not None:
        source = f"{comment.happening.kind} {comment.happening.label}".strip()
    trouble = ""
    if request.failing_since is not None:
        since = _moment(request.failing_since, now)
        trouble = f"{request.failures} steps in a row have failed, the first {since.ago}"
    return Details(
        source=source,
        pull=f"{comment.repo}#{comment.number}",
        link=_web(comment.url),
        author=comment.author.login,
        written=_moment(comment.written_at, now),
        received=_moment(request.received_at, now),
        reply=_reply_state(request.reply, now),
        trouble=trouble,
    )


def _reply_state(reply: records.Reply, now: float) -> str:
    if reply.comment_id is None:
        return "may have been posted; looked for first" if reply.tried else "none"
    if reply.written_at is None:
        return f"comment {reply.comment_id}"
    return f"comment {reply.comment_id}, last written {_moment(reply.written_at, now).ago}"


@dataclass(frozen=True, slots=True)
class Start:
    """A call of Run, or one about to be made."""

    noted: Moment
    commit: str
    outcome: str


@dataclass(frozen=True, slots=True)
class Section:
    """One command in full."""

    id: str
    line: str
    blocks: tuple[str, ...]
    reason: str
    answer: Markup
    troubled: Moment | None
    runs: tuple[Markup, ...]
    starts: tuple[Start, ...]


def _section(command: records.Command, request: records.Request, now: float) -> Section:
    mine = command.command_id
    since = command.troubled_since
    return Section(
        id=mine,
        line=f"/depot {command.line.text}".strip(),
        blocks=command.line.blocks,
        reason=reasons.code(command.reason),
        answer=to_html(command.answer, folds=True),
        troubled=_moment(since, now) if since is not None and not command.decided else None,
        runs=tuple(
            to_html(replies.run_state(run), folds=True)
            for run in request.runs
            if run.command_id == mine
        ),
        starts=tuple(
            Start(_moment(intent.noted_at, now), intent.start.sha[:7], intent.outcome)
            for intent in request.intents
            if intent.command_id == mine
        ),
    )
