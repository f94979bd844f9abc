"""What the parts of the ledger share: transactions, writes under a claim, and pieces of SQL."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import sqlalchemy as sa

from bot.core.models import Claim, TrackedRun
from bot.core.types import RunId, WorkItemId
from bot.storage import rows
from bot.storage.database import Store, Work
from bot.storage.group_commit import GroupCommit
from bot.storage.prepared import Prepared
from bot.storage.rows import Values
from bot.storage.tables import commands, tracked_runs, work_items

T = TypeVar("T")

Wake = tuple[sa.Update, sa.Update]
"""What makes some runs' work items due, and the runs themselves."""

Change = tuple[sa.Update, Values]
"""A statement with its parameters."""

NOTHING: sa.ColumnElement[Any] = sa.literal_column("''")
NEW_COMMAND: dict[str, sa.ColumnElement[Any]] = {
    "decided": sa.false(),
    "reason": NOTHING,
    "answer": NOTHING,
}
"""What is the same in all new commands stands in the statement: it is not sent for each."""


HELD_SECONDS = 2.0
"""When one is due again that is woken while a step of it is under way: most steps are shorter."""


class LeaseLost(Exception):
    """Another worker has taken the work item over: what this one knows of it is stale."""


@dataclass(frozen=True, slots=True)
class _Write:
    """A change of a work item under its claim, and of the rows of its parts."""

    claim: Claim
    touch: Change
    changes: Sequence[Change]
    work: Work[Any] | None


class Part(Prepared):
    """Each method is one transaction; all raise `LedgerUnavailable` when the store fails.

    Times are the store's, in seconds since the epoch: machines that share it may have clocks of
    their own.
    """

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._writes = GroupCommit(self._write_all)

    def _build(self, store: type[Store]) -> None:
        self._touch = sa.update(work_items).where(  # of_work_item, of_fencing_token
            work_items.c.id == sa.bindparam("of_work_item"),
            work_items.c.fencing_token == sa.bindparam("of_fencing_token"),
        )

        # of_command, of_run, of_resumption, of_loaded_poll, of_next_poll
        next_poll = tracked_runs.c.next_poll_at
        is_woken = next_poll != sa.bindparam("of_loaded_poll", type_=sa.Float)
        self._set_tracked_run = (
            sa.update(tracked_runs)
            .where(
                tracked_runs.c.command_id == sa.bindparam("of_command"),
                tracked_runs.c.run_id == sa.bindparam("of_run"),
                # Not one that a command had go again since it was polled.
                sa.func.coalesce(tracked_runs.c.resumed_at, 0.0)
                == sa.bindparam("of_resumption", type_=sa.Float),
            )
            .values(
                next_poll_at=sa.case(
                    (is_woken, next_poll), else_=sa.bindparam("of_next_poll", type_=sa.Float)
                )
            )
            .returning(next_poll)
        )
        self._make_due = (  # of_work_item
            sa.update(work_items)
            .where(work_items.c.id == sa.bindparam("of_work_item"))
            .values(due_at=store.now())
        )
        of_run = tracked_runs.c.run_id == sa.bindparam("of_run")
        awaited = (of_run, tracked_runs.c.awaited_end == "")
        self._wake_awaiting = (  # of_run
            sa.update(work_items)
            .where(
                work_items.c.id.in_(
                    sa.select(commands.c.work_item_id).where(
                        commands.c.id.in_(sa.select(tracked_runs.c.command_id).where(*awaited))
                    )
                ),
                work_items.c.set_aside_at.is_(None),
            )
            .values(due_at=store.now())
        )
        self._set_awaited_end = sa.update(tracked_runs).where(*awaited)  # of_run

    async def _scalar(self, query: sa.Executable, **parameters: object) -> Any:
        """The first value of the first row; none when there is no row."""
        return await self._store.transact(lambda db: db.scalar(query, parameters))

    async def _rows(self, query: sa.Executable, **parameters: object) -> Sequence[sa.Row[Any]]:
        return await self._store.transact(lambda db: db.execute(query, parameters).all())

    async def _write(
        self,
        claim: Claim,
        touch: sa.Update,
        work: Work[T] | None = None,
        *,
        changes: Sequence[Change] = (),
        **parameters: object,
    ) -> T:
        """Change a work item under its claim, and in the same transaction the rows of its parts.

        *touch* is made from `_touch`; *parameters* are its own, and values of further columns.
        *changes* are made in any order, and then *work* is done. Raises LeaseLost.
        """

        held = touch, {**held_by(claim), **parameters}
        return cast(T, await self._writes.add(_Write(claim, held, changes, work)))

    async def _write_all(self, writes: Sequence[_Write]) -> list[Any]:
        """Do these in one transaction, all or none: what each one's work returns. Raises LeaseLost
        when a claim is no longer held; each is then tried alone."""
        # In one order among those of a kind: who waits for others' rows should not be waited for.
        ordered = sorted(enumerate(writes), key=lambda one: one[1].claim.work_item_id)
        touches = [one.touch for _, one in ordered]
        changes = [change for _, one in ordered for change in one.changes]

        def work(db: sa.Connection) -> list[Any]:
            if _execute_alike(db, touches) != len(touches):
                raise LeaseLost(*(one.claim.work_item_id for one in writes))
            _execute_alike(db, changes)
            outcomes: list[Any] = [None] * len(writes)
            for place, one in ordered:
                if one.work is not None:
                    outcomes[place] = one.work(db)
            return outcomes

        return await self._store.transact(work)

    async def _wake(self, wakes: Sequence[Wake], which: Values, **values: object) -> bool:
        """Make runs due for a poll now, and their work items; whether there are any.

        *values* are set in each run. Not fenced: a step that is under way sees it when it saves
        what it has polled.
        """

        return await self._store.transact(lambda db: self._wake_in(db, wakes, which, **values))

    def _wake_in(
        self, db: sa.Connection, wakes: Sequence[Wake], which: Values, **values: object
    ) -> bool:
        woken = 0
        for theirs, runs in wakes:
            woken += db.execute(theirs, which).rowcount
            db.execute(runs, {**which, **values})
        if woken:
            self._store.notify(db)
        return woken > 0

    def _set_runs(
        self,
        db: sa.Connection,
        work_item_id: WorkItemId,
        runs: Sequence[TrackedRun],
        *,
        are_ends_saved: bool = True,
    ) -> None:
        """Save runs that were polled. One that a command had go again meanwhile is polled anew; so
        is one that was woken meanwhile, after what was seen of it is saved."""
        for run in runs:
            row = rows.tracked_run_row(run)
            change = {
                "of_command": run.command_id,
                "of_run": run.run.run_id,
                "of_resumption": run.resumed_at or 0.0,
                "of_loaded_poll": run.loaded_poll_at,
                "of_next_poll": row.pop("next_poll_at"),
                **row,
            }
            saved = db.execute(self._set_tracked_run, change).first()
            if saved is None or saved.next_poll_at != run.next_poll_at:
                db.execute(self._make_due, {"of_work_item": work_item_id})
            if saved is None:
                continue
            if are_ends_saved and run.resumed_at is not None and run.end:
                # Who asked for this attempt has a reply of their own.
                self._set_end(db, run.run.run_id, run.end)

    def _set_end(self, db: sa.Connection, run_id: RunId, end: str) -> None:
        """Save how an attempt of a run ended for the commands that still wait for it."""
        of_run = {"of_run": run_id}
        if db.execute(self._wake_awaiting, of_run).rowcount:
            self._store.notify(db)
            db.execute(self._set_awaited_end, {**of_run, "awaited_end": end})


def held_by(claim: Claim) -> Values:
    """What `_touch` takes: the work item, as long as the claim is held."""
    return {
        "of_work_item": claim.work_item_id,
        "of_fencing_token": claim.fencing_token,
        "fencing_token": claim.fencing_token,
    }


def _execute_alike(db: sa.Connection, changes: Sequence[Change]) -> int:
    """Make these changes, those of a kind at once: PostgreSQL is not waited for after each. How
    many rows were changed."""
    kinds: defaultdict[tuple[sa.Update, frozenset[str]], list[Values]] = defaultdict(list)
    for statement, values in changes:
        # SQLAlchemy takes the columns that are set from the first.
        kinds[statement, frozenset(values)].append(values)
    return sum(db.execute(statement, values).rowcount for (statement, _), values in kinds.items())


def execute_all(db: sa.Connection, statement: sa.Executable, values: Sequence[Values]) -> None:
    """Execute a statement once per row, if there are any rows."""
    if values:
        db.execute(statement, values)


def adding(store: type[Store], table: sa.Table, **same: sa.ColumnElement[Any]) -> sa.Insert:
    """An INSERT of rows that are not there yet; *same* is the same in all."""
    insert = store.insert(table)
    if same:
        insert = insert.values(**same)
    return insert.on_conflict_do_nothing()


TRACKING = tracked_runs.join(commands).join(work_items)
"""Runs, the commands that track them, and the work items of these."""


def its_commands() -> sa.Select[tuple[str]]:
    """The ids of the commands of a work item (`of_work_item`)."""
    return sa.select(commands.c.id).where(commands.c.work_item_id == sa.bindparam("of_work_item"))


def of_pull_request(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.repo == sa.bindparam("repo"), table.c.number == sa.bindparam("number")


def is_set_unindexed(time: sa.Column[float], but: int = -1) -> sa.ColumnElement[bool]:
    """Whether a time is set, and to another than *but*, for a query that has a better index than
    that of the rows in which it is. PostgreSQL believes these to be as few as when it last counted,
    and would read them all: once for each row, where it joins."""
    none: sa.ColumnElement[float] = sa.literal_column(str(but))
    return sa.func.coalesce(time, none) > none


def is_its_turn() -> sa.ColumnElement[bool]:
    """Whether a work item may be worked on: commands of a pull request that start or change runs
    are decided in the order of their comments, and nothing else waits for anything."""
    # A comment never waits for an event: nobody asked for that one.
    earlier = work_items.alias("earlier")
    waits = sa.exists().where(
        sa.or_(earlier.c.event.is_(None), work_items.c.event.is_not(None)),
        earlier.c.repo == work_items.c.repo,
        earlier.c.number == work_items.c.number,
        earlier.c.deciding,
        earlier.c.is_ordered,
        is_set_unindexed(earlier.c.due_at),  # it is not set aside
        sa.or_(~earlier.c.author_is_bot, earlier.c.acknowledged),  # a bot's may not be for us
        sa.tuple_(earlier.c.written_at, earlier.c.comment_id, earlier.c.id)
        < sa.tuple_(work_items.c.written_at, work_items.c.comment_id, work_items.c.id),
    )
    # A comment is parsed at once: until then nobody knows what it holds.
    is_unordered = sa.or_(~work_items.c.is_ordered, work_items.c.text.is_not(None))
    return sa.or_(~work_items.c.deciding, is_unordered, ~waits)


def waking(now: sa.ColumnElement[float], *which: sa.ColumnElement[bool]) -> Wake:
    """What makes the runs that meet these conditions, and their work items, due now."""
    theirs = sa.select(commands.c.work_item_id).where(
        commands.c.id.in_(sa.select(tracked_runs.c.command_id).where(*which))
    )
    due = sa.case(
        # Whatever its step ends with, it is done again soon.
        (work_items.c.lease_until > now, now + HELD_SECONDS),
        # One that is overdue keeps its place in the queue.
        (work_items.c.due_at < now, work_items.c.due_at),
        else_=now,
    )
    is_set_aside = work_items.c.set_aside_at.is_not(None)
    return (
        sa.update(work_items).where(work_items.c.id.in_(theirs), ~is_set_aside).values(due_at=due),
        sa.update(tracked_runs).where(*which).values(next_poll_at=now, polls=0),
    )


def rereading(now: sa.ColumnElement[float], *which: sa.ColumnElement[bool]) -> Wake:
    """The same for runs that are over: `polls` says what was read of their end."""
    items, _ = waking(now, *which)
    return items, sa.update(tracked_runs).where(*which).values(next_poll_at=0.0)
