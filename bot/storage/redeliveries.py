"""Deliveries that failed: how far they were looked for, and which were asked for again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import sqlalchemy as sa

from bot.storage.database import Store
from bot.storage.part import Part
from bot.storage.tables import periodic_jobs, redeliveries

MISSED_DELIVERIES = "missed deliveries"
"""The periodic job that looks for them."""


@dataclass(frozen=True, slots=True)
class Redelivery:
    """A delivery that GitHub was asked to send again."""

    attempt_id: int
    """The newest failed attempt for which it was asked; 0 when GitHub did not want to."""
    asked: int
    """How often."""
    asked_at: float
    """When last."""


class Redeliveries(Part):
    """What the search for missed deliveries has to remember."""

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        now = store.now()
        is_job = periodic_jobs.c.name == MISSED_DELIVERIES
        self._looked_until = sa.select(periodic_jobs.c.done_until).where(is_job)
        add_job = store.insert(periodic_jobs).values(name=MISSED_DELIVERIES, next_due_at=0.0)
        self._set_looked_until = add_job.on_conflict_do_update(  # done_until
            index_elements=[periodic_jobs.c.name],
            set_={"done_until": add_job.excluded.done_until},
        )
        self._known = sa.select(redeliveries).where(  # guids
            redeliveries.c.guid.in_(sa.bindparam("guids", expanding=True))
        )
        add = store.insert(redeliveries).values(received_at=now)
        self._save = add.on_conflict_do_update(
            index_elements=[redeliveries.c.guid],
            set_={
                "attempt_id": add.excluded.attempt_id,
                "asked": add.excluded.asked,
                "received_at": now,
            },
        )

    async def looked_until(self) -> float | None:
        """Up to when all deliveries were looked through, by GitHub's clock; none when never."""
        return cast("float | None", await self._scalar(self._looked_until))

    async def save_looked_until(self, time: float) -> None:
        """All deliveries up to this time were looked through."""
        await self._store.transact(
            lambda db: db.execute(self._set_looked_until, {"done_until": time})
        )

    async def known(self, guids: Sequence[str]) -> dict[str, Redelivery]:
        """Those of these deliveries that were asked for again, by guid."""
        found = await self._rows(self._known, guids=guids)
        return {row.guid: Redelivery(row.attempt_id, row.asked, row.received_at) for row in found}

    async def save(self, guid: str, attempt_id: int, asked: int) -> None:
        """GitHub was asked just now to send a delivery again."""
        values = {"guid": guid, "attempt_id": attempt_id, "asked": asked}
        await self._store.transact(lambda db: db.execute(self._save, values))
