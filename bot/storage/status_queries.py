"""What the status pages and the metrics read of the ledger: queries only, nothing is changed.

Each method is one transaction; all raise `LedgerUnavailable` when the store fails.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import msgspec
import sqlalchemy as sa

from bot.core.rate_limit import PER_HOUR, Budget
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId
from bot.storage import rows
from bot.storage.database import Store
from bot.storage.part import TRACKING, is_set_unindexed
from bot.storage.tables import (
    commands,
    repositories,
    tracked_runs,
    waiting_writes,
    work_items,
    write_budgets,
)


class State(Enum):
    """How far a command has come."""

    UNDECIDED = "undecided"
    FOLLOWING = "following"
    """Decided, and a run of it is still tracked."""
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Filter:
    """Which commands are listed; empty fields let everything through."""

    repo: str = ""
    reason: str = ""
    """A reason code as it is stored, which may be another version's."""
    state: State | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run of a command, as it stood at the last poll."""

    run: Run
    sha: Sha
    workflow: str
    """The workflow's file name; empty for all, or for YAML sent along."""
    job: str
    is_inline: bool
    is_followed: bool


@dataclass(frozen=True, slots=True)
class CommandRow:
    """A command, where it came from and what became of it."""

    command_id: CommandId
    request_id: WorkItemId
    repo: RepoName
    number: int
    author: str
    line: str
    received_at: float
    url: str
    reason: Reason | None
    """None until decided."""
    answer: str
    decided_at: float | None
    runs: tuple[RunRow, ...] = ()

    @property
    def state(self) -> State:
        if self.decided_at is None:
            return State.UNDECIDED
        return State.FOLLOWING if any(run.is_followed for run in self.runs) else State.DONE


@dataclass(frozen=True, slots=True)
class Page:
    """Some commands, newest first."""

    commands: tuple[CommandRow, ...]
    next: str | None
    """The key of the next, older page: the last command on this one, or the last work item that was
    looked at for what is asked for, since it may be rare."""


@dataclass(frozen=True, slots=True)
class QueueStatus:
    """What there is to do."""

    now: float
    """By the store's clock."""
    undecided: int
    """Commands that are not decided."""
    due: int
    """Work items whose next step is due."""
    followed_runs: int
    waiting_writes: int
    """Writes to GitHub that wait for their turn."""
    set_aside: int
    """Comments and events that are left alone after failing for too long."""
    oldest: float | None
    """When the oldest comment came in that is not decided."""

    @property
    def oldest_waiting(self) -> float:
        """Seconds that the oldest undecided comment has waited; 0 when none waits."""
        return max(0.0, self.now - self.oldest) if self.oldest is not None else 0.0


@dataclass(frozen=True, slots=True)
class SetAside:
    """A comment or event that is left alone after failing for too long."""

    work_item_id: WorkItemId
    repo: RepoName
    number: int
    since: float


MAX_SET_ASIDE = 20
"""So many of what is set aside are listed."""

MAX_LOOKED = 1500
"""Work items that are looked at for one page."""


class StatusQueries:
    """Reads the ledger for people who look after the bot."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def queue(self) -> QueueStatus:
        """How much there is to do."""
        now = self._store.now()
        # Each query names an index in which nothing is that is over.
        moving = work_items.c.due_at >= 0.0
        count = sa.func.count()
        undecided = (
            sa.select(count)
            .select_from(commands.join(work_items))
            .where(is_set_unindexed(work_items.c.due_at), ~commands.c.decided)
        )
        due = sa.select(count).select_from(work_items).where(work_items.c.due_at <= now)
        tracked = (
            sa.select(count)
            .select_from(TRACKING)
            .where(is_set_unindexed(work_items.c.due_at), tracked_runs.c.next_poll_at.is_not(None))
        )
        # For the least of a plain column SQLite would go through the index on it.
        oldest = sa.select(sa.func.min(work_items.c.received_at + 0.0)).where(
            moving, work_items.c.deciding
        )
        counts = sa.select(
            now.label("now"),
            undecided.scalar_subquery().label("undecided"),
            due.scalar_subquery().label("due"),
            tracked.scalar_subquery().label("tracked"),
            sa.select(count).select_from(waiting_writes).scalar_subquery().label("waiting"),
            sa.select(count)
            .select_from(work_items)
            .where(work_items.c.set_aside_at.is_not(None))
            .scalar_subquery()
            .label("set_aside"),
            oldest.scalar_subquery().label("oldest"),
        )

        def work(db: sa.Connection) -> QueueStatus:
            row = db.execute(counts).one()
            return QueueStatus(
                now=float(row.now),
                undecided=row.undecided,
                due=row.due,
                followed_runs=row.tracked,
                waiting_writes=row.waiting,
                set_aside=row.set_aside,
                oldest=row.oldest,
            )

        return await self._store.transact(work)

    async def writes_left(self) -> int:
        """How many writes to GitHub are left of this hour, of the account that has the fewest."""
        query = sa.select(self._store.now(), write_budgets.c.written, write_budgets.c.closed_until)

        def work(db: sa.Connection) -> int:
            left = (
                Budget(msgspec.json.decode(written, type=tuple[float, ...]), closed).left(now)
                for now, written, closed in db.execute(query)
            )
            return min(left, default=PER_HOUR)

        return await self._store.transact(work)

    async def set_aside(self) -> list[SetAside]:
        """What is set aside, the newest first; not all when it is very much."""
        query = (
            sa.select(
                work_items.c.id, work_items.c.repo, work_items.c.number, work_items.c.set_aside_at
            )
            .where(work_items.c.set_aside_at.is_not(None))
            .order_by(work_items.c.set_aside_at.desc())
            .limit(MAX_SET_ASIDE)
        )
        rows = await self._store.transact(lambda db: db.execute(query).all())
        return [
            SetAside(WorkItemId(row.id), RepoName(row.repo), row.number, row.set_aside_at)
            for row in rows
        ]

    async def page(self, which: Filter, limit: int, before: str | None = None) -> Page:
        """The newest commands, or those that came before *before*, the key of a page. KeyError for
        an unknown one."""

        def work(db: sa.Connection) -> Page:
            place = None if before is None else _place(db, before)
            if which.state in _AMONG:
                rows, end = db.execute(_among(which, place, limit + 1)).all(), None
            else:
                rows, end = _look_through(db, which, place, limit + 1)
            shown = [_command(row) for row in rows[:limit]]
            by_command = _runs_of(db, [command.command_id for command in shown])
            return Page(
                tuple(replace(c, runs=tuple(by_command[c.command_id])) for c in shown),
                next=shown[-1].command_id if len(rows) > limit else end,
            )

        return await self._store.transact(work)


# --- pages ---------------------------------------------------------------------------------------

Conditions = Sequence[sa.ColumnElement[bool]]

Place = tuple[float, str, int]
"""A place in the order of the pages: when a work item came, its id, the position of a command."""

_ITEM = (work_items.c.received_at, work_items.c.id)

_AMONG: dict[State | None, sa.Select[Any]] = {
    State.UNDECIDED: sa.select(commands.c.id).where(~commands.c.decided),
    State.FOLLOWING: sa.select(tracked_runs.c.command_id).where(
        tracked_runs.c.next_poll_at.is_not(None)
    ),
}
"""The commands in these states: few, since they are of what goes on, and each in an index."""

_ITEM_COLUMNS = (
    *_ITEM,
    work_items.c.repo,
    work_items.c.number,
    work_items.c.author,
    work_items.c.url,
)
_COMMAND_COLUMNS = (
    commands.c.id.label("command_id"),
    commands.c.work_item_id,
    commands.c.position,
    commands.c.line,
    commands.c.reason,
    commands.c.answer,
    commands.c.decided,
    commands.c.decided_at,
)


def _place(db: sa.Connection, key: str) -> Place:
    """The place of a command, or the end of a work item; raises KeyError."""
    work_item_id, _, position = key.partition(".")
    found = db.execute(sa.select(*_ITEM).where(work_items.c.id == work_item_id)).one_or_none()
    if found is None:
        raise KeyError(key)
    return found.received_at, found.id, int(position or 0)


def _which_commands(which: Filter) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if which.reason:
        conditions.append(commands.c.reason == which.reason)
    followed = sa.exists().where(
        tracked_runs.c.command_id == commands.c.id, tracked_runs.c.next_poll_at.is_not(None)
    )
    if which.state is State.FOLLOWING:
        conditions.append(commands.c.decided)
    if which.state is State.DONE:
        conditions += [commands.c.decided, ~followed]
    return conditions


def _among(which: Filter, after: Place | None, limit: int) -> sa.Select[Any]:
    """The newest commands of those that are in a state in which few are."""
    conditions = [commands.c.id.in_(_AMONG[which.state]), *_which_commands(which)]
    if which.repo:
        # GitHub does not tell names apart by case. No index has these: it would find more.
        conditions.append(sa.func.lower(work_items.c.repo) == which.repo.lower())
    listed = (
        sa.select(*_COMMAND_COLUMNS, *_ITEM_COLUMNS)
        .select_from(commands.join(work_items))
        .where(*conditions)
    )
    return _newest(listed, (*_ITEM, commands.c.position), after).limit(limit)


def _look_through(
    db: sa.Connection, which: Filter, after: Place | None, limit: int
) -> tuple[Sequence[sa.Row[Any]], str | None]:
    """The newest commands, as far as they are among the newest MAX_LOOKED work items; and where to
    go on when there are not as many as that."""
    items = sa.select(*_ITEM_COLUMNS)
    if which.repo:
        # An index tells names apart by case, and GitHub does not.
        known = sa.select(repositories.c.name).where(
            sa.func.lower(repositories.c.name) == which.repo.lower()
        )
        items = items.where(work_items.c.repo == (db.scalar(known.limit(1)) or which.repo))
    items = _newest(items, _ITEM, after)
    for looked in (limit, MAX_LOOKED):  # mostly the first are enough
        some = items.limit(looked).subquery()
        listed = (
            sa.select(*_COMMAND_COLUMNS, some)
            .join(some, some.c.id == commands.c.work_item_id)
            .where(*_which_commands(which))
        )
        key = (some.c.received_at, some.c.id, commands.c.position)
        found = db.execute(_newest(listed, key, after).limit(limit)).all()
        if len(found) == limit:
            return found, None
    last = db.execute(items.offset(MAX_LOOKED - 1).limit(1)).one_or_none()
    return found, last.id if last is not None else None


def _newest(
    listed: sa.Select[Any], key: Sequence[sa.ColumnElement[Any]], after: Place | None
) -> sa.Select[Any]:
    """These rows in the order of the pages, from a place on: the commands after it, and the work
    items that may have such commands."""
    listed = listed.order_by(*(column.desc() for column in key))
    if after is None:
        return listed
    if len(key) < len(after):
        return listed.where(sa.tuple_(*key) <= sa.tuple_(*after[: len(key)]))
    return listed.where(sa.tuple_(*key) < sa.tuple_(*after))


def _runs_of(db: sa.Connection, command_ids: Sequence[CommandId]) -> dict[CommandId, list[RunRow]]:
    found: dict[CommandId, list[RunRow]] = defaultdict(list)
    rows = db.execute(
        sa.select(tracked_runs)
        .where(tracked_runs.c.command_id.in_(command_ids))
        .order_by(tracked_runs.c.tracked_since, tracked_runs.c.run_id)
    )
    for row in rows:
        found[CommandId(row.command_id)].append(
            RunRow(
                run=_run(row),
                sha=Sha(row.sha),
                workflow=row.workflow,
                job=row.job,
                is_inline=row.is_inline,
                is_followed=row.next_poll_at is not None,
            )
        )
    return found


def _run(row: sa.Row[Any]) -> Run:
    """A run as it was stored; one that cannot be decoded spoils no list of others."""
    try:
        return rows.decode_run(row.state)
    except msgspec.DecodeError:
        return Run(RunId(row.run_id), "", "unknown")


def _command(row: sa.Row[Any]) -> CommandRow:
    return CommandRow(
        command_id=CommandId(row.command_id),
        request_id=WorkItemId(row.work_item_id),
        repo=RepoName(row.repo),
        number=row.number,
        author=row.author,
        line=row.line,
        received_at=row.received_at,
        url=row.url,
        reason=Reason.from_code(row.reason) if row.decided else None,
        answer=row.answer,
        decided_at=row.decided_at if row.decided else None,
    )
