"""How long rows are kept."""

from __future__ import annotations

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

KEEP_SECONDS = 90 * 24 * 3600.0
"""How long finished work items, deliveries, heads and failures are kept."""


class Retention(Part):
    """Deletes old rows."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._deletes = _deletes(store.now() - KEEP_SECONDS)

    async def delete_old(self) -> int:
        """Delete what is finished and older than KEEP_SECONDS; the number of work items deleted."""

        def work(db: sa.Connection) -> int:
            return [db.execute(delete).rowcount for delete in self._deletes][-1]

        return await self._store.transact(work)


def _deletes(before: sa.ColumnElement[float]) -> tuple[sa.Delete, ...]:
    """Delete what is finished and was received before a time; the work items last."""
    old = sa.select(work_items.c.id).where(
        work_items.c.due_at.is_(None),
        sa.or_(~work_items.c.deciding, work_items.c.set_aside_at.is_not(None)),
        work_items.c.received_at < before,
    )
    theirs = sa.select(commands.c.id).where(commands.c.work_item_id.in_(old))
    return (
        *(
            sa.delete(table).where(table.c.received_at < before)
            for table in (deliveries, heads, redeliveries)
        ),
        sa.delete(job_failures).where(job_failures.c.seen_at < before),
        *(
            sa.delete(table).where(table.c.command_id.in_(theirs))
            for table in (tracked_runs, pending_changes, start_attempts)
        ),
        sa.delete(commands).where(commands.c.work_item_id.in_(old)),
        sa.delete(work_items).where(work_items.c.id.in_(old)),
    )
