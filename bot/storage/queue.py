"""The queue of work items: claimed under a lease, released until their next step is due."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from bot.core.models import Claim, Progress
from bot.core.types import RepoName, RunId, Sha, WorkItemId
from bot.storage import rows
from bot.storage.database import Store
from bot.storage.group_commit import GroupCommit
from bot.storage.handover import Handover
from bot.storage.part import (
    Part,
    Wake,
    execute_all,
    held_by,
    is_its_turn,
    is_set_unindexed,
    its_commands,
    rereading,
    waking,
)
from bot.storage.tables import commands, periodic_jobs, start_attempts, tracked_runs, work_items

NO_PROGRESS = Progress()

REREAD_WITHIN_SECONDS = 7 * 24 * 3600.0
"""How long after it was read last a run that is over is read again when it seems to have gone
again."""

MANY_RUNS = 500
"""Runs that are looked for in one transaction."""

REREAD_SECONDS = 30.0
"""The shortest time between two such reads of a run."""

NEVER = 1e18
"""Later than any time, in seconds since the epoch."""

LEASE_SECONDS = 10.0
"""How long a claim lasts without being renewed; then another worker may take the item over."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """Claims, and the seconds until another work item can be claimed as far as there is room left;
    none when none is waiting."""

    claims: list[Claim]
    wait: float | None


class Queue(Part):
    """Which work items are due, and which worker has them. Methods that take a claim raise
    LeaseLost."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._handover = Handover(store, self._make_due)
        # Apart from other writes: a lease that was let go meanwhile is none of their business.
        self._renewals = GroupCommit(self._renew_all)

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        now = store.now()
        delay = sa.bindparam("delay", type_=sa.Float)
        # One that is due is polled anyway, unless that is just being done: it may have moved since.
        its, holder = commands.alias(), work_items.alias()
        is_held = sa.exists().where(
            its.c.id == tracked_runs.c.command_id,
            holder.c.id == its.c.work_item_id,
            holder.c.lease_until > now,
        )
        next_poll = tracked_runs.c.next_poll_at
        # One that is read again after its end is not followed.
        is_tracked = sa.and_(is_set_unindexed(next_poll, but=0), sa.or_(next_poll > now, is_held))
        self._now = sa.select(now)
        self._check = sa.select(sa.func.count()).select_from(work_items).where(sa.false())
        due = sa.union_all(
            _due(now, work_items.c.deciding, "commands"), _due(now, ~work_items.c.deciding, "polls")
        ).cte("due")
        self._claim = (  # commands, polls
            sa.update(work_items)
            .where(work_items.c.id.in_(sa.select(due.c.id)))
            .values(lease_until=now + LEASE_SECONDS, fencing_token=work_items.c.fencing_token + 1)
            .returning(
                work_items.c.id,
                work_items.c.fencing_token,
                work_items.c.repo,
                work_items.c.deciding,
                work_items.c.faults,
            )
        )
        self._until_due = _until_due(now)
        self._release_all = (
            sa.update(work_items)
            .where(work_items.c.due_at >= 0.0, work_items.c.lease_until > 0.0)
            .values(lease_until=0.0)
        )
        # What was released meanwhile stays released.
        self._renew = self._touch.where(work_items.c.lease_until > 0.0).values(
            lease_until=now + LEASE_SECONDS
        )
        release = self._touch.values(lease_until=0.0, failures=0, failing_since=None, faults=0)
        # A time that is still to come was set while the step was under way.
        due_at = work_items.c.due_at
        self._release_for_good = release.values(due_at=sa.case((due_at > now, due_at)))
        is_sooner = sa.and_(due_at > now, due_at < now + delay)
        self._release_until = release.values(  # delay
            due_at=sa.case((is_sooner, due_at), else_=now + delay)
        )
        self._release_after_failure = self._touch.values(  # delay
            due_at=now + delay,
            lease_until=0.0,
            failures=work_items.c.failures + 1,
            failing_since=sa.func.coalesce(work_items.c.failing_since, now),
        )
        self._make_ended_due = self._make_due.where(  # of_work_item
            ~sa.exists().where(
                tracked_runs.c.command_id.in_(its_commands()), tracked_runs.c.awaited_end == ""
            )
        )
        self._set_aside = self._touch.values(due_at=None, lease_until=0.0, set_aside_at=now)
        self._lose_attempts = (  # of_work_item
            sa.update(start_attempts)
            .where(
                start_attempts.c.outcome == "open",
                start_attempts.c.command_id.in_(its_commands()),
            )
            .values(outcome="lost")
        )
        put_back = sa.update(work_items).values(
            due_at=now, set_aside_at=None, failures=0, failing_since=None, faults=0
        )
        self._put_back_all = put_back.where(work_items.c.set_aside_at.is_not(None))
        self._put_back = self._put_back_all.where(  # of_work_item
            work_items.c.id == sa.bindparam("of_work_item")
        )
        self._wake_commit = waking(  # of_repo, of_sha
            now,
            tracked_runs.c.repo == sa.bindparam("of_repo"),
            tracked_runs.c.sha == sa.bindparam("of_sha"),
            is_tracked,
        )
        these = tracked_runs.c.run_id.in_(sa.bindparam("of_runs", expanding=True))
        self._count_followed = (
            sa.select(sa.func.count())
            .select_from(tracked_runs)
            .where(tracked_runs.c.next_poll_at >= 0.0)
        )
        self._wake_runs = waking(now, these, is_tracked)  # of_runs
        # An earlier version did not note when it read a run.
        read_at = sa.func.coalesce(tracked_runs.c.read_at, tracked_runs.c.tracked_since)
        is_over = (
            tracked_runs.c.next_poll_at.is_(None),
            tracked_runs.c.reply_url.is_(None),
            read_at > now - REREAD_WITHIN_SECONDS,
            read_at <= now - REREAD_SECONDS,
        )
        self._wake_over = rereading(now, these, *is_over)  # of_runs
        self._wake_over_at = rereading(  # of_repo, of_sha
            now,
            tracked_runs.c.repo == sa.bindparam("of_repo"),
            tracked_runs.c.sha == sa.bindparam("of_sha"),
            *is_over,
        )
        self._take_periodic_job = _taking_periodic_job(store, now)  # name, every

    async def claim(self, commands: int, polls: int) -> list[Claim]:
        """Claim work items that are due and that no worker holds: up to *commands* that are
        undecided, and up to *polls* that are decided and have runs to poll or a reply to write.

        Commands that may start or change runs wait while an earlier one of the pull request is
        undecided.
        """
        return await self._store.transact(lambda db: self._claim_due(db, commands, polls))

    async def claim_and_look(self, commands: int, polls: int) -> Claimed:
        """Claim as `claim` does, and look in the same transaction for what is due next."""

        def work(db: sa.Connection) -> Claimed:
            claims = self._claim_due(db, commands, polls)
            taken = sum(claim.is_poll for claim in claims)
            deciding = _with_room(commands - len(claims) + taken, polls - taken)
            return Claimed(claims, db.scalar(self._until_due, {"deciding": deciding}))

        return await self._store.transact(work)

    def _claim_due(self, db: sa.Connection, commands: int, polls: int) -> list[Claim]:
        return [
            Claim(
                WorkItemId(row.id),
                row.fencing_token,
                RepoName(row.repo),
                is_poll=not row.deciding,
                faults=row.faults,
            )
            for row in db.execute(self._claim, {"commands": commands, "polls": polls})
        ]

    async def until_due(self, commands: int = 1, polls: int = 1) -> float | None:
        """Seconds until the next work item can be claimed; none when none is waiting.

        With no room for *commands* or *polls*, these are not counted. A claimed one counts from
        the end of its lease. One that waits for an earlier comment is not counted: it can be
        claimed when that one is released.
        """
        wait = await self._scalar(self._until_due, deciding=_with_room(commands, polls))
        return cast("float | None", wait)

    async def renew(self, claim: Claim) -> None:
        """Extend the lease of a claim by LEASE_SECONDS from now. Nothing happens when it was lost:
        who has it finds out at the next write."""
        await self._renewals.add(claim)

    async def _renew_all(self, claims: Sequence[Claim]) -> list[None]:
        ordered = sorted(claims, key=lambda claim: claim.work_item_id)
        held = [held_by(claim) for claim in ordered]
        await self._store.transact(lambda db: execute_all(db, self._renew, held))
        return [None] * len(claims)

    async def release(
        self, claim: Claim, delay: float | None, progress: Progress = NO_PROGRESS
    ) -> None:
        """End a claim and save what its step did; the next is due in *delay* seconds, or never."""
        if delay is None:
            work = self._look_again if progress.awaits_end else None
            await self._end(claim, self._release_for_good, progress, work)
        else:
            await self._end(claim, self._release_until, progress, delay=delay)

    async def release_failed(
        self, claim: Claim, delay: float, progress: Progress = NO_PROGRESS
    ) -> None:
        """End a claim whose step failed for GitHub or Depot, and is repeated in *delay* seconds."""
        await self._end(claim, self._release_after_failure, progress, delay=delay)

    async def release_faulty(self, claim: Claim, delay: float) -> None:
        """The same for a step that failed for a reason that nobody foresaw."""
        release, faults = self._release_after_failure, claim.faults + 1
        await self._end(claim, release, NO_PROGRESS, delay=delay, faults=faults)

    async def set_aside(self, claim: Claim) -> None:
        """End a claim of what fails for too long: it is left alone until it is put back. A start
        whose outcome is unknown keeps nobody from starting the same."""
        lost = self._lose_attempts, {"of_work_item": claim.work_item_id}
        await self._write(claim, self._set_aside, changes=[lost])

    async def put_back(self, work_item_id: WorkItemId | None = None) -> int:
        """Make what was set aside due again, one work item or all; how many there were."""
        which = {} if work_item_id is None else {"of_work_item": work_item_id}

        def work(db: sa.Connection) -> int:
            found = db.execute(self._put_back if which else self._put_back_all, which).rowcount
            if found:
                self._store.notify(db)
            return found

        return await self._store.transact(work)

    async def _end(
        self,
        claim: Claim,
        release: sa.Update,
        progress: Progress,
        then: Callable[[sa.Connection, Claim], None] | None = None,
        **values: Any,
    ) -> None:
        def work(db: sa.Connection) -> None:
            self._set_runs(db, claim.work_item_id, progress.runs)
            if progress.reply is not None and progress.reply.is_gone:
                self._handover.hand_over(db, claim.work_item_id)
            if then is not None:
                then(db, claim)

        await self._write(claim, release, work, **values, **rows.progress_values(progress))

    def _look_again(self, db: sa.Connection, claim: Claim) -> None:
        """Make it due when all that it waits for has ended since its step began."""
        if db.execute(self._make_ended_due, {"of_work_item": claim.work_item_id}).rowcount:
            self._store.notify(db)

    async def release_all(self) -> None:
        """End every lease, at the start of the only process that uses this ledger."""

        def work(db: sa.Connection) -> None:
            db.execute(self._release_all)

        await self._store.transact(work)

    async def claim_periodic_job(self, name: str, every: float) -> bool:
        """Whether this process does a job now that one process does, once in *every* seconds."""
        return await self._scalar(self._take_periodic_job, name=name, every=every) is not None

    async def wake(self, repo: RepoName, sha: Sha) -> bool:
        """Make the runs on a commit due for a poll now; whether there are any. One that is over
        may have gone again: it is read anew in its first week, and not twice in half a minute."""
        which = {"of_repo": repo, "of_sha": sha}
        return await self._wake((self._wake_commit, self._wake_over_at), which)

    async def count_followed(self) -> int:
        """How many runs are followed."""
        return cast(int, await self._scalar(self._count_followed))

    async def wake_runs(self, run_ids: Sequence[RunId]) -> bool:
        """Make these runs due for a poll now, for every command that tracks them; whether any."""
        return await self._wake_each(self._wake_runs, run_ids)

    async def reread_runs(self, run_ids: Sequence[RunId]) -> bool:
        """The same of runs that are over, as far as they may have gone again."""
        return await self._wake_each(self._wake_over, run_ids)

    async def _wake_each(self, wake: Wake, run_ids: Sequence[RunId]) -> bool:
        woken = [
            await self._wake((wake,), {"of_runs": run_ids[first : first + MANY_RUNS]})
            for first in range(0, len(run_ids), MANY_RUNS)
        ]
        return any(woken)

    async def now(self) -> float:
        """The time by the store's clock, in seconds since the epoch."""
        return cast(float, await self._scalar(self._now))

    async def check(self) -> None:
        """Raises LedgerUnavailable when the store does not answer."""
        await self._scalar(self._check)

    async def check_writing(self) -> None:
        """Raises LedgerUnavailable when nothing can be stored in the ledger that was opened."""
        await self._store.check()
        await self.claim_periodic_job("readiness", 0.0)


def _with_room(commands: int, polls: int) -> list[bool]:
    """Which work items there is room for, by whether they are undecided."""
    return [True] * (commands > 0) + [False] * (polls > 0)


def _due(
    now: sa.ColumnElement[float], which: sa.ColumnElement[bool], limit: str
) -> sa.Select[tuple[str]]:
    """The work items of one kind that can be claimed, the longest due first; up to *limit*, the
    name of a parameter. Each kind has a limit of its own, so that neither keeps the other out."""
    due = (
        sa.select(work_items.c.id)
        .where(which, work_items.c.due_at <= now, work_items.c.lease_until <= now, is_its_turn())
        .order_by(work_items.c.due_at)
        .limit(sa.bindparam(limit, type_=sa.Integer))
        .with_for_update(skip_locked=True)
        .subquery()
    )
    return sa.select(due.c.id)


def _until_due(now: sa.ColumnElement[float]) -> sa.Select[Any]:
    """Seconds until the next step may be claimed; a held one counts from the end of its lease."""
    due_at, lease_until = work_items.c.due_at, work_items.c.lease_until
    # All in its text: PostgreSQL plans what has parameters at each execution, which takes longer.
    waits = (
        due_at >= sa.literal_column("0"),  # SQLite uses no index for IS NOT NULL
        work_items.c.deciding.in_(sa.bindparam("deciding", expanding=True, literal_execute=True)),
        is_its_turn(),
    )
    first_free = (
        sa.select(due_at)
        .where(*waits, lease_until <= due_at)
        .order_by(due_at)
        .limit(sa.literal_column("1"))
        .correlate(None)
        .scalar_subquery()
    )
    # What is due later than the first that nobody holds is not read: thousands may wait.
    return sa.select(
        sa.func.min(sa.case((lease_until > due_at, lease_until), else_=due_at)) - now
    ).where(*waits, due_at <= sa.func.coalesce(first_free, sa.literal(NEVER, literal_execute=True)))


def _taking_periodic_job(store: type[Store], now: sa.ColumnElement[float]) -> sa.Executable:
    every = sa.bindparam("every", type_=sa.Float)
    insert = store.insert(periodic_jobs).values(next_due_at=now + every)
    return insert.on_conflict_do_update(
        index_elements=[periodic_jobs.c.name],
        set_={"next_due_at": insert.excluded.next_due_at},
        where=periodic_jobs.c.next_due_at <= now,
    ).returning(periodic_jobs.c.name)
