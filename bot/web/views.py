"""What the status pages show, as values made from what the ledger holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from markupsafe import Markup

from bot.core import models, reasons
from bot.core.failures import FLAKY_DAYS, FlakyJob
from bot.core.rate_limit import Quota
from bot.core.types import Json
from bot.messages import phrases
from bot.messages import reply as reply_message
from bot.messages import runs as run_messages
from bot.messages.html import first_words, to_html
from bot.storage.status_queries import CommandRow, QueueStatus, RunRow, SetAside
from bot.storage.status_queries import Page as ListedPage


def overview_facts(
    page: ListedPage,
    queue: QueueStatus,
    limits: Mapping[int | None, Quota],
    set_aside: Sequence[SetAside],
) -> Json:
    return {
        "schema": reply_message.SCHEMA,
        "queue": {
            "undecided": queue.undecided,
            "due": queue.due,
            "oldest_waiting_seconds": round(queue.oldest_waiting, 1),
            "followed_runs": queue.followed_runs,
            "waiting_writes": queue.waiting_writes,
            "set_aside": queue.set_aside,
        },
        "set_aside": [
            {
                "request": one.work_item_id,
                "repo": one.repo,
                "number": one.number,
                "since": one.since,
            }
            for one in set_aside
        ],
        "rate_limits": [
            {
                "installation": installation,
                "limit": limit.limit,
                "remaining": limit.remaining,
                "resets_at": limit.resets_at,
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


def facts_of(request: models.WorkItem, only: Sequence[models.Command]) -> Json:
    """What the reply's hidden JSON says, of these commands."""
    ids = {command.command_id for command in only}
    facts = reply_message.facts(request)
    commands = [command for command in facts.get("commands", []) if command.get("id") in ids]
    return {**facts, "commands": commands}


def flaky_facts(found: Sequence[FlakyJob]) -> Json:
    return {
        "schema": reply_message.SCHEMA,
        "days": FLAKY_DAYS,
        "jobs": [
            {
                "repo": one.repo,
                "workflow": one.workflow,
                "job": one.job,
                "times": one.times,
                "last_at": one.last_at,
                "runs": [
                    {"id": run_id, "url": depot_page(org, run_id)} for run_id, org in one.runs
                ],
            }
            for one in found
        ],
    }


@dataclass(frozen=True, slots=True)
class Moment:
    """A time: for machines, for people, and how long ago."""

    iso: str
    text: str
    ago: str


def moment(at: float, now: float) -> Moment:
    time = datetime.fromtimestamp(at, UTC)
    return Moment(
        iso=time.isoformat(timespec="seconds"),
        text=time.strftime("%Y-%m-%d %H:%M:%S UTC"),
        ago=f"{phrases.duration(max(0.0, now - at))} ago",
    )


@dataclass(frozen=True, slots=True)
class QueueCount:
    """A number and what it counts."""

    name: str
    value: str


def queue_counts(queue: QueueStatus) -> list[QueueCount]:
    waits = phrases.duration(queue.oldest_waiting) if queue.oldest is not None else "–"
    return [
        QueueCount("undecided commands", str(queue.undecided)),
        QueueCount("oldest waiting", waits),
        QueueCount("steps due", str(queue.due)),
        QueueCount("runs followed", str(queue.followed_runs)),
        QueueCount("writes waiting", str(queue.waiting_writes)),
        *([QueueCount("set aside", str(queue.set_aside))] if queue.set_aside else []),
    ]


@dataclass(frozen=True, slots=True)
class FlakyShown:
    """A job that failed and then passed on the same commit."""

    repo: str
    workflow: str
    job: str
    times: int
    last: Moment
    runs: tuple[tuple[str, str | None], ...]
    """Id and page of the newest."""


def flaky_shown(one: FlakyJob, now: float) -> FlakyShown:
    return FlakyShown(
        repo=one.repo,
        workflow=one.workflow,
        job=one.job,
        times=one.times,
        last=moment(one.last_at, now),
        runs=tuple((run_id, depot_page(org_id, run_id)) for run_id, org_id in one.runs),
    )


@dataclass(frozen=True, slots=True)
class SetAsideShown:
    """What is left alone after failing for too long."""

    id: str
    link: str
    pull: str
    since: Moment


def set_aside_shown(one: SetAside, now: float) -> SetAsideShown:
    return SetAsideShown(
        id=one.work_item_id,
        link=f"/commands/{quote(one.work_item_id)}",
        pull=f"{one.repo}#{one.number}",
        since=moment(one.since, now),
    )


@dataclass(frozen=True, slots=True)
class Limit:
    whose: str
    remaining: int
    limit: int
    resets: str


def rate_limit(installation: int | None, limit: Quota) -> Limit:
    return Limit(
        whose=f"installation {installation}" if installation else "the bot's own account",
        remaining=limit.remaining,
        limit=limit.limit,
        resets=datetime.fromtimestamp(limit.resets_at, UTC).strftime("%H:%M:%S UTC"),
    )


@dataclass(frozen=True, slots=True)
class RunShown:
    name: str
    link: str | None
    what: str
    commit: str
    state: str
    tone: str


def run_shown(run: RunRow) -> RunShown:
    what = "YAML" if run.is_inline else run.workflow or "all workflows"
    return RunShown(
        name=run.run.run_id,
        link=depot_page(run.run.org_id, run.run.run_id),
        what=f"{what} ({run.job})" if run.job else what,
        commit=run.sha[:7],
        state=run.run.status,
        tone=_tone(run.run.status),
    )


def _tone(state: str) -> str:
    return {"finished": "good", "failed": "bad", "cancelled": "still", "skipped": "still"}.get(
        state, "moving"
    )


def depot_page(org_id: str, run_id: str) -> str | None:
    path = "/".join(quote(part, safe="") for part in (org_id, "workflows", run_id))
    return f"{phrases.DEPOT_PAGES}/{path}" if org_id else None


def web_address(url: str) -> str | None:
    """An address that a link may lead to."""
    return url if url.startswith(("https://", "http://")) else None


@dataclass(frozen=True, slots=True)
class CommandView:
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


def command_row(command: CommandRow, now: float) -> CommandView:
    return CommandView(
        id=command.command_id,
        link=f"/commands/{quote(command.command_id)}",
        line=f"/depot {command.line}".strip(),
        pull=f"{command.repo}#{command.number}",
        pull_link=web_address(command.url),
        author=command.author,
        received=moment(command.received_at, now),
        reason=reasons.code(command.reason),
        state=command.state.value,
        why=first_words(command.answer),
        runs=tuple(run_shown(run) for run in command.runs),
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


def details(request: models.WorkItem, now: float) -> Details:
    comment = request.comment
    source = _SOURCES.get(comment.source.value, comment.source.value)
    if comment.event is not None:
        source = f"{comment.event.kind} {comment.event.label}".strip()
    trouble = ""
    if request.set_aside_at is not None:
        since = moment(request.set_aside_at, now)
        again = f"depot-bot requeue {request.work_item_id}"
        trouble = f"It failed for too long and was set aside {since.ago}; {again} puts it back"
    elif request.failing_since is not None:
        since = moment(request.failing_since, now)
        trouble = f"{request.failures} steps in a row have failed, the first {since.ago}"
    return Details(
        source=source,
        pull=f"{comment.repo}#{comment.number}",
        link=web_address(comment.url),
        author=comment.author.login,
        written=moment(comment.written_at, now),
        received=moment(request.received_at, now),
        reply=reply_state(request.reply, now),
        trouble=trouble,
    )


def reply_state(reply: models.Reply, now: float) -> str:
    if reply.comment_id is None:
        return "may have been posted; looked for first" if reply.attempted else "none"
    if reply.written_at is None:
        return f"comment {reply.comment_id}"
    return f"comment {reply.comment_id}, last written {moment(reply.written_at, now).ago}"


@dataclass(frozen=True, slots=True)
class StartView:
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
    starts: tuple[StartView, ...]


def section(command: models.Command, request: models.WorkItem, now: float) -> Section:
    mine = command.command_id
    since = command.troubled_since
    return Section(
        id=mine,
        line=f"/depot {command.line.text}".strip(),
        blocks=command.line.blocks,
        reason=reasons.code(command.reason),
        answer=to_html(command.answer, folds=True),
        troubled=moment(since, now) if since is not None and not command.decided else None,
        runs=tuple(
            to_html(run_messages.run_state(run), folds=True)
            for run in request.runs
            if run.command_id == mine
        ),
        starts=tuple(
            StartView(moment(attempt.created_at, now), attempt.start.sha[:7], attempt.outcome)
            for attempt in request.start_attempts
            if attempt.command_id == mine
        ),
    )
