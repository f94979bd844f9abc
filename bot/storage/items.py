"""Work items with their commands, start attempts, pending changes and tracked runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from bot.core import jobs
from bot.core.events import CommandLine
from bot.core.models import (
    BY_RULE,
    GONE_AFTER,
    Absence,
    Claim,
    Home,
    KnownRun,
    PendingChange,
    Reply,
    RunSeries,
    StartAttempt,
    TrackedRun,
    WorkItem,
)
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CHECK_CONFIG, CommandId, RepoName, RunId, Sha, WorkItemId
from bot.storage import rows
from bot.storage.database import Store
from bot.storage.group_commit import GroupCommit
from bot.storage.part import (
    NEW_COMMAND,
    TRACKING,
    Change,
    Part,
    adding,
    execute_all,
    is_its_turn,
    is_set_unindexed,
    of_pull_request,
    waking,
)
from bot.storage.tables import (
    commands,
    heads,
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
        self._loads = GroupCommit(self._load)

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        now = store.now()
        is_tracked = is_set_unindexed(tracked_runs.c.next_poll_at)
        self._touch_while_deciding = self._touch.values(
            deciding=_others_are_undecided()
        )  # of_command
        self._attempt_reply = self._touch.values(reply_attempted=True, reply_attempted_at=now)
        self._set_command = sa.update(commands).where(  # of_command
            commands.c.id == sa.bindparam("of_command")
        )
        self._set_decided = self._set_command.values(decided=True, decided_at=now)
        self._set_start_attempt = sa.update(start_attempts).where(  # of_attempt
            start_attempts.c.id == sa.bindparam("of_attempt")
        )
        self._stop = self._set_command.where(commands.c.stopped.is_(None))
        self._series = (  # run_ids
            sa.select(commands.c.id, commands.c.times, commands.c.stopped, tracked_runs.c.run_id)
            .select_from(commands.join(tracked_runs))
            .where(
                tracked_runs.c.run_id.in_(sa.bindparam("run_ids", expanding=True)),
                tracked_runs.c.number > 0,
            )
        )
        self._runs_of_command = (  # of_command
            sa.select(tracked_runs)
            .where(
                tracked_runs.c.command_id == sa.bindparam("of_command"), tracked_runs.c.number > 0
            )
            .order_by(tracked_runs.c.number)
        )
        self._stopped = sa.select(commands.c.stopped).where(  # of_command
            commands.c.id == sa.bindparam("of_command")
        )
        self._lose_open_attempts = (  # of_command
            sa.update(start_attempts)
            .where(
                start_attempts.c.command_id == sa.bindparam("of_command"),
                start_attempts.c.outcome == "open",
            )
            .values(outcome="lost")
        )
        is_followed_here = tracked_runs.c.reply_url.is_(None)
        self._wake_ended = waking(  # of_run
            now, tracked_runs.c.run_id == sa.bindparam("of_run"), is_followed_here
        )
        self._add_commands = adding(store, commands, **NEW_COMMAND)
        self._turn = sa.select(is_its_turn()).where(  # of_work_item
            work_items.c.id == sa.bindparam("of_work_item")
        )
        # Under the name that the repository has by now: Depot's answer may have taken long.
        name = (
            sa.select(work_items.c.repo)
            .select_from(commands.join(work_items))
            .where(commands.c.id == sa.bindparam("of_command"))
            .scalar_subquery()
        )
        self._add_tracked_runs = adding(store, tracked_runs, repo=name)  # of_command
        self._add_start_attempt = sa.insert(start_attempts).values(repo=name)  # of_command
        self._add_pending_change = adding(store, pending_changes)
        newest = _newest_head()
        self._work_items = (  # of_work_items
            sa.select(
                work_items, commands, pending_changes, start_attempts, newest.label("newest_head")
            )
            .select_from(
                work_items.outerjoin(commands)
                .outerjoin(pending_changes)
                .outerjoin(start_attempts, start_attempts.c.command_id == commands.c.id)
            )
            .where(store.is_among(work_items.c.id, "of_work_items"))
            .order_by(commands.c.position, start_attempts.c.id)
            .set_label_style(sa.LABEL_STYLE_TABLENAME_PLUS_COL)
        )
        self._tracked_runs = (  # of_work_items
            sa.select(tracked_runs, commands.c.work_item_id)
            .select_from(commands.join(tracked_runs))
            .where(store.is_among(commands.c.work_item_id, "of_work_items"))
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
        runs = (  # repo, number
            sa.select(tracked_runs).select_from(TRACKING).where(*of_pull_request(work_items))
        )
        self._started_runs = (  # repo, number, asked_until
            runs.where(
                is_tracked,
                work_items.c.written_at <= sa.bindparam("asked_until", type_=sa.Float),
                tracked_runs.c.awaited_end.is_not(None),  # the command did not only point to it
                sa.exists().where(
                    start_attempts.c.command_id == tracked_runs.c.command_id,
                    start_attempts.c.outcome == "started",
                ),
            ).order_by(tracked_runs.c.tracked_since)
        )
        self._resumed_runs = runs.where(  # repo, number, within
            tracked_runs.c.resumed_at > now - sa.bindparam("within", type_=sa.Float)
        )
        self._newest_run = (  # repo, number
            runs.order_by(tracked_runs.c.tracked_since.desc()).limit(1)
        )
        self._find_run = (  # run_id
            sa.select(tracked_runs)
            .where(tracked_runs.c.run_id == sa.bindparam("run_id"))
            .order_by(is_followed_here.desc(), tracked_runs.c.tracked_since)
            .limit(1)
        )
        self._known_runs = (  # run_ids
            sa.select(tracked_runs, work_items.c.author)
            .select_from(TRACKING)
            .where(
                tracked_runs.c.run_id.in_(sa.bindparam("run_ids", expanding=True)),
                is_followed_here,
            )
            .order_by(tracked_runs.c.tracked_since.desc())
        )
        self._home = (  # run_id
            sa.select(work_items.c.id, work_items.c.url, work_items.c.reply_id)
            .select_from(TRACKING)
            .where(
                tracked_runs.c.run_id == sa.bindparam("run_id"),
                is_followed_here,
                work_items.c.reply_missing < GONE_AFTER,
                sa.or_(
                    work_items.c.reply_id.is_not(None),
                    # It is still to be posted. What an event set off may be without words.
                    work_items.c.due_at.is_not(None) & work_items.c.event.is_(None),
                ),
            )
            .order_by(commands.c.decided_at, work_items.c.received_at)
            .limit(1)
        )
        others = commands.alias()
        self._config_reply = (  # repo, number
            sa.select(work_items.c.reply_id, work_items.c.reply_text)
            .select_from(commands.join(work_items))
            .where(
                *of_pull_request(work_items),
                work_items.c.event.is_not(None),
                work_items.c.reply_id.is_not(None),
                commands.c.line == CHECK_CONFIG,
                ~sa.exists().where(
                    others.c.work_item_id == work_items.c.id, others.c.line != CHECK_CONFIG
                ),
            )
            .order_by(work_items.c.received_at.desc())
            .limit(1)
        )
        self._newer_check = (  # repo, number, received_at
            sa.select(work_items.c.id)
            .select_from(commands.join(work_items))
            .where(
                *of_pull_request(work_items),
                work_items.c.event.is_not(None),
                work_items.c.received_at > sa.bindparam("received_at"),
                commands.c.line == CHECK_CONFIG,
            )
            .limit(1)
        )

    async def load(self, work_item_id: WorkItemId) -> WorkItem:
        """A work item with the rows that belong to it. Raises KeyError when there is none."""
        item = await self._loads.add(work_item_id)
        if item is None:
            raise KeyError(work_item_id)
        return item

    async def _load(self, work_item_ids: Sequence[WorkItemId]) -> list[WorkItem | None]:
        """Work items that are asked for at the same time, each once."""
        which = {"of_work_items": list(dict.fromkeys(work_item_ids))}

        def work(db: sa.Connection) -> tuple[Sequence[sa.Row[Any]], Sequence[sa.Row[Any]]]:
            found = db.execute(self._work_items, which).all()
            # No command tracks a run before it is decided, or has started one of several.
            may_track = any(row.commands_decided or row.start_attempts_id for row in found)
            return found, db.execute(self._tracked_runs, which).all() if may_track else ()

        found, runs = await self._store.transact(work)
        its_rows, its_runs = defaultdict(list), defaultdict(list)
        for row in found:
            its_rows[row.work_items_id].append(row)
        for run in runs:
            its_runs[run.work_item_id].append(run)
        items = {key: rows.work_item(those, its_runs[key]) for key, those in its_rows.items()}
        return [items.get(work_item_id) for work_item_id in work_item_ids]

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

    async def started_runs(
        self, repo: RepoName, number: int, asked_until: float
    ) -> list[TrackedRun]:
        """The runs that commands of this pull request started, written until a time by GitHub's
        clock, and that are still tracked."""
        which = {"repo": repo, "number": number, "asked_until": asked_until}
        found = await self._rows(self._started_runs, **which)
        return [rows.tracked_run(row) for row in found]

    async def runs_resumed_lately(
        self, repo: RepoName, number: int, within: float
    ) -> list[TrackedRun]:
        """The runs of a pull request that were made to go again in the last *within* seconds."""
        found = await self._rows(self._resumed_runs, repo=repo, number=number, within=within)
        return [rows.tracked_run(row) for row in found]

    async def find_run(self, run_id: RunId) -> TrackedRun | None:
        """A run as the command whose reply follows it stored it, or the first that points to it."""
        return await self._one_run(self._find_run, run_id=run_id)

    async def known_runs(self, run_ids: Sequence[RunId]) -> dict[RunId, KnownRun]:
        """Those of some runs that a command's reply follows, or followed."""
        found = await self._rows(self._known_runs, run_ids=run_ids)
        return {RunId(row.run_id): KnownRun(rows.tracked_run(row), row.author) for row in found}

    async def home(self, run_id: RunId) -> Home | None:
        """Where a run is followed; none where no reply does, or somebody deleted that."""
        found = await self._rows(self._home, run_id=run_id)
        if not found:
            return None
        return Home(WorkItemId(found[0].id), found[0].url, found[0].reply_id)

    async def _one_run(self, query: sa.Executable, **parameters: object) -> TrackedRun | None:
        found = await self._rows(query, **parameters)
        return rows.tracked_run(found[0]) if found else None

    async def config_reply(self, repo: RepoName, number: int) -> Reply:
        """The comment that says under a pull request how its change of the config is; an empty
        reply when there is none."""
        found = await self._rows(self._config_reply, repo=repo, number=number)
        return Reply(found[0].reply_id, True, found[0].reply_text) if found else Reply()

    async def has_newer_check(self, repo: RepoName, number: int, received_at: float) -> bool:
        """Whether the config was changed again under a pull request, and that is checked."""
        which = {"repo": repo, "number": number, "received_at": received_at}
        return await self._scalar(self._newer_check, **which) is not None

    async def save_decision(
        self,
        claim: Claim,
        command_id: CommandId,
        reason: Reason,
        answer: str,
        runs: Sequence[TrackedRun] = (),
        settles: StartAttempt | None = None,
        times: int = 1,
    ) -> None:
        """Store what became of a command, the runs it tracks and the attempt that it settles; and
        how many runs of the same it wants."""
        which = {"of_command": command_id}
        series = {"times": times} if times > 1 else {}
        decision: rows.Values = {"reason": reason.value, "answer": answer, **series}

        # Once the command is decided, nobody searches for the run of an open attempt.
        lost = self._lose_open_attempts, which
        changes = [
            (self._set_decided, {**which, **decision}),
            self._settled(settles) if settles is not None else lost,
        ]

        def work(db: sa.Connection) -> None:
            self._track(db, runs)

        await self._write(claim, self._touch_while_deciding, work, changes=changes, **which)

    def _track(self, db: sa.Connection, runs: Sequence[TrackedRun]) -> None:
        stand = [self._as_it_ended(db, run) for run in runs]
        added = [{**rows.tracked_run_row(run), "of_command": run.command_id} for run in stand]
        execute_all(db, self._add_tracked_runs, added)

    def _as_it_ended(self, db: sa.Connection, run: TrackedRun) -> TrackedRun:
        """A run that another reply shows, with how it ended if that is known there by now."""
        if run.reply_url is None or run.awaited_end != "":
            return run
        row = db.execute(self._find_run, {"run_id": run.run.run_id}).first()
        if row is None or row.reply_url is not None:
            return run
        return replace(run, awaited_end=rows.tracked_run(row).end)

    async def add_commands(self, claim: Claim, lines: Sequence[CommandLine]) -> bool:
        """Store the commands that a comment holds or an event leads to. Without any, it is decided.

        Whether they may be decided now; else an earlier comment of the pull request comes first.
        """
        added = rows.command_rows(claim.work_item_id, lines)
        found: rows.Values = {
            "deciding": bool(added),
            "text": None,
            "is_ordered": rows.is_ordered(lines),
        }

        def work(db: sa.Connection) -> bool:
            execute_all(db, self._add_commands, added)
            return bool(db.scalar(self._turn, {"of_work_item": claim.work_item_id}))

        return await self._write(claim, self._touch, work, **found)

    async def save_postponement(
        self,
        claim: Claim,
        command_id: CommandId,
        answer: str,
        troubled_since: float | None,
        absence: Absence | None = None,
        *,
        keeps_turn: bool = True,
    ) -> None:
        """Store what the reply says of a command that waits, and since when there is trouble, or
        what it needs is absent; and whether later commands of the pull request wait for it."""
        values = {
            "of_command": command_id,
            "answer": answer,
            "troubled_since": troubled_since,
            "absent_since": absence.since if absence is not None else None,
            "absent_what": absence.what if absence is not None else None,
        }

        turn: rows.Values = {} if keeps_turn else {"is_ordered": False}
        await self._write(claim, self._touch, changes=[(self._set_command, values)], **turn)

    async def add_start_attempt(
        self, claim: Claim, attempt: StartAttempt, lost: StartAttempt | None = None
    ) -> StartAttempt:
        """Store that a run is about to be started; the attempt with the id it got.

        *lost* is the attempt that this one replaces. Raises StartInProgress.
        """

        def work(db: sa.Connection) -> StartAttempt:
            if lost is not None:
                db.execute(*self._settled(lost))
            row = {**rows.start_attempt_row(attempt), "of_command": attempt.command_id}
            try:
                added = db.execute(self._add_start_attempt, row)
            except IntegrityError:
                raise StartInProgress(attempt.start.workflow) from None
            (attempt_id,) = added.inserted_primary_key or (0,)
            return replace(attempt, attempt_id=attempt_id)

        return await self._write(claim, self._touch, work)

    async def save_start_attempt(self, claim: Claim, attempt: StartAttempt) -> None:
        """Store how often the run of an attempt was searched for, and its outcome."""

        await self._write(claim, self._touch, changes=[self._settled(attempt)])

    def _settled(self, attempt: StartAttempt) -> Change:
        values = {"polls": attempt.searches, "outcome": attempt.outcome}
        return self._set_start_attempt, {"of_attempt": attempt.attempt_id, **values}

    async def save_start(
        self, claim: Claim, runs: Sequence[TrackedRun], settles: StartAttempt | None
    ) -> None:
        """Store a run that was started, of a command that starts more."""
        await self._save_started(claim, runs, settles)

    async def _save_started(
        self,
        claim: Claim,
        runs: Sequence[TrackedRun],
        settles: StartAttempt | None,
        *changes: Change,
    ) -> None:
        settled = [self._settled(settles)] if settles is not None else []

        def work(db: sa.Connection) -> None:
            self._track(db, runs)

        await self._write(claim, self._touch, work, changes=[*settled, *changes])

    async def save_next_start(
        self,
        claim: Claim,
        command_id: CommandId,
        runs: Sequence[TrackedRun],
        settles: StartAttempt | None,
    ) -> None:
        """Store the next of several runs of the same; what was in its way is over."""
        clear: rows.Values = {
            **{"of_command": command_id, "answer": "", "troubled_since": None},
            **{"absent_since": None, "absent_what": None},
        }
        await self._save_started(claim, runs, settles, (self._set_command, clear))

    async def save_stop(
        self,
        claim: Claim,
        command_id: CommandId,
        reason: Reason,
        answer: str,
        settles: StartAttempt | None,
    ) -> None:
        """Store why no more runs of the same are started for a command, and what its reply says of
        that."""
        which = {"of_command": command_id}

        def work(db: sa.Connection) -> None:
            if settles is not None:
                db.execute(*self._settled(settles))
            db.execute(self._lose_open_attempts, which)
            db.execute(self._stop, {**which, "stopped": reason.value, "answer": answer})

        await self._write(claim, self._touch, work)

    async def stop(self, command_id: CommandId, reason: Reason) -> None:
        """Start no more runs of the same for a command. Not fenced: who starts one looks for this
        before and after (`is_stopped`), and what it missed is cancelled when it is polled."""
        stopped = {"of_command": command_id, "stopped": reason.value, "answer": ""}
        await self._store.transact(lambda db: db.execute(self._stop, stopped))

    async def is_stopped(self, command_id: CommandId) -> bool:
        """Whether no more runs of the same are to be started for a command."""
        return await self._scalar(self._stopped, of_command=command_id) is not None

    async def series(self, run_ids: Sequence[RunId]) -> RunSeries | None:
        """The runs of the same that one command wanted, where all of these are among them; as they
        were when they were last polled."""
        found = await self._rows(self._series, run_ids=run_ids)
        if {row.run_id for row in found} != set(run_ids) or len({row.id for row in found}) != 1:
            return None
        command_id = CommandId(found[0].id)
        runs = [
            rows.tracked_run(row)
            for row in await self._rows(self._runs_of_command, of_command=command_id)
        ]
        is_open = found[0].stopped is None and runs[-1].number < found[0].times
        return RunSeries(command_id, is_open, tuple(run for run in runs if not run.run.is_over))

    async def track_runs(self, claim: Claim, runs: Sequence[TrackedRun]) -> None:
        """Track further runs for commands that are decided already."""
        await self._save_started(claim, runs, None)

    async def save_runs(self, claim: Claim, runs: Sequence[TrackedRun]) -> None:
        """Store how runs stand that go again by rule, which is no end for whoever waits for it."""

        def work(db: sa.Connection) -> None:
            self._set_runs(db, claim.work_item_id, runs, are_ends_saved=False)

        await self._write(claim, self._touch, work)

    async def add_pending_changes(self, claim: Claim, changes: Sequence[PendingChange]) -> None:
        """Store that runs are about to be retried, rerun or cancelled."""

        def work(db: sa.Connection) -> None:
            added = [rows.pending_change_row(change) for change in changes]
            execute_all(db, self._add_pending_change, added)

        await self._write(claim, self._touch, work)

    async def resume_tracking(self, run: Run, now: float, by: str, note: str = "") -> None:
        """Poll a run again, at once, where it is followed: *by* somebody it was made to go again,
        or with an empty name it was cancelled; before that it was read as *run*. *note* is what its
        reply adds.

        Its time of tracking starts anew at *now*. Not fenced.
        """
        # An earlier note about its end is no longer true.
        again: rows.Values = {"tracked_since": now, "note": note}
        again |= {"resumed_by": by, "resumed_at": now}
        which = {"of_run": run.run_id}
        known = await self.find_run(run.run_id) if run.is_over else None
        if (
            known is not None
            and known.reply_url is None
            and not known.run.is_over
            and not jobs.is_tried_again(known.run, run)
        ):
            # Whoever follows it has not seen its end yet: it is the end of an attempt.
            again |= {"state": rows.run_state(run)}

        def work(db: sa.Connection) -> None:
            if run.is_over and by != BY_RULE:
                # Nobody waits for the end of the next attempt but who asks for that.
                self._set_end(db, run.run_id, run.status)
            self._wake_in(db, (self._wake_ended,), which, **again)

        await self._store.transact(work)

    async def save_reply_attempt(self, claim: Claim, twins_at: float | None = None) -> None:
        """Store that a reply is about to be posted: search for it before posting another, and at
        *twins_at* for another that came to light late."""
        await self._write(claim, self._attempt_reply, reply_twins_at=twins_at)

    async def withdraw_reply_attempt(self, claim: Claim) -> None:
        """Store that the reply was certainly not posted."""
        await self._write(claim, self._touch, reply_attempted=False)

    async def save_mention_attempt(self, claim: Claim, at: float | None) -> None:
        """Store when the comment that mentions the author is posted: it is searched for before
        another is. None says that it was certainly not posted."""
        await self._write(claim, self._touch, mention_attempted_at=at)


def _newest_head() -> sa.ScalarSelect[str]:
    """The newest head of a work item's pull request that is younger than it; of two that came in
    the same second, either."""

    def of_pull(table: sa.FromClause) -> sa.ColumnElement[bool]:
        return sa.and_(table.c.repo == work_items.c.repo, table.c.number == work_items.c.number)

    known, other = heads.alias(), heads.alias()
    # The work item is two queries further out: by itself SQLAlchemy would list all of them here.
    newest = (
        sa.select(sa.func.max(other.c.since))
        .where(of_pull(other))
        .correlate(work_items)
        .scalar_subquery()
    )
    is_younger = known.c.since > work_items.c.written_at
    return (
        sa.select(sa.func.min(known.c.sha))
        .where(of_pull(known), known.c.since == newest, is_younger)
        .scalar_subquery()
    )


def _others_are_undecided() -> sa.ColumnElement[bool]:
    """Whether a work item has undecided commands beside the one that is just decided."""
    return sa.exists().where(
        commands.c.work_item_id == work_items.c.id,
        commands.c.id != sa.bindparam("of_command"),
        ~commands.c.decided,
    )
