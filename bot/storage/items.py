"""Work items with their commands, start attempts, pending changes and tracked runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.core.events import CommandLine
from bot.core.models import Claim, PendingChange, StartAttempt, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId
from bot.storage import rows
from bot.storage.database import Store
from bot.storage.part import NEW_COMMAND, Part, adding, execute_all, of_pull_request, waking
from bot.storage.tables import (
    commands,
    pending_changes,
    start_attempts,
    tracked_runs,
    work_items,
)


class StartInProgress(Exception):
    """Another command is just starting the same workflow on the same commit."""


class Items(Part):
    """Reads and writes work items. Methods that take a claim raise LeaseLost."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        now = store.now()
        theirs = sa.select(commands.c.id).where(
            commands.c.work_item_id == sa.bindparam("work_item")
        )
        is_tracked = tracked_runs.c.next_poll_at.is_not(None)
        self._set_replied = self._touch.values(replied_at=now)
        self._touch_while_deciding = self._touch.values(
            deciding=_others_are_undecided()
        )  # of_command
        self._set_command = sa.update(commands).where(  # of_command
            commands.c.id == sa.bindparam("of_command")
        )
        self._set_decided = self._set_command.values(decided=True, decided_at=now)
        self._set_start_attempt = sa.update(start_attempts).where(  # of_attempt
            start_attempts.c.id == sa.bindparam("of_attempt")
        )
        self._lose_open_attempts = (  # of_command
            sa.update(start_attempts)
            .where(
                start_attempts.c.command_id == sa.bindparam("of_command"),
                start_attempts.c.outcome == "open",
            )
            .values(outcome="lost")
        )
        self._wake_ended = waking(now, tracked_runs.c.run_id == sa.bindparam("of_run"))  # of_run
        self._add_commands = adding(store, commands, **NEW_COMMAND)
        self._add_tracked_runs = adding(store, tracked_runs)
        self._add_start_attempt = sa.insert(start_attempts)
        self._add_pending_change = sa.insert(pending_changes)
        self._work_item = sa.select(work_items).where(work_items.c.id == sa.bindparam("work_item"))
        self._commands = (
            sa.select(commands)
            .where(commands.c.work_item_id == sa.bindparam("work_item"))
            .order_by(commands.c.position)
        )
        self._start_attempts = (
            sa.select(start_attempts)
            .where(start_attempts.c.command_id.in_(theirs))
            .order_by(start_attempts.c.id)
        )
        self._pending_changes = sa.select(pending_changes).where(
            pending_changes.c.command_id.in_(theirs)
        )
        self._tracked_runs = (
            sa.select(tracked_runs)
            .where(tracked_runs.c.command_id.in_(theirs))
            .order_by(tracked_runs.c.tracked_since, tracked_runs.c.run_id)
        )
        self._known_run_ids = sa.select(tracked_runs.c.run_id).where(  # run_ids
            tracked_runs.c.run_id.in_(sa.bindparam("run_ids", expanding=True))
        )
        self._tracked_runs_at = (  # repo, sha
            sa.select(tracked_runs)
            .where(
                tracked_runs.c.repo == sa.bindparam("repo"),
                tracked_runs.c.sha == sa.bindparam("sha"),
                is_tracked,
            )
            .order_by(tracked_runs.c.tracked_since)
        )
        self._newest_run = (  # repo, number
            sa.select(tracked_runs)
            .join(commands, commands.c.id == tracked_runs.c.command_id)
            .join(work_items, work_items.c.id == commands.c.work_item_id)
            .where(*of_pull_request(work_items))
            .order_by(tracked_runs.c.tracked_since.desc())
            .limit(1)
        )
        self._find_run = (  # run_id
            sa.select(tracked_runs)
            .where(tracked_runs.c.run_id == sa.bindparam("run_id"))
            .order_by(tracked_runs.c.tracked_since)
            .limit(1)
        )
        self._last_answer = (  # repo, number, line
            sa.select(commands.c.answer)
            .select_from(commands.join(work_items))
            .where(
                *of_pull_request(work_items),
                work_items.c.event.is_not(None),
                commands.c.line == sa.bindparam("line"),
                commands.c.decided,
                commands.c.answer != "",
            )
            .order_by(commands.c.decided_at.desc())
            .limit(1)
        )

    async def load(self, work_item_id: WorkItemId) -> WorkItem:
        """A work item with the rows that belong to it. Raises KeyError when there is none."""
        which = {"work_item": work_item_id}

        def work(db: sa.Connection) -> WorkItem:
            row = db.execute(self._work_item, which).one_or_none()
            if row is None:
                raise KeyError(work_item_id)
            return rows.work_item(
                row,
                commands=db.execute(self._commands, which),
                start_attempts=db.execute(self._start_attempts, which),
                # Only undecided commands need them.
                pending_changes=db.execute(self._pending_changes, which) if row.deciding else (),
                tracked_runs=db.execute(self._tracked_runs, which),
            )

        return await self._store.transact(work)

    async def known_run_ids(self, run_ids: Sequence[RunId]) -> set[RunId]:
        """Those of *run_ids* that some command started or tracked."""
        found = await self._rows(self._known_run_ids, run_ids=run_ids)
        return {RunId(row.run_id) for row in found}

    async def tracked_runs_at(self, repo: RepoName, sha: Sha) -> list[TrackedRun]:
        """The runs on a commit that any command still tracks, oldest first."""
        return [
            rows.tracked_run(row)
            for row in await self._rows(self._tracked_runs_at, repo=repo, sha=sha)
        ]

    async def newest_run(self, repo: RepoName, number: int) -> TrackedRun | None:
        """The newest run that a command of this pull request started or tracked."""
        return await self._one_run(self._newest_run, repo=repo, number=number)

    async def find_run(self, run_id: RunId) -> TrackedRun | None:
        """A run as the first command that tracked it stored it."""
        return await self._one_run(self._find_run, run_id=run_id)

    async def _one_run(self, query: sa.Executable, **parameters: object) -> TrackedRun | None:
        found = await self._rows(query, **parameters)
        return rows.tracked_run(found[0]) if found else None

    async def last_answer(self, repo: RepoName, number: int, line: str) -> str | None:
        """The newest answer that an event's command of this text got under a pull request."""
        answer = await self._scalar(self._last_answer, repo=repo, number=number, line=line)
        return cast("str | None", answer)

    async def save_acknowledgement(self, claim: Claim) -> None:
        """Store that the reaction is on the comment, or is not going to be."""
        await self._write(claim, self._touch, acknowledged=True)

    async def save_decision(
        self,
        claim: Claim,
        command_id: CommandId,
        reason: Reason,
        answer: str,
        runs: Sequence[TrackedRun] = (),
        settles: StartAttempt | None = None,
    ) -> None:
        """Store what became of a command, the runs it tracks and the attempt that it settles."""
        which = {"of_command": command_id}

        def work(db: sa.Connection) -> None:
            db.execute(self._set_decided, {**which, "reason": reason.value, "answer": answer})
            execute_all(db, self._add_tracked_runs, [rows.tracked_run_row(run) for run in runs])
            if settles is not None:
                self._set_attempt(db, settles)
            # Once the command is decided, nobody searches for the run of an open attempt.
            db.execute(self._lose_open_attempts, which)

        await self._write(claim, self._touch_while_deciding, work, **which)

    async def add_commands(self, claim: Claim, lines: Sequence[CommandLine]) -> None:
        """Store the commands that an event leads to. Without any, it is decided."""
        added = rows.command_rows(claim.work_item_id, lines)

        def work(db: sa.Connection) -> None:
            execute_all(db, self._add_commands, added)

        await self._write(claim, self._touch, work, deciding=bool(added))

    async def save_postponement(
        self, claim: Claim, command_id: CommandId, answer: str, blocked_since: float | None
    ) -> None:
        """Store what the reply says of a command that waits, and since when it is blocked."""
        values = {"of_command": command_id, "answer": answer, "blocked_since": blocked_since}

        def work(db: sa.Connection) -> None:
            db.execute(self._set_command, values)

        await self._write(claim, self._touch, work)

    async def add_start_attempt(
        self, claim: Claim, attempt: StartAttempt, lost: StartAttempt | None = None
    ) -> StartAttempt:
        """Store that a run is about to be started; the attempt with the id it got.

        *lost* is the attempt that this one replaces. Raises StartInProgress.
        """

        def work(db: sa.Connection) -> StartAttempt:
            if lost is not None:
                self._set_attempt(db, lost)
            try:
                added = db.execute(self._add_start_attempt, rows.start_attempt_row(attempt))
            except IntegrityError:
                raise StartInProgress(attempt.start.workflow) from None
            (attempt_id,) = added.inserted_primary_key or (0,)
            return replace(attempt, attempt_id=attempt_id)

        return await self._write(claim, self._touch, work)

    async def save_start_attempt(self, claim: Claim, attempt: StartAttempt) -> None:
        """Store how often the run of an attempt was searched for, and its outcome."""

        def work(db: sa.Connection) -> None:
            self._set_attempt(db, attempt)

        await self._write(claim, self._touch, work)

    def _set_attempt(self, db: sa.Connection, attempt: StartAttempt) -> None:
        values = {"polls": attempt.searches, "outcome": attempt.outcome}
        db.execute(self._set_start_attempt, {"of_attempt": attempt.attempt_id, **values})

    async def track_runs(self, claim: Claim, runs: Sequence[TrackedRun]) -> None:
        """Track further runs for commands that are decided already."""

        def work(db: sa.Connection) -> None:
            execute_all(db, self._add_tracked_runs, [rows.tracked_run_row(run) for run in runs])

        await self._write(claim, self._touch, work)

    async def add_pending_change(self, claim: Claim, change: PendingChange) -> None:
        """Store that a run is about to be retried, rerun or cancelled."""

        def work(db: sa.Connection) -> None:
            db.execute(self._add_pending_change, rows.pending_change_row(change))

        await self._write(claim, self._touch, work)

    async def resume_tracking(self, run_id: RunId, now: float) -> None:
        """Poll a run again, at once, for every command that tracks or tracked it.

        Its time of tracking starts anew at *now*. Not fenced.
        """
        # The note about its end is no longer true.
        again = {"tracked_since": now, "note": ""}
        await self._wake(self._wake_ended, {"of_run": run_id}, **again)

    async def save_run(self, claim: Claim, run: TrackedRun) -> None:
        """Store how a tracked run stands and when it is polled next."""

        def work(db: sa.Connection) -> None:
            self._set_runs(db, [run])

        await self._write(claim, self._touch, work)

    async def save_reply_attempt(self, claim: Claim) -> None:
        """Store that a reply is about to be posted: search for it before posting another."""
        await self._write(claim, self._touch, reply_attempted=True)

    async def save_reply(self, claim: Claim, comment_id: int, text: str) -> None:
        """Store that the reply is the comment *comment_id* and has this text."""
        await self._write(claim, self._set_replied, reply_id=comment_id, reply_text=text)


def _others_are_undecided() -> sa.ColumnElement[bool]:
    """Whether a work item has undecided commands beside the one that is just decided."""
    return sa.exists().where(
        commands.c.work_item_id == work_items.c.id,
        commands.c.id != sa.bindparam("of_command"),
        ~commands.c.decided,
    )
