"""The ledger's SQL, each statement built once.

SQLAlchemy takes ten times as long to build a statement as to execute it again, and leaves much for
the garbage collector. What differs from one execution to the next are parameters. Those of a
condition are called `of_…` where the statement also sets columns, which go by their own names.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.schema import (
    budgets,
    commands,
    deeds,
    deliveries,
    heads,
    intents,
    requests,
    runs,
    turns,
)
from bot.store import Store

LEASE_SECONDS = 10.0
"""How long a claim holds without being renewed; a dead worker's work goes on after that."""

KEEP_SECONDS = 90 * 24 * 3600.0
"""How long what is over stays known."""

Wake = tuple[sa.Update, sa.Update]
"""What makes some runs' requests due, and the runs themselves."""


class Statements:
    """What the ledger executes on a store. Times are the store's, in seconds since the epoch."""

    def __init__(self, store: Store) -> None:
        self._store = store
        now = store.now()
        self.now = sa.select(now)
        self.check = sa.select(sa.func.count()).select_from(requests).where(sa.false())

        # Coming in: rows that are not there yet.
        self.add_deliveries = self._adding(deliveries, received_at=now).returning(
            *deliveries.primary_key
        )
        self.add_requests = self._adding(
            requests, received_at=now, due_at=now, **_NEW_REQUEST
        ).returning(*requests.primary_key)
        self.add_commands = self._adding(commands, **_NEW_COMMAND)
        self.add_runs = self._adding(runs)
        self.add_budget = self._adding(budgets)
        self.add_intent = sa.insert(intents)
        self.add_deed = sa.insert(deeds)
        self.set_heads = self._setting_heads(now)

        # Claiming.
        self.due = (  # most
            sa.select(requests.c.id)
            .where(requests.c.due_at <= now, requests.c.lease_until <= now, _is_its_turn())
            .order_by(requests.c.due_at)
            .limit(sa.bindparam("most", type_=sa.Integer))
            .with_for_update(skip_locked=True)
        )
        self.take = (  # of_requests
            sa.update(requests)
            .where(requests.c.id.in_(sa.bindparam("of_requests", expanding=True)))
            .values(lease_until=now + LEASE_SECONDS, fence=requests.c.fence + 1)
            .returning(requests.c.id, requests.c.fence)
        )
        self.until_due = _until_due(now)
        self.release_all = sa.update(requests).values(lease_until=0.0)

        # What a step stores. All of it is fenced by a change of the request.
        delay = sa.bindparam("delay", type_=sa.Float)
        self.hold = sa.update(requests).where(  # of_request, of_fence
            requests.c.id == sa.bindparam("of_request"),
            requests.c.fence == sa.bindparam("of_fence"),
        )
        self.renew = self.hold.values(lease_until=now + LEASE_SECONDS)
        self.rest = self.hold.values(lease_until=0.0, failures=0, failing_since=None)
        self.rest_until = self.rest.values(due_at=now + delay)  # delay
        self.fail = self.hold.values(  # delay
            due_at=now + delay,
            lease_until=0.0,
            failures=requests.c.failures + 1,
            failing_since=sa.func.coalesce(requests.c.failing_since, now),
        )
        self.replied = self.hold.values(replied_at=now)
        self.hold_while_deciding = self.hold.values(deciding=_others_are_undecided())  # of_command
        self.set_command = sa.update(commands).where(  # of_command
            commands.c.id == sa.bindparam("of_command")
        )
        self.decide = self.set_command.values(decided=True, decided_at=now)
        self.set_run = sa.update(runs).where(  # of_command, of_run
            runs.c.command_id == sa.bindparam("of_command"),
            runs.c.run_id == sa.bindparam("of_run"),
        )
        self.set_intent = sa.update(intents).where(  # of_intent
            intents.c.id == sa.bindparam("of_intent")
        )
        self.lose_intents = (  # of_command
            sa.update(intents)
            .where(intents.c.command_id == sa.bindparam("of_command"), intents.c.outcome == "open")
            .values(outcome="lost")
        )

        # Waking: runs are looked at once more, at once.
        is_followed = runs.c.next_look_at.is_not(None)
        self.wake_commit = _waking(  # of_repo, of_sha
            now,
            runs.c.repo == sa.bindparam("of_repo"),
            runs.c.sha == sa.bindparam("of_sha"),
            is_followed,
        )
        self.wake_runs = _waking(  # of_runs
            now, runs.c.run_id.in_(sa.bindparam("of_runs", expanding=True)), is_followed
        )
        self.wake_ended = _waking(now, runs.c.run_id == sa.bindparam("of_run"))  # of_run

        # What all workers share.
        self.take_turn = self._taking_turn(now)  # name, every
        self.budget = (  # account
            sa.select(budgets, now.label("now"))
            .where(budgets.c.account == sa.bindparam("account"))
            .with_for_update()
        )
        self.set_budget = sa.update(budgets).where(  # of_account
            budgets.c.account == sa.bindparam("of_account")
        )
        self.forget_old = _forgetting(now - KEEP_SECONDS)

        # Reading one request: request.
        theirs = sa.select(commands.c.id).where(commands.c.request_id == sa.bindparam("request"))
        self.request = sa.select(requests).where(requests.c.id == sa.bindparam("request"))
        self.commands = (
            sa.select(commands)
            .where(commands.c.request_id == sa.bindparam("request"))
            .order_by(commands.c.place)
        )
        self.intents = (
            sa.select(intents).where(intents.c.command_id.in_(theirs)).order_by(intents.c.id)
        )
        self.deeds = sa.select(deeds).where(deeds.c.command_id.in_(theirs))
        self.runs = (
            sa.select(runs)
            .where(runs.c.command_id.in_(theirs))
            .order_by(runs.c.followed_since, runs.c.run_id)
        )

        # Reading further.
        self.claimed_runs = sa.select(runs.c.run_id).where(  # run_ids
            runs.c.run_id.in_(sa.bindparam("run_ids", expanding=True))
        )
        self.following = (  # repo, sha
            sa.select(runs)
            .where(
                runs.c.repo == sa.bindparam("repo"), runs.c.sha == sa.bindparam("sha"), is_followed
            )
            .order_by(runs.c.followed_since)
        )
        self.newest_run = (  # repo, number
            sa.select(runs)
            .join(commands, commands.c.id == runs.c.command_id)
            .join(requests, requests.c.id == commands.c.request_id)
            .where(*_of_pull_request(requests))
            .order_by(runs.c.followed_since.desc())
            .limit(1)
        )
        self.known_run = (  # run_id
            sa.select(runs)
            .where(runs.c.run_id == sa.bindparam("run_id"))
            .order_by(runs.c.followed_since)
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
        self.newest_head = (  # repo, number, heard_after
            sa.select(heads.c.sha, heads.c.since)
            .where(*_of_pull_request(heads), heads.c.received_at > sa.bindparam("heard_after"))
            .order_by(heads.c.since.desc())
            .limit(1)
        )
        self.count_commands = (  # repo, within, but
            sa.select(sa.func.count())
            .select_from(commands.join(requests))
            .where(
                requests.c.repo == sa.bindparam("repo"),
                requests.c.received_at > now - sa.bindparam("within", type_=sa.Float),
                requests.c.happening.is_(None),
                commands.c.reason.not_in(sa.bindparam("but", expanding=True)),
            )
        )
        self.last_answer = (  # repo, number, line
            sa.select(commands.c.answer)
            .select_from(commands.join(requests))
            .where(
                *_of_pull_request(requests),
                requests.c.happening.is_not(None),
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

    def _taking_turn(self, now: sa.ColumnElement[float]) -> sa.Executable:
        every = sa.bindparam("every", type_=sa.Float)
        insert = self._store.insert(turns).values(next_at=now + every)
        return insert.on_conflict_do_update(
            index_elements=[turns.c.name],
            set_={"next_at": insert.excluded.next_at},
            where=turns.c.next_at <= now,
        ).returning(turns.c.name)


# What is the same in all new rows stands in the statement: it has not to be sent for each.
_NOTHING: sa.ColumnElement[Any] = sa.literal_column("''")
_ZERO: sa.ColumnElement[Any] = sa.literal_column("0")
_NEW_REQUEST: dict[str, sa.ColumnElement[Any]] = {
    "deciding": sa.true(),
    "acknowledged": sa.false(),
    "reply_tried": sa.false(),
    "reply_text": _NOTHING,
    "failures": _ZERO,
    "lease_until": _ZERO,
    "fence": _ZERO,
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
    earlier = requests.alias("earlier")
    waits = sa.exists().where(
        sa.or_(earlier.c.happening.is_(None), requests.c.happening.is_not(None)),
        earlier.c.repo == requests.c.repo,
        earlier.c.number == requests.c.number,
        earlier.c.deciding,
        sa.tuple_(earlier.c.written_at, earlier.c.comment_id, earlier.c.id)
        < sa.tuple_(requests.c.written_at, requests.c.comment_id, requests.c.id),
    )
    return sa.or_(~requests.c.deciding, ~waits)


def _others_are_undecided() -> sa.ColumnElement[bool]:
    """Whether a request has undecided commands beside the one that is just decided."""
    return sa.exists().where(
        commands.c.request_id == requests.c.id,
        commands.c.id != sa.bindparam("of_command"),
        ~commands.c.decided,
    )


def _until_due(now: sa.ColumnElement[float]) -> sa.Select[Any]:
    """Seconds until the next step may be claimed; a held one counts from the end of its lease."""
    due = sa.case(
        (requests.c.lease_until > requests.c.due_at, requests.c.lease_until),
        else_=requests.c.due_at,
    )
    return sa.select(sa.func.min(due) - now).where(requests.c.due_at.is_not(None), _is_its_turn())


def _waking(now: sa.ColumnElement[float], *which: sa.ColumnElement[bool]) -> Wake:
    theirs = sa.select(commands.c.request_id).where(
        commands.c.id.in_(sa.select(runs.c.command_id).where(*which))
    )
    due = sa.case((requests.c.due_at < now, requests.c.due_at), else_=now)
    return (
        sa.update(requests).where(requests.c.id.in_(theirs)).values(due_at=due),
        sa.update(runs).where(*which).values(next_look_at=0.0, looks=0),
    )


def _forgetting(before: sa.ColumnElement[float]) -> tuple[sa.Delete, ...]:
    """What deletes all that is over and came before a time; the requests at the end."""
    old = sa.select(requests.c.id).where(
        requests.c.due_at.is_(None), ~requests.c.deciding, requests.c.received_at < before
    )
    theirs = sa.select(commands.c.id).where(commands.c.request_id.in_(old))
    return (
        *(sa.delete(table).where(table.c.received_at < before) for table in (deliveries, heads)),
        *(
            sa.delete(table).where(table.c.command_id.in_(theirs))
            for table in (runs, deeds, intents)
        ),
        sa.delete(commands).where(commands.c.request_id.in_(old)),
        sa.delete(requests).where(requests.c.id.in_(old)),
    )
