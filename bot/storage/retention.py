"""What is over is forgotten after a while."""

from __future__ import annotations

import sqlalchemy as sa

from bot.storage.database import Store
from bot.storage.part import (
    Part,
)
from bot.storage.tables import (
    commands,
    deliveries,
    heads,
    pending_changes,
    start_attempts,
    tracked_runs,
    work_items,
)

KEEP_SECONDS = 90 * 24 * 3600.0
"""How long what is over stays known."""


class Retention(Part):
    """Deletes what is over and old."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        now = store.now()
        self._forget_old = _forgetting(now - KEEP_SECONDS)

    async def delete_old(self) -> int:
        """Delete what is over and older than it has to be known; how many work items went."""

        def work(db: sa.Connection) -> int:
            return [db.execute(delete).rowcount for delete in self._forget_old][-1]

        return await self._store.transact(work)


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
