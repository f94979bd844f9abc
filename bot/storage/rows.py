"""What the ledger keeps, as rows and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from sqlalchemy import Row

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.failures import Evidence, JobFailure
from bot.core.models import (
    Absence,
    Command,
    PendingChange,
    Progress,
    Reply,
    Series,
    StartAttempt,
    StartRequest,
    TrackedRun,
    WorkItem,
)
from bot.core.reasons import Reason
from bot.core.runs import PastAttempt, Run
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId

Values = dict[str, Any]
"""A row to be written: values by column."""


# Made here and not where they are first used: two threads that do so at the same time end the
# process (msgspec 0.22, see `bot.rules.repository_config`).
decode_run = msgspec.json.Decoder(Run).decode
_decode_event = msgspec.json.Decoder(PullRequestEvent).decode
_decode_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_decode_run_ids = msgspec.json.Decoder(tuple[RunId, ...]).decode
_decode_request = msgspec.json.Decoder(StartRequest).decode
_decode_attempt_numbers = msgspec.json.Decoder(dict[str, int]).decode
_decode_attempts = msgspec.json.Decoder(tuple[PastAttempt, ...]).decode


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
        "repo_id": head.event.repo_id,
    }


def work_item_row(work_item_id: WorkItemId, comment: Comment) -> Values:
    return {
        "id": work_item_id,
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
        "text": comment.text or None,
        "is_public": comment.is_public,
        "repo_id": comment.repo_id,
        # What is not known yet may start or change runs.
        "is_ordered": not comment.lines or is_ordered(comment.lines),
    }


def is_ordered(lines: Sequence[CommandLine]) -> bool:
    """Whether these commands are decided in the order of their comments."""
    return any(line.may_change_runs for line in lines)


def command_rows(work_item_id: WorkItemId, lines: Sequence[CommandLine]) -> list[Values]:
    return [
        {
            "id": f"{work_item_id}.{place}",
            "work_item_id": work_item_id,
            "position": place,
            "line": line.text,
            "blocks": _json(line.blocks),
            "is_beside_yaml": line.is_beside_yaml,
            "is_near_miss": line.is_near_miss,
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
    """All but the name of its repository, which may have been renamed since it was loaded."""
    return {
        "command_id": attempt.command_id,
        "sha": attempt.start.sha,
        "workflow": attempt.start.workflow,
        "request": _json(attempt.start),
        "run_ids_before": _json(attempt.runs_before),
        "created_at": attempt.created_at,
        "polls": attempt.searches,
        "outcome": attempt.outcome,
    }


def run_state(run: Run) -> str:
    return _json(run)


def tracked_run_row(run: TrackedRun) -> Values:
    """All but the name of its repository, which may have been renamed since it was loaded."""
    return {
        "command_id": run.command_id,
        "run_id": run.run.run_id,
        "sha": run.sha,
        "workflow": run.workflow,
        "job": run.job,
        "is_inline": run.is_inline,
        "in_fork": run.in_fork,
        "note": run.note,
        "failure": run.failure,
        "state": run_state(run.run),
        "tracked_since": run.tracked_since,
        "polls": run.polls,
        "misses": run.misses,
        "next_poll_at": run.next_poll_at,
        "attempts": _json(run.attempts),
        "asked_by": run.asked_by,
        "resumed_by": run.resumed_by,
        "resumed_at": run.resumed_at,
        "read_at": run.read_at,
        "reply_url": run.reply_url,
        "awaited_end": run.awaited_end,
        "evidence": _json(run.evidence),
        "number": run.number,
        "signature": run.signature,
    }


def job_failure_row(failure: JobFailure) -> Values:
    """All but when it was seen."""
    return {
        "run_id": failure.run_id,
        "job_id": failure.job_id,
        "attempt": failure.attempt,
        "repo": failure.repo,
        "repo_id": failure.repo_id,
        "number": failure.number,
        "author": failure.author,
        "sha": failure.sha,
        "org_id": failure.org_id,
        "workflow": failure.workflow,
        "job": failure.job,
        "job_key": failure.job_key,
        "fingerprint": failure.fingerprint,
        "signature": failure.signature,
        "passed_attempt": failure.passed_attempt,
    }


def job_failure(row: Row[Any]) -> JobFailure:
    return JobFailure(
        run_id=RunId(row.run_id),
        job_id=row.job_id,
        attempt=row.attempt,
        repo=RepoName(row.repo),
        sha=Sha(row.sha),
        workflow=row.workflow,
        job=row.job,
        job_key=row.job_key,
        number=row.number,
        author=row.author,
        org_id=row.org_id,
        fingerprint=row.fingerprint,
        signature=row.signature,
        passed_attempt=row.passed_attempt,
        repo_id=row.repo_id,
        seen_at=row.seen_at,
    )


def progress_values(progress: Progress) -> Values:
    """The columns of a work item that a step has changed."""
    values: Values = {}
    if progress.acknowledged:
        values["acknowledged"] = True
    if progress.author_may_write:
        values["author_may_write"] = True
    if progress.end_announced:
        values["end_announced"] = True
    if progress.reply is not None:
        values["reply_id"] = progress.reply.comment_id
        values["reply_text"] = progress.reply.text
        values["replied_at"] = progress.reply.written_at
        values["reply_attempted"] = progress.reply.attempted
        values["reply_refusals"] = progress.reply.refusals
        values["reply_refused_since"] = progress.reply.refused_since
        values["reply_retry_at"] = progress.reply.retry_at
        values["reply_missing"] = progress.reply.missing
        values["reply_twins_at"] = progress.reply.twins_at
    return values


def work_item(found: Sequence[Row[Any]], tracked_runs: Iterable[Row[Any]]) -> WorkItem:
    """A work item with all that hangs on it.

    *found* are its rows joined with those of its commands, and with the changes and start attempts
    of these: at least one row, and columns called after their tables.
    """
    row = found[0]
    commands = {one.commands_id: _command(one) for one in found if one.commands_id is not None}
    changes = {
        (one.commands_id, one.pending_changes_run_id): _pending_change(one)
        for one in found
        if one.pending_changes_run_id is not None
    }
    attempts = {
        one.start_attempts_id: _start_attempt(one)
        for one in found
        if one.start_attempts_id is not None
    }
    event = row.work_items_event
    comment = Comment(
        source=Source(row.work_items_source),
        repo=RepoName(row.work_items_repo),
        number=row.work_items_number,
        comment_id=row.work_items_comment_id,
        author=Actor(row.work_items_author, row.work_items_author_is_bot),
        written_at=row.work_items_written_at,
        url=row.work_items_url,
        lines=tuple(command.line for command in commands.values()),
        installation=row.work_items_installation_id,
        reviewed=Sha(row.work_items_reviewed_sha) if row.work_items_reviewed_sha else None,
        event=_decode_event(event) if event else None,
        text=row.work_items_text or "",
        is_public=row.work_items_is_public,
        repo_id=row.work_items_repo_id,
    )
    return WorkItem(
        comment=comment,
        received_at=row.work_items_received_at,
        acknowledged=row.work_items_acknowledged,
        reply=Reply(
            row.work_items_reply_id,
            row.work_items_reply_attempted,
            row.work_items_reply_text,
            row.work_items_replied_at,
            row.work_items_reply_refusals,
            row.work_items_reply_refused_since,
            row.work_items_reply_retry_at,
            row.work_items_reply_missing,
            row.work_items_reply_attempted_at,
            row.work_items_reply_twins_at,
        ),
        failures=row.work_items_failures,
        failing_since=row.work_items_failing_since,
        commands=tuple(commands.values()),
        start_attempts=tuple(attempts.values()),
        pending_changes=tuple(changes.values()),
        runs=tuple(tracked_run(one) for one in tracked_runs),
        author_may_write=row.work_items_author_may_write,
        set_aside_at=row.work_items_set_aside_at,
        end_announced=row.work_items_end_announced,
        mention_attempted_at=row.work_items_mention_attempted_at,
        newest_head=Sha(row.newest_head) if row.newest_head else None,
    )


def _command(row: Row[Any]) -> Command:
    blocks = _decode_texts(row.commands_blocks)
    return Command(
        command_id=CommandId(row.commands_id),
        place=row.commands_position,
        line=CommandLine(
            row.commands_line,
            blocks,
            is_beside_yaml=row.commands_is_beside_yaml,
            is_near_miss=row.commands_is_near_miss,
        ),
        decided=row.commands_decided,
        reason=Reason.from_code(row.commands_reason) if row.commands_decided else None,
        answer=row.commands_answer,
        troubled_since=row.commands_troubled_since,
        absence=Absence(row.commands_absent_what, row.commands_absent_since)
        if row.commands_absent_what is not None
        else None,
        series=_series(row),
    )


def _series(row: Row[Any]) -> Series | None:
    if row.commands_times is None:
        return None
    stopped = row.commands_stopped
    return Series(row.commands_times, Reason.from_code(stopped) if stopped is not None else None)


def _start_attempt(row: Row[Any]) -> StartAttempt:
    before = _decode_run_ids(row.start_attempts_run_ids_before)
    return StartAttempt(
        attempt_id=row.start_attempts_id,
        command_id=CommandId(row.commands_id),
        start=_decode_request(row.start_attempts_request),
        runs_before=before,
        created_at=row.start_attempts_created_at,
        searches=row.start_attempts_polls,
        outcome=row.start_attempts_outcome,
        repo=RepoName(row.start_attempts_repo),
    )


def _pending_change(row: Row[Any]) -> PendingChange:
    attempts = _decode_attempt_numbers(row.pending_changes_attempts_before)
    return PendingChange(
        command_id=CommandId(row.commands_id),
        run_id=RunId(row.pending_changes_run_id),
        attempts=attempts,
    )


def tracked_run(row: Row[Any]) -> TrackedRun:
    return TrackedRun(
        command_id=CommandId(row.command_id),
        run=decode_run(row.state),
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
        misses=row.misses,
        next_poll_at=row.next_poll_at,
        attempts=_decode_attempts(row.attempts),
        asked_by=row.asked_by,
        resumed_by=row.resumed_by,
        resumed_at=row.resumed_at,
        read_at=row.read_at,
        loaded_poll_at=row.next_poll_at,
        reply_url=row.reply_url,
        awaited_end=row.awaited_end,
        evidence=msgspec.json.decode(row.evidence, type=tuple[Evidence, ...]),
        number=row.number,
        signature=row.signature,
    )
