"""Deleting what is over and old, some at a time: nobody waits for more than one of these times."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from bot.storage.database import Store
from bot.storage.part import Part
from bot.storage.tables import (
    commands,
    deliveries,
    heads,
    job_failures,
    pending_changes,
    redeliveries,
    start_attempts,
    tracked_runs,
    work_items,
)

AT_ONCE = 200
"""Rows of a kind that are deleted in one transaction. Measured on SQLite with a million finished
requests: 33 ms, with what hangs on them."""


@dataclass(frozen=True, slots=True)
class Deleted:
    """What was deleted in one transaction."""

    work_items: int
    other_rows: int
    """Deliveries, heads and failures of jobs, which go by their own age."""


class Retention(Part):
    """Deletes old rows."""

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        before: sa.BindParameter[float] = sa.bindparam("before", type_=sa.Float)
        ids: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
        self._finished = (  # before
            sa.select(work_items.c.id)
            .where(
                work_items.c.due_at.is_(None),
                sa.or_(~work_items.c.deciding, work_items.c.set_aside_at.is_not(None)),
                work_items.c.received_at < before,
            )
            .order_by(work_items.c.received_at)
            .limit(AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        theirs = sa.select(commands.c.id).where(commands.c.work_item_id.in_(ids))
        self._delete_items = (  # ids
            *(
                sa.delete(table).where(table.c.command_id.in_(theirs))
                for table in (tracked_runs, pending_changes, start_attempts)
            ),
            sa.delete(commands).where(commands.c.work_item_id.in_(ids)),
            sa.delete(work_items).where(work_items.c.id.in_(ids)),
        )
        self._delete_others = tuple(  # before
            _delete_oldest(table, since, before)
            for table, since in (
                *((table, table.c.received_at) for table in (deliveries, heads, redeliveries)),
                (job_failures, job_failures.c.seen_at),
            )
        )

    async def delete_some(self, before: float) -> Deleted:
        """Delete some of what is finished and came before a time by the store's clock.

        It goes on where it stopped when it is called again, with the same time, until nothing is
        left: one time for all, since what is young enough to stay may hang on what is not.
        """

        def work(db: sa.Connection) -> Deleted:
            ids = db.scalars(self._finished, {"before": before}).all()
            for delete in self._delete_items if ids else ():
                db.execute(delete, {"ids": ids})
            others = (db.execute(delete, {"before": before}) for delete in self._delete_others)
            return Deleted(len(ids), sum(deleted.rowcount for deleted in others))

        return await self._store.transact(work)

    async def give_space_back(self) -> bool:
        """Give some of the space of deleted rows back to the disk; whether there may be more."""
        return await self._store.transact(self._store.give_space_back)


def _delete_oldest(
    table: sa.Table, since: sa.Column[float], before: sa.ColumnElement[float]
) -> sa.Delete:
    oldest = sa.select(*table.primary_key).where(since < before).order_by(since).limit(AT_ONCE)
    return sa.delete(table).where(sa.tuple_(*table.primary_key).in_(oldest))
