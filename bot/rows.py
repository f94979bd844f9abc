"""What the ledger keeps, as rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from bot.reasons import Reason
from bot.records import Command, Deed, FollowedRun, Intent, Reply, Request, Start
from bot.types import (
    Actor,
    CommandId,
    CommandLine,
    Comment,
    Happening,
    RepoName,
    RequestId,
    Run,
    RunId,
    Sha,
    Source,
)
from bot.webhooks import Delivery, HeadSet

if TYPE_CHECKING:
    from sqlalchemy import Row

Values = dict[str, Any]
"""A row to be written: values by column."""


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def delivery_row(delivery: Delivery) -> Values:
    return {"hook": delivery.hook, "guid": delivery.guid, "event": delivery.event}


def head_row(head: HeadSet) -> Values:
    return {
        "repo": head.repo,
        "number": head.number,
        "sha": head.sha,
        "since": head.since,
        "in_fork": head.in_fork,
    }


def request_row(comment: Comment) -> Values:
    return {
        "id": comment.request_id,
        "source": comment.source.value,
        "repo": comment.repo,
        "number": comment.number,
        "comment_id": comment.comment_id,
        "author": comment.author.login,
        "author_is_bot": comment.author.is_bot,
        "written_at": comment.written_at,
        "url": comment.url,
        "installation": comment.installation,
        "reviewed": comment.reviewed,
        "happening": _json(comment.happening) if comment.happening else None,
    }


def command_rows(request_id: RequestId, lines: Sequence[CommandLine]) -> list[Values]:
    return [
        {
            "id": f"{request_id}.{place}",
            "request_id": request_id,
            "place": place,
            "line": line.text,
            "blocks": _json(line.blocks),
        }
        for place, line in enumerate(lines, start=1)
    ]


def deed_row(deed: Deed) -> Values:
    return {
        "command_id": deed.command_id,
        "run_id": deed.run_id,
        "attempts": _json(deed.attempts),
    }


def intent_row(intent: Intent) -> Values:
    return {
        "command_id": intent.command_id,
        "repo": intent.start.repo,
        "sha": intent.start.sha,
        "workflow": intent.start.workflow,
        "start": _json(intent.start),
        "before": _json(intent.before),
        "noted_at": intent.noted_at,
        "looks": intent.looks,
        "outcome": intent.outcome,
    }


def run_row(followed: FollowedRun) -> Values:
    return {
        "command_id": followed.command_id,
        "run_id": followed.run.run_id,
        "repo": followed.repo,
        "sha": followed.sha,
        "workflow": followed.workflow,
        "job": followed.job,
        "is_inline": followed.is_inline,
        "in_fork": followed.in_fork,
        "note": followed.note,
        "failure": followed.failure,
        "state": _json(followed.run),
        "followed_since": followed.followed_since,
        "looks": followed.looks,
        "next_look_at": followed.next_look_at,
    }


def request(
    row: Row[Any],
    commands: Iterable[Row[Any]],
    intents: Iterable[Row[Any]],
    deeds: Iterable[Row[Any]],
    runs: Iterable[Row[Any]],
) -> Request:
    """A request with all that hangs on it."""
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
        installation=row.installation,
        reviewed=Sha(row.reviewed) if row.reviewed else None,
        happening=(msgspec.json.decode(row.happening, type=Happening) if row.happening else None),
    )
    return Request(
        comment=comment,
        received_at=row.received_at,
        acknowledged=row.acknowledged,
        reply=Reply(row.reply_id, row.reply_tried, row.reply_text, row.replied_at),
        failures=row.failures,
        failing_since=row.failing_since,
        commands=its_commands,
        intents=tuple(_intent(one) for one in intents),
        deeds=tuple(_deed(one) for one in deeds),
        runs=tuple(run(one) for one in runs),
    )


def _command(row: Row[Any]) -> Command:
    return Command(
        command_id=CommandId(row.id),
        place=row.place,
        line=CommandLine(row.line, msgspec.json.decode(row.blocks, type=tuple[str, ...])),
        decided=row.decided,
        reason=Reason.from_code(row.reason) if row.decided else None,
        answer=row.answer,
        troubled_since=row.troubled_since,
    )


def _intent(row: Row[Any]) -> Intent:
    return Intent(
        intent_id=row.id,
        command_id=CommandId(row.command_id),
        start=msgspec.json.decode(row.start, type=Start),
        before=msgspec.json.decode(row.before, type=tuple[RunId, ...]),
        noted_at=row.noted_at,
        looks=row.looks,
        outcome=row.outcome,
    )


def _deed(row: Row[Any]) -> Deed:
    return Deed(
        command_id=CommandId(row.command_id),
        run_id=RunId(row.run_id),
        attempts=msgspec.json.decode(row.attempts, type=dict[str, int]),
    )


def run(row: Row[Any]) -> FollowedRun:
    return FollowedRun(
        command_id=CommandId(row.command_id),
        run=msgspec.json.decode(row.state, type=Run),
        repo=RepoName(row.repo),
        sha=Sha(row.sha),
        workflow=row.workflow,
        job=row.job,
        followed_since=row.followed_since,
        is_inline=row.is_inline,
        in_fork=row.in_fork,
        note=row.note,
        failure=row.failure,
        looks=row.looks,
        next_look_at=row.next_look_at,
    )
