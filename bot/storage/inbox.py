"""Accepting deliveries: what a webhook brings is stored once, before GitHub gets its answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import is_, itemgetter
from typing import Any

import sqlalchemy as sa

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.events import Comment
from bot.core.models import GONE_AFTER
from bot.core.types import RepoName
from bot.storage import rows
from bot.storage.database import Store
from bot.storage.group_commit import GroupCommit
from bot.storage.names import Names
from bot.storage.part import (
    NEW_COMMAND,
    NOTHING,
    TRACKING,
    Part,
    adding,
    execute_all,
    of_pull_request,
)
from bot.storage.rows import Values
from bot.storage.tables import commands, deliveries, heads, tracked_runs, work_items


@dataclass(frozen=True, slots=True)
class Incoming:
    """A delivery that is to be stored, with what it brings."""

    delivery: Delivery
    comments: tuple[Comment, ...]
    head: HeadChanged | None = None


MOST_OUTDATED = 10
"""Replies, the newest, that say after a push that the head has moved on."""

OUTDATED_SECONDS = 10.0
"""How long after the push they say so: there is more urgent work then, and a step that is under way
ends meanwhile."""

_ZERO: sa.ColumnElement[Any] = sa.literal_column("0")
_NEW_WORK_ITEM: dict[str, sa.ColumnElement[Any]] = {
    "deciding": sa.true(),
    "author_may_write": sa.false(),
    "acknowledged": sa.false(),
    "reply_attempted": sa.false(),
    "reply_text": NOTHING,
    "failures": _ZERO,
    "lease_until": _ZERO,
    "fencing_token": _ZERO,
}
"""What is the same in all new work items stands in the statement: it is not sent for each."""


class Inbox(Part):
    """Stores deliveries, in one transaction those that come at the same time."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._incoming = GroupCommit(self._accept)
        self._names = Names(store)

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        now = store.now()
        self._add_deliveries = adding(store, deliveries, received_at=now).returning(
            *deliveries.primary_key
        )
        self._add_work_items = adding(
            store, work_items, received_at=now, due_at=now, **_NEW_WORK_ITEM
        ).returning(*work_items.primary_key)
        self._add_commands = adding(store, commands, **NEW_COMMAND)
        self._set_heads = _setting_heads(store, now)
        self._head_before = (  # repo, number, since
            sa.select(heads.c.sha)
            .where(*of_pull_request(heads), heads.c.since < sa.bindparam("since", type_=sa.Float))
            .order_by(heads.c.since.desc())
            .limit(1)
        )
        self._make_outdated_due = _making_outdated_due(now)

    async def accept(self, delivery: Delivery, comments: Sequence[Comment]) -> bool:
        """Store comments with their commands, and events. False when all are known already.

        The same comment under another delivery (two hooks, a redelivery) is the same work item.
        """
        return await self._incoming.add(Incoming(delivery, tuple(comments)))

    async def accept_head(self, delivery: Delivery, head: HeadChanged) -> bool:
        """Store since when a commit is the head, and the event. False when the event is known."""
        return await self._incoming.add(Incoming(delivery, (head.event,), head))

    async def rename(self, repo_id: int, name: RepoName, at: float) -> None:
        """Store what a repository is called now, at a time by GitHub's clock."""

        def work(db: sa.Connection) -> None:
            self._names.keep(db, repo_id, name, at)
            # Another process may have stored rows under the old name since it was renamed.
            self._names.rename_left(db, repo_id, name)

        await self._store.transact(work)

    async def rename_some(self) -> bool:
        """Have some of what is over go by its repository's new name; whether there may be more."""
        return await self._store.transact(self._names.rename_some)

    def _named(self, db: sa.Connection, one: Incoming) -> Incoming:
        """What came in, under the name that its repository has now."""

        def named(comment: Comment) -> Comment:
            if comment.repo_id is None:
                return comment
            which = (comment.repo_id, comment.repo, comment.written_at, comment.installation)
            name = self._names.keep(db, *which)
            return comment if name == comment.repo else replace(comment, repo=name)

        comments = tuple(named(comment) for comment in one.comments)
        if all(map(is_, comments, one.comments)):
            return one
        head = one.head
        if head is not None:
            head = replace(head, repo=comments[0].repo, event=comments[0])
        return replace(one, comments=comments, head=head)

    async def _accept(self, group: Sequence[Incoming]) -> list[bool]:
        """Store deliveries together; for each whether it brought anything new."""

        def work(db: sa.Connection) -> list[bool]:
            named = [self._named(db, one) for one in group]
            execute_all(db, self._set_heads, [rows.head_row(one.head) for one in named if one.head])
            # In one order everywhere: two processes must not wait for each other's rows.
            delivered = [rows.delivery_row(one.delivery) for one in group]
            delivered.sort(key=itemgetter("hook", "guid"))
            new = _add_new(db, self._add_deliveries, delivered)
            fresh = [one for one in named if (one.delivery.hook, one.delivery.guid) in new]
            brought = [(comment.work_item_id, comment) for one in fresh for comment in one.comments]
            items = [rows.work_item_row(*one) for one in brought]
            items.sort(key=itemgetter("id"))
            new_items = _add_new(db, self._add_work_items, items)
            lines = [
                line
                for item_id, comment in brought
                if (item_id,) in new_items
                for line in rows.command_rows(item_id, comment.lines)
            ]
            execute_all(db, self._add_commands, lines)
            for one in fresh:
                if one.head and (one.head.event.work_item_id,) in new_items:
                    self._have_outdated_say_so(db, one.head)
            if new_items:
                self._store.notify(db)
            taken = [_take(one, new_items) if one in fresh else False for one in named]
            stored.extend(comment for one in named for comment in one.comments)
            return taken

        stored: list[Comment] = []
        accepted = await self._store.transact(work)
        self._names.remember(
            {(c.repo_id, c.repo, c.installation) for c in stored if c.repo_id is not None}
        )
        return accepted

    def _have_outdated_say_so(self, db: sa.Connection, head: HeadChanged) -> None:
        """Have replies say that the head has moved on: those of the head that was left, and of one
        that it went back to."""
        which = {"repo": head.repo, "number": head.number, "since": head.since}
        left = head.before or db.scalar(self._head_before, which)
        if left is not None:
            pull = {"of_repo": head.repo, "of_number": head.number}
            db.execute(self._make_outdated_due, {**pull, "of_shas": [left, head.sha]})


def _add_new(
    db: sa.Connection, adding: sa.Executable, values: Sequence[Values]
) -> set[tuple[Any, ...]]:
    """Insert rows that are not there yet; the primary keys of those that were not."""
    return {tuple(row) for row in db.execute(adding, values)} if values else set()


def _take(one: Incoming, new_items: set[tuple[Any, ...]]) -> bool:
    """Whether a delivery brought a new work item; of several that brought it, the first did."""
    brought = {(comment.work_item_id,) for comment in one.comments} & new_items
    new_items -= brought
    return bool(brought)


def _making_outdated_due(now: sa.ColumnElement[float]) -> sa.Update:
    """What has replies say that the head has moved on: each once more, and only those that are
    there. The reply of what is worked on anyway says it by itself, unless that is its last step."""
    shown = (  # of_repo, of_number, of_shas
        sa.select(commands.c.work_item_id)
        .select_from(TRACKING)
        .where(
            tracked_runs.c.repo == sa.bindparam("of_repo"),
            tracked_runs.c.sha.in_(sa.bindparam("of_shas", expanding=True)),
            tracked_runs.c.reply_url.is_(None),
            work_items.c.repo == sa.bindparam("of_repo"),
            work_items.c.number == sa.bindparam("of_number"),
            work_items.c.reply_id.is_not(None),
            work_items.c.reply_missing < GONE_AFTER,
            work_items.c.set_aside_at.is_(None),
            sa.or_(work_items.c.due_at.is_(None), work_items.c.lease_until > now),
        )
        .group_by(commands.c.work_item_id)
        .order_by(sa.func.max(tracked_runs.c.tracked_since).desc())
        .limit(MOST_OUTDATED)
    )
    return (
        sa.update(work_items)
        .where(work_items.c.id.in_(shown))
        .values(due_at=now + OUTDATED_SECONDS)
    )


def _setting_heads(store: type[Store], now: sa.ColumnElement[float]) -> sa.Insert:
    insert = store.insert(heads).values(received_at=now)
    # Deliveries come in any order: what counts is the last time it became the head.
    return insert.on_conflict_do_update(
        index_elements=[heads.c.repo, heads.c.number, heads.c.sha],
        set_={
            "since": insert.excluded.since,
            "received_at": now,
            "repo_id": insert.excluded.repo_id,
        },
        where=heads.c.since < insert.excluded.since,
    )
