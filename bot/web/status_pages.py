"""Status pages: what came in, what was decided and why, how it stands; as HTML and as JSON.

They only look. All values are made ready here; the templates have no logic, and escape all they
show. No script is needed, and none would run.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from bot import __version__
from bot.core.failures import FLAKY_DAYS, FlakyJob
from bot.core.models import WorkItem
from bot.core.rate_limit import Quota
from bot.core.types import WorkItemId
from bot.ops.diagnostics import Finding
from bot.storage.database import LedgerUnavailable
from bot.storage.status_queries import Filter, State, StatusQueries
from bot.web.auth import Access
from bot.web.pages import Endpoint, NotAnswerable, guarded, static, templates, wants_json
from bot.web.views import (
    command_row,
    details,
    facts_of,
    flaky_facts,
    flaky_shown,
    overview_facts,
    queue_counts,
    rate_limit,
    section,
    set_aside_shown,
)

PAGE_LENGTH = 50
"""Commands on one page."""

REFRESH_SECONDS = 10
"""How often a page loads itself anew, when asked to."""

# The shapes of what can be asked for; anything else is not looked up.
_ID = re.compile(r"([a-z]{2}-[0-9A-Za-z-]{1,80})(?:\.([0-9]{1,3}))?")
_REPO = re.compile(r"[\w.-]{1,100}/[\w.-]{1,100}", re.ASCII)
_REASON = re.compile(r"[a-z0-9_-]{1,60}")
RateLimits = Callable[[], Mapping[int | None, Quota]]
"""What is left of GitHub's hourly requests, by installation."""

Load = Callable[[WorkItemId], Awaitable[WorkItem]]
"""Reads a work item; raises KeyError when there is none."""

Check = Callable[[], Awaitable[Sequence[Finding]]]
"""Looks at everything that the bot needs."""

Flaky = Callable[[str], Awaitable[Sequence[FlakyJob]]]
"""The jobs of a repository, or of all, that failed and passed on the same commit."""

log = structlog.get_logger()


class Pages:
    """The pages over what they show. *base* is the path of the bot's address, which links begin
    with."""

    def __init__(
        self,
        archive: StatusQueries,
        load: Load,
        rate_limits: RateLimits,
        check: Check,
        access: Access,
        flaky: Flaky,
        base: str = "",
    ) -> None:
        self._base = base
        self._archive = archive
        self._load = load
        self._rate_limits = rate_limits
        self._check = check
        self._access = access
        self._find_flaky = flaky

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/", self._guarded(self._overview)),
            Route("/commands/{id}", self._guarded(self._one)),
            Route("/flaky", self._guarded(self._flaky)),
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
                log.error("ledger_unavailable", error=str(error))
                return self._message(request, 503, "The ledger cannot be read now.")
            response.headers["vary"] = "accept"
            return response

        return guarded(answer, self._access)

    def _message(self, request: Request, status: int, text: str) -> Response:
        if wants_json(request):
            return JSONResponse({"error": text}, status)
        return self._html("message.html", request, status, title=text)

    def _html(self, name: str, request: Request, status: int = 200, **values: Any) -> Response:
        does_refresh = "refresh" in request.query_params
        template = templates().get_template(name)
        html = template.render(
            version=__version__,
            base=self._base,
            refresh=REFRESH_SECONDS if does_refresh else None,
            here=self._url(request, refresh=None),
            refreshing=self._url(request, refresh=str(REFRESH_SECONDS)),
            **values,
        )
        return Response(html, status, media_type="text/html")

    def _url(self, request: Request, **changes: str | None) -> str:
        """This page with other values in its query; empty ones are left out."""
        query = {**request.query_params, **changes}
        kept = {name: value for name, value in query.items() if value}
        return self._base + request.url.path + (f"?{urlencode(kept)}" if kept else "")

    async def _is_all_well(self, request: Request) -> Response:
        findings = await self._check()
        if wants_json(request):
            return JSONResponse({"findings": [asdict(finding) for finding in findings]})
        wrong = sum(not finding.is_well for finding in findings)
        return self._html(
            "check.html",
            request,
            title="Is all well?",
            is_well=not wrong,
            summary=f"Not well: {wrong} of {len(findings)}." if wrong else "All is well.",
            findings=findings,
        )

    async def _flaky(self, request: Request) -> Response:
        repo = request.query_params.get("repo", "").strip()
        _check_repo(repo)
        found = await self._find_flaky(repo)
        if wants_json(request):
            return JSONResponse(flaky_facts(found))
        now = (await self._archive.queue()).now
        return self._html(
            "flaky.html",
            request,
            title="Flaky jobs",
            days=FLAKY_DAYS,
            repo=repo,
            jobs=[flaky_shown(one, now) for one in found],
        )

    async def _overview(self, request: Request) -> Response:
        which, before = _asked(request)
        try:
            page = await self._archive.page(which, PAGE_LENGTH, before)
        except KeyError:
            raise NotAnswerable(404, "There is no such command to go on from.") from None
        queue = await self._archive.queue()
        limits = self._rate_limits()
        set_aside = await self._archive.set_aside() if queue.set_aside else []
        if wants_json(request):
            return JSONResponse(overview_facts(page, queue, limits, set_aside))
        return self._html(
            "overview.html",
            request,
            title="depot-bot",
            counts=queue_counts(queue),
            set_aside=[set_aside_shown(one, queue.now) for one in set_aside],
            limits=[rate_limit(installation, limit) for installation, limit in limits.items()],
            commands=[command_row(command, queue.now) for command in page.commands],
            which=which,
            states=[(state.value, state is which.state) for state in State],
            is_filtered=which != Filter(),
            newest=self._url(request, before=None) if before else None,
            older=self._url(request, before=page.next) if page.next else None,
        )

    async def _one(self, request: Request) -> Response:
        match = _ID.fullmatch(request.path_params.get("id", ""))
        nothing = NotAnswerable(404, "There is no such command.")
        if match is None:
            raise nothing
        request_id, place = WorkItemId(match[1]), int(match[2]) if match[2] else None
        try:
            found = await self._load(request_id)
        except KeyError:
            raise nothing from None
        except Exception as error:
            log.exception("work_item_unreadable", work_item=request_id)
            text = "What is stored of this cannot be read; the log says why."
            raise NotAnswerable(500, text) from error
        if place is not None:
            only = tuple(command for command in found.commands if command.place == place)
            if not only:
                raise nothing
        else:
            only = found.commands
        if wants_json(request):
            return JSONResponse(facts_of(found, only))
        queue = await self._archive.queue()
        return self._html(
            "command.html",
            request,
            title=match[0],
            whole=f"{self._base}/commands/{request_id}"
            if len(only) < len(found.commands)
            else None,
            details=details(found, queue.now),
            commands=[section(command, found, queue.now) for command in only],
        )


def _asked(request: Request) -> tuple[Filter, str | None]:
    """The filter and the key in the query; NotAnswerable when they make no sense."""
    asked = {name: request.query_params.get(name, "").strip() for name in request.query_params}
    repo, reason, state = (asked.get(name, "") for name in ("repo", "reason", "state"))
    before = asked.get("before", "")
    _check_repo(repo)
    if reason and not _REASON.fullmatch(reason):
        raise NotAnswerable(400, "A reason is a code such as not-a-writer.")
    states = {one.value: one for one in State}
    if state and state not in states:
        raise NotAnswerable(400, f"A state is one of: {', '.join(states)}.")
    if before and not _ID.fullmatch(before):
        raise NotAnswerable(400, "That is no id of a command.")
    return Filter(repo, reason, states.get(state)), before or None


def _check_repo(repo: str) -> None:
    if repo and not _REPO.fullmatch(repo):
        raise NotAnswerable(400, "A repository is written as owner/name.")
