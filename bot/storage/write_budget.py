"""How many writes to GitHub each account has left; all workers share it."""

from __future__ import annotations

from dataclasses import asdict
from typing import cast

import sqlalchemy as sa

from bot.core.rate_limit import Budget
from bot.storage.database import Store
from bot.storage.part import Part, adding
from bot.storage.tables import write_budgets


class WriteBudget(Part):
    """Reserves writes within GitHub's secondary rate limits."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        now = store.now()
        self._now = sa.select(now)
        self._add_write_budget = adding(store, write_budgets)
        self._write_budget = (  # account
            sa.select(write_budgets, now.label("now"))
            .where(write_budgets.c.account == sa.bindparam("account"))
            .with_for_update()
        )
        self._set_write_budget = sa.update(write_budgets).where(  # of_account
            write_budgets.c.account == sa.bindparam("of_account")
        )

    async def reserve_write(self, account: str, *, keep: int = 0) -> float:
        """Reserve one write for an account: 0, or in how many seconds to ask again.

        *keep* is how many of the hour's writes stay for more important ones.
        """

        def work(db: sa.Connection) -> float:
            budget, now = self._budget(db, account)
            wait = budget.wait(now, keep)
            if not wait:
                self._set_budget(db, account, budget.spent(now))
            return wait

        return await self._store.transact(work)

    async def pause_writes(self, account: str, seconds: float) -> None:
        """Reserve no writes for this account in the next *seconds*, as GitHub asked."""

        def work(db: sa.Connection) -> None:
            budget, now = self._budget(db, account)
            self._set_budget(db, account, budget.closed(now + seconds))

        await self._store.transact(work)

    def _budget(self, db: sa.Connection, account: str) -> tuple[Budget, float]:
        """An account's budget, locked until the transaction ends, and the time."""
        which = {"account": account}
        row = db.execute(self._write_budget, which).one_or_none()
        if row is None:
            now = cast(float, db.scalar(self._now))
            db.execute(self._add_write_budget, {**which, **asdict(Budget.full(now))})
            row = db.execute(self._write_budget, which).one()
        return Budget(row.minute, row.hour, row.counted_at, row.closed_until), row.now

    def _set_budget(self, db: sa.Connection, account: str, budget: Budget) -> None:
        db.execute(self._set_write_budget, {"of_account": account, **asdict(budget)})
