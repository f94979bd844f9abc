"""The ledger's SQL, each statement built once.

SQLAlchemy takes ten times as long to build a statement as to execute it again, and leaves much for
the garbage collector. What differs from one execution to the next are parameters. Those of a
condition are called `of_…` where the statement also sets columns, which go by their own names.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.storage.database import Store
from bot.storage.tables import (
    commands,
    deliveries,
    heads,
    pending_changes,
    periodic_jobs,
    start_attempts,
    tracked_runs,
    work_items,
    write_budgets,
)

LEASE_SECONDS = 10.0
"""How long a claim holds without being renewed; a dead worker's work goes on after that."""

KEEP_SECONDS = 90 * 24 * 3600.0
"""How long what is over stays known."""

Wake = tuple[sa.Update, sa.Update]
"""What makes some runs' work items due, and the runs themselves."""


class Statements:
    """What the ledger executes on a store. Times are the store's, in seconds since the epoch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        now = store.now()
        self.now = sa.select(now)
        self.check = sa.select(sa.func.count()).select_from(work_items).where(sa.false())

        # Coming in: rows that are not there yet.
        self.add_deliveries = self._adding(deliveries, received_at=now).returning(
            *deliveries.primary_key
        )
        self.add_work_items = self._adding(
            work_items, received_at=now, due_at=now, **_NEW_WORK_ITEM
        ).returning(*work_items.primary_key)
        self.add_commands = self._adding(commands, **_NEW_COMMAND)
        self.add_tracked_runs = self._adding(tracked_runs)
        self.add_write_budget = self._adding(write_budgets)
        self.add_start_attempt = sa.insert(start_attempts)
        self.add_pending_change = sa.insert(pending_changes)
        self.set_heads = self._setting_heads(now)

        # Claiming.
        self.due = (  # most
            sa.select(work_items.c.id)
            .where(work_items.c.due_at <= now, work_items.c.lease_until <= now, _is_its_turn())
            .order_by(work_items.c.due_at)
            .limit(sa.bindparam("most", type_=sa.Integer))
            .with_for_update(skip_locked=True)
        )
        self.take = (  # of_work_items
            sa.update(work_items)
            .where(work_items.c.id.in_(sa.bindparam("of_work_items", expanding=True)))
            .values(lease_until=now + LEASE_SECONDS, fencing_token=work_items.c.fencing_token + 1)
            .returning(work_items.c.id, work_items.c.fencing_token)
        )
        self.until_due = _until_due(now)
        self.release_all = sa.update(work_items).values(lease_until=0.0)

        # What a step stores. All of it is fenced by a change of the work item.
        delay = sa.bindparam("delay", type_=sa.Float)
        self.hold = sa.update(work_items).where(  # of_work_item, of_fencing_token
            work_items.c.id == sa.bindparam("of_work_item"),
            work_items.c.fencing_token == sa.bindparam("of_fencing_token"),
        )
        self.renew = self.hold.values(lease_until=now + LEASE_SECONDS)
        self.rest = self.hold.values(lease_until=0.0, failures=0, failing_since=None)
        self.rest_until = self.rest.values(due_at=now + delay)  # delay
        self.fail = self.hold.values(  # delay
            due_at=now + delay,
            lease_until=0.0,
            failures=work_items.c.failures + 1,
            failing_since=sa.func.coalesce(work_items.c.failing_since, now),
        )
        self.replied = self.hold.values(replied_at=now)
        self.hold_while_deciding = self.hold.values(deciding=_others_are_undecided())  # of_command
        self.set_command = sa.update(commands).where(  # of_command
            commands.c.id == sa.bindparam("of_command")
        )
        self.decide = self.set_command.values(decided=True, decided_at=now)
        self.set_tracked_run = sa.update(tracked_runs).where(  # of_command, of_run
            tracked_runs.c.command_id == sa.bindparam("of_command"),
            tracked_runs.c.run_id == sa.bindparam("of_run"),
        )
        self.set_start_attempt = sa.update(start_attempts).where(  # of_attempt
            start_attempts.c.id == sa.bindparam("of_attempt")
        )
        self.lose_start_attempts = (  # of_command
            sa.update(start_attempts)
            .where(
                start_attempts.c.command_id == sa.bindparam("of_command"),
                start_attempts.c.outcome == "open",
            )
            .values(outcome="lost")
        )

        # Waking: runs are looked at once more, at once.
        is_followed = tracked_runs.c.next_poll_at.is_not(None)
        self.wake_commit = _waking(  # of_repo, of_sha
            now,
            tracked_runs.c.repo == sa.bindparam("of_repo"),
            tracked_runs.c.sha == sa.bindparam("of_sha"),
            is_followed,
        )
        self.wake_runs = _waking(  # of_runs
            now, tracked_runs.c.run_id.in_(sa.bindparam("of_runs", expanding=True)), is_followed
        )
        self.wake_ended = _waking(now, tracked_runs.c.run_id == sa.bindparam("of_run"))  # of_run

        # What all workers share.
        self.take_periodic_job = self._taking_periodic_job(now)  # name, every
        self.write_budget = (  # account
            sa.select(write_budgets, now.label("now"))
            .where(write_budgets.c.account == sa.bindparam("account"))
            .with_for_update()
        )
        self.set_write_budget = sa.update(write_budgets).where(  # of_account
            write_budgets.c.account == sa.bindparam("of_account")
        )
        self.forget_old = _forgetting(now - KEEP_SECONDS)

        # Reading one work item: work_item.
        theirs = sa.select(commands.c.id).where(
            commands.c.work_item_id == sa.bindparam("work_item")
        )
        self.work_item = sa.select(work_items).where(work_items.c.id == sa.bindparam("work_item"))
        self.commands = (
            sa.select(commands)
            .where(commands.c.work_item_id == sa.bindparam("work_item"))
            .order_by(commands.c.position)
        )
        self.start_attempts = (
            sa.select(start_attempts)
            .where(start_attempts.c.command_id.in_(theirs))
            .order_by(start_attempts.c.id)
        )
        self.pending_changes = sa.select(pending_changes).where(
            pending_changes.c.command_id.in_(theirs)
        )
        self.tracked_runs = (
            sa.select(tracked_runs)
            .where(tracked_runs.c.command_id.in_(theirs))
            .order_by(tracked_runs.c.tracked_since, tracked_runs.c.run_id)
        )

        # Reading further.
        self.claimed_runs = sa.select(tracked_runs.c.run_id).where(  # run_ids
            tracked_runs.c.run_id.in_(sa.bindparam("run_ids", expanding=True))
        )
        self.following = (  # repo, sha
            sa.select(tracked_runs)
            .where(
                tracked_runs.c.repo == sa.bindparam("repo"),
                tracked_runs.c.sha == sa.bindparam("sha"),
                is_followed,
            )
            .order_by(tracked_runs.c.tracked_since)
        )
        self.newest_run = (  # repo, number
            sa.select(tracked_runs)
            .join(commands, commands.c.id == tracked_runs.c.command_id)
            .join(work_items, work_items.c.id == commands.c.work_item_id)
            .where(*_of_pull_request(work_items))
            .order_by(tracked_runs.c.tracked_since.desc())
            .limit(1)
        )
        self.known_run = (  # run_id
            sa.select(tracked_runs)
            .where(tracked_runs.c.run_id == sa.bindparam("run_id"))
            .order_by(tracked_runs.c.tracked_since)
            .limit(1)
        )
        self.head_since = sa.select(heads.c.since).where(  # repo, number, sha
            *_of_pull_request(heads), heads.c.sha == sa.bindparam("sha")
        )
        self.in_fork = (  # repo, sha
            sa.select(heads.c.sha)
            .where(
                heads.c.repo == sa.bindparam("repo"),
                heads.c.sha == sa.bindparam("sha"),
                heads.c.in_fork,
            )
            .limit(1)
        )
        self.newest_heads = (  # repo, number
            sa.select(heads.c.sha, heads.c.since, heads.c.received_at)
            .where(*_of_pull_request(heads))
            .order_by(heads.c.since.desc())
            .limit(50)
        )
        self.newest_head = (  # repo, number, heard_after
            sa.select(heads.c.sha, heads.c.since)
            .where(*_of_pull_request(heads), heads.c.received_at > sa.bindparam("heard_after"))
            .order_by(heads.c.since.desc())
            .limit(1)
        )
        self.count_commands = (  # repo, within, but
            sa.select(sa.func.count())
            .select_from(commands.join(work_items))
            .where(
                work_items.c.repo == sa.bindparam("repo"),
                work_items.c.received_at > now - sa.bindparam("within", type_=sa.Float),
                work_items.c.event.is_(None),
                commands.c.reason.not_in(sa.bindparam("but", expanding=True)),
            )
        )
        self.last_answer = (  # repo, number, line
            sa.select(commands.c.answer)
            .select_from(commands.join(work_items))
            .where(
                *_of_pull_request(work_items),
                work_items.c.event.is_not(None),
                commands.c.line == sa.bindparam("line"),
                commands.c.decided,
                commands.c.answer != "",
            )
            .order_by(commands.c.decided_at.desc())
            .limit(1)
        )

    def _adding(self, table: sa.Table, **same: sa.ColumnElement[Any]) -> sa.Insert:
        """An INSERT of rows that are not there yet; *same* is the same in all."""
        insert = self._store.insert(table)
        if same:
            insert = insert.values(**same)
        return insert.on_conflict_do_nothing()

    def _setting_heads(self, now: sa.ColumnElement[float]) -> sa.Insert:
        insert = self._store.insert(heads).values(received_at=now)
        # Deliveries come in any order: what counts is the last time it became the head.
        return insert.on_conflict_do_update(
            index_elements=[heads.c.repo, heads.c.number, heads.c.sha],
            set_={"since": insert.excluded.since, "received_at": now},
            where=heads.c.since < insert.excluded.since,
        )

    def _taking_periodic_job(self, now: sa.ColumnElement[float]) -> sa.Executable:
        every = sa.bindparam("every", type_=sa.Float)
        insert = self._store.insert(periodic_jobs).values(next_due_at=now + every)
        return insert.on_conflict_do_update(
            index_elements=[periodic_jobs.c.name],
            set_={"next_due_at": insert.excluded.next_due_at},
            where=periodic_jobs.c.next_due_at <= now,
        ).returning(periodic_jobs.c.name)


# What is the same in all new rows stands in the statement: it has not to be sent for each.
_NOTHING: sa.ColumnElement[Any] = sa.literal_column("''")
_ZERO: sa.ColumnElement[Any] = sa.literal_column("0")
_NEW_WORK_ITEM: dict[str, sa.ColumnElement[Any]] = {
    "deciding": sa.true(),
    "acknowledged": sa.false(),
    "reply_attempted": sa.false(),
    "reply_text": _NOTHING,
    "failures": _ZERO,
    "lease_until": _ZERO,
    "fencing_token": _ZERO,
}
_NEW_COMMAND: dict[str, sa.ColumnElement[Any]] = {
    "decided": sa.false(),
    "reason": _NOTHING,
    "answer": _NOTHING,
}


def _of_pull_request(table: sa.Table) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.repo == sa.bindparam("repo"), table.c.number == sa.bindparam("number")


def _is_its_turn() -> sa.ColumnElement[bool]:
    """Commands of a pull request are decided in the order of their comments."""
    # What only happened keeps no command waiting: nobody asked for it.
    earlier = work_items.alias("earlier")
    waits = sa.exists().where(
        sa.or_(earlier.c.event.is_(None), work_items.c.event.is_not(None)),
        earlier.c.repo == work_items.c.repo,
        earlier.c.number == work_items.c.number,
        earlier.c.deciding,
        sa.tuple_(earlier.c.written_at, earlier.c.comment_id, earlier.c.id)
        < sa.tuple_(work_items.c.written_at, work_items.c.comment_id, work_items.c.id),
    )
    return sa.or_(~work_items.c.deciding, ~waits)


def _others_are_undecided() -> sa.ColumnElement[bool]:
    """Whether a work item has undecided commands beside the one that is just decided."""
    return sa.exists().where(
        commands.c.work_item_id == work_items.c.id,
        commands.c.id != sa.bindparam("of_command"),
        ~commands.c.decided,
    )


def _until_due(now: sa.ColumnElement[float]) -> sa.Select[Any]:
    """Seconds until the next step may be claimed; a held one counts from the end of its lease."""
    due = sa.case(
        (work_items.c.lease_until > work_items.c.due_at, work_items.c.lease_until),
        else_=work_items.c.due_at,
    )
    return sa.select(sa.func.min(due) - now).where(work_items.c.due_at.is_not(None), _is_its_turn())


def _waking(now: sa.ColumnElement[float], *which: sa.ColumnElement[bool]) -> Wake:
    theirs = sa.select(commands.c.work_item_id).where(
        commands.c.id.in_(sa.select(tracked_runs.c.command_id).where(*which))
    )
    due = sa.case((work_items.c.due_at < now, work_items.c.due_at), else_=now)
    return (
        sa.update(work_items).where(work_items.c.id.in_(theirs)).values(due_at=due),
        sa.update(tracked_runs).where(*which).values(next_poll_at=0.0, polls=0),
    )


def _forgetting(before: sa.ColumnElement[float]) -> tuple[sa.Delete, ...]:
    """What deletes all that is over and came before a time; the work items at the end."""
    old = sa.select(work_items.c.id).where(
        work_items.c.due_at.is_(None), ~work_items.c.deciding, work_items.c.received_at < before
    )
    theirs = sa.select(commands.c.id).where(commands.c.work_item_id.in_(old))
    return (
        *(sa.delete(table).where(table.c.received_at < before) for table in (deliveries, heads)),
        *(
            sa.delete(table).where(table.c.command_id.in_(theirs))
            for table in (tracked_runs, pending_changes, start_attempts)
        ),
        sa.delete(commands).where(commands.c.work_item_id.in_(old)),
        sa.delete(work_items).where(work_items.c.id.in_(old)),
    )
