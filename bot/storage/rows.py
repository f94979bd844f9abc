"""What the ledger keeps, as rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.models import (
    Command,
    PendingChange,
    Reply,
    StartAttempt,
    StartRequest,
    TrackedRun,
    WorkItem,
)
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId

Values = dict[str, Any]
"""A row to be written: values by column."""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def delivery_row(delivery: Delivery) -> Values:
    return {"hook": delivery.hook, "guid": delivery.guid, "event": delivery.event}


def head_row(head: HeadChanged) -> Values:
    return {
        "repo": head.repo,
        "number": head.number,
        "sha": head.sha,
        "since": head.since,
        "in_fork": head.in_fork,
    }


def work_item_row(comment: Comment) -> Values:
    return {
        "id": comment.work_item_id,
        "source": comment.source.value,
        "repo": comment.repo,
        "number": comment.number,
        "comment_id": comment.comment_id,
        "author": comment.author.login,
        "author_is_bot": comment.author.is_bot,
        "written_at": comment.written_at,
        "url": comment.url,
        "installation_id": comment.installation,
        "reviewed_sha": comment.reviewed,
        "event": _json(comment.event) if comment.event else None,
    }


def command_rows(work_item_id: WorkItemId, lines: Sequence[CommandLine]) -> list[Values]:
    return [
        {
            "id": f"{work_item_id}.{place}",
            "work_item_id": work_item_id,
            "position": place,
            "line": line.text,
            "blocks": _json(line.blocks),
        }
        for place, line in enumerate(lines, start=1)
    ]


def pending_change_row(change: PendingChange) -> Values:
    return {
        "command_id": change.command_id,
        "run_id": change.run_id,
        "attempts_before": _json(change.attempts),
    }


def start_attempt_row(attempt: StartAttempt) -> Values:
    return {
        "command_id": attempt.command_id,
        "repo": attempt.start.repo,
        "sha": attempt.start.sha,
        "workflow": attempt.start.workflow,
        "request": _json(attempt.start),
        "run_ids_before": _json(attempt.runs_before),
        "created_at": attempt.created_at,
        "polls": attempt.searches,
        "outcome": attempt.outcome,
    }


def tracked_run_row(run: TrackedRun) -> Values:
    return {
        "command_id": run.command_id,
        "run_id": run.run.run_id,
        "repo": run.repo,
        "sha": run.sha,
        "workflow": run.workflow,
        "job": run.job,
        "is_inline": run.is_inline,
        "in_fork": run.in_fork,
        "note": run.note,
        "failure": run.failure,
        "state": _json(run.run),
        "tracked_since": run.tracked_since,
        "polls": run.polls,
        "next_poll_at": run.next_poll_at,
    }


def work_item(
    row: Row[Any],
    commands: Iterable[Row[Any]],
    start_attempts: Iterable[Row[Any]],
    pending_changes: Iterable[Row[Any]],
    tracked_runs: Iterable[Row[Any]],
) -> WorkItem:
    """A work item with all that hangs on it."""
    its_commands = tuple(_command(one) for one in commands)
    comment = Comment(
        source=Source(row.source),
        repo=RepoName(row.repo),
        number=row.number,
        comment_id=row.comment_id,
        author=Actor(row.author, row.author_is_bot),
        written_at=row.written_at,
        url=row.url,
        lines=tuple(command.line for command in its_commands),
        installation=row.installation_id,
        reviewed=Sha(row.reviewed_sha) if row.reviewed_sha else None,
        event=(msgspec.json.decode(row.event, type=PullRequestEvent) if row.event else None),
    )
    return WorkItem(
        comment=comment,
        received_at=row.received_at,
        acknowledged=row.acknowledged,
        reply=Reply(row.reply_id, row.reply_attempted, row.reply_text, row.replied_at),
        failures=row.failures,
        failing_since=row.failing_since,
        commands=its_commands,
        start_attempts=tuple(_start_attempt(one) for one in start_attempts),
        pending_changes=tuple(_pending_change(one) for one in pending_changes),
        runs=tuple(tracked_run(one) for one in tracked_runs),
    )


def _command(row: Row[Any]) -> Command:
    return Command(
        command_id=CommandId(row.id),
        place=row.position,
        line=CommandLine(row.line, msgspec.json.decode(row.blocks, type=tuple[str, ...])),
        decided=row.decided,
        reason=Reason.from_code(row.reason) if row.decided else None,
        answer=row.answer,
        troubled_since=row.blocked_since,
    )


def _start_attempt(row: Row[Any]) -> StartAttempt:
    return StartAttempt(
        attempt_id=row.id,
        command_id=CommandId(row.command_id),
        start=msgspec.json.decode(row.request, type=StartRequest),
        runs_before=msgspec.json.decode(row.run_ids_before, type=tuple[RunId, ...]),
        created_at=row.created_at,
        searches=row.polls,
        outcome=row.outcome,
    )


def _pending_change(row: Row[Any]) -> PendingChange:
    return PendingChange(
        command_id=CommandId(row.command_id),
        run_id=RunId(row.run_id),
        attempts=msgspec.json.decode(row.attempts_before, type=dict[str, int]),
    )


def tracked_run(row: Row[Any]) -> TrackedRun:
    return TrackedRun(
        command_id=CommandId(row.command_id),
        run=msgspec.json.decode(row.state, type=Run),
        repo=RepoName(row.repo),
        sha=Sha(row.sha),
        workflow=row.workflow,
        job=row.job,
        tracked_since=row.tracked_since,
        is_inline=row.is_inline,
        in_fork=row.in_fork,
        note=row.note,
        failure=row.failure,
        polls=row.polls,
        next_poll_at=row.next_poll_at,
    )
