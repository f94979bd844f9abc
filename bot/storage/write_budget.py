"""The queue of writes to GitHub: who of an account may write now; all workers share it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from bot.core.rate_limit import (
    GRACE,
    LONGEST_WAIT,
    Budget,
    WaitingWrite,
    WriteKind,
    count_ahead,
    enqueued,
)
from bot.core.types import RepoName, WorkItemId
from bot.storage.database import Store
from bot.storage.part import Part
from bot.storage.tables import waiting_writes, write_budgets

PLACE = ("kind", "turn", "since", "asks_at", "is_privileged")
"""What a waiting write is ordered by, and when it asks again."""

MOST_WAITING = 1000
"""Waiting writes that are looked at. What is behind so many waits for LONGEST_WAIT anyway."""


@dataclass(frozen=True, slots=True)
class Reserved:
    """What was reserved."""

    wait: float
    """0: a write; else in how many seconds to ask again; infinite when it is not to be written at
    all."""
    has_reaction: bool = False
    """And a reaction after it."""


class WriteBudget(Part):
    """Grants writes in order, within GitHub's secondary rate limits."""

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        waits = sa.exists().where(waiting_writes.c.account == sa.bindparam("of_account"))
        insert = store.insert(write_budgets).values(
            written="[]", unprivileged="[]", others="[]", closed_until=0.0, turn=0
        )
        self._lock_budget = insert.on_conflict_do_update(  # account, of_account
            index_elements=[write_budgets.c.account],
            set_={"account": insert.excluded.account},  # locks the row
        ).returning(write_budgets, store.now().label("now"), waits.label("is_contended"))
        self._set_budget = sa.update(write_budgets).where(  # of_account
            write_budgets.c.account == sa.bindparam("of_account")
        )
        self._waiting = (  # account
            sa.select(waiting_writes)
            .where(waiting_writes.c.account == sa.bindparam("account"))
            .order_by(
                waiting_writes.c.is_privileged.desc(),
                waiting_writes.c.kind,
                waiting_writes.c.turn,
                waiting_writes.c.since,
            )
            .limit(MOST_WAITING)
        )
        self._forget = sa.delete(waiting_writes).where(  # of_work_item
            waiting_writes.c.work_item_id == sa.bindparam("of_work_item")
        )
        self._forget_lost = sa.delete(waiting_writes).where(  # of_account, before
            waiting_writes.c.account == sa.bindparam("of_account"),
            waiting_writes.c.asks_at <= sa.bindparam("before"),
        )
        enqueue = store.insert(waiting_writes)
        self._enqueue = enqueue.on_conflict_do_update(
            index_elements=[waiting_writes.c.work_item_id],
            set_={name: enqueue.excluded[name] for name in PLACE},
        )

    async def reserve_write(
        self,
        account: str,
        repo: RepoName,
        work_item_id: WorkItemId,
        kind: WriteKind,
        *,
        is_privileged: bool,
        has_reacted: bool = False,
        wants_reaction: bool = False,
    ) -> Reserved:
        """Reserve one write, and with it the reaction that is to follow it where one is wanted and
        possible at once. *is_privileged* says that it is for somebody known to have the write role,
        *has_reacted* that a reaction to them was written when that was not known yet.

        Who has to wait keeps a place in the queue until then; a work item has one, whatever it has
        to write. What is optional is written now or not at all, and keeps none.
        """

        def work(db: sa.Connection) -> Reserved:
            budget, now, is_contended = self._budget(db, account)
            waiting = self._all_waiting(db, account, now) if is_contended else []

            def place(kind: WriteKind, budget: Budget) -> WaitingWrite:
                return enqueued(
                    work_item_id, repo, kind, waiting, budget, now, is_privileged=is_privileged
                )

            mine = place(kind, budget)
            wait = _wait(mine, waiting, budget, now)
            has_reaction = False
            is_waiting = any(one.work_item_id == work_item_id for one in waiting)
            if not wait:
                spent = budget.spent(
                    now,
                    kind,
                    mine.turn if is_waiting else None,
                    is_privileged=is_privileged,
                    has_reacted=has_reacted,
                )
                if wants_reaction:
                    reaction = place(WriteKind.REACTION, spent)
                    has_reaction = not _wait(reaction, waiting, spent, now)
                if has_reaction:
                    spent = spent.spent(now, WriteKind.REACTION, is_privileged=is_privileged)
                self._set(db, account, spent)
            if not wait or wait == math.inf:
                if is_waiting:
                    db.execute(self._forget, {"of_work_item": work_item_id})
                return Reserved(wait, has_reaction)
            wait = min(wait, LONGEST_WAIT)
            if not kind.is_optional:
                values = {
                    "kind": int(kind),
                    "turn": mine.turn,
                    "since": mine.since,
                    "is_privileged": is_privileged,
                }
                which = {"work_item_id": work_item_id, "account": account, "repo": repo}
                db.execute(self._enqueue, {**which, **values, "asks_at": now + wait})
            return Reserved(wait)

        return await self._store.transact(work)

    async def pause_writes(self, account: str, seconds: float) -> None:
        """Reserve no writes for this account in the next *seconds*, as GitHub asked."""

        def work(db: sa.Connection) -> None:
            budget, now, _ = self._budget(db, account)
            self._set(db, account, budget.closed(now + seconds))

        await self._store.transact(work)

    def _budget(self, db: sa.Connection, account: str) -> tuple[Budget, float, bool]:
        """An account's budget, locked until the transaction ends, the time, and whether writes
        wait for it."""
        row = db.execute(self._lock_budget, {"account": account, "of_account": account}).one()
        written, unprivileged, others = (
            msgspec.json.decode(times, type=tuple[float, ...])
            for times in (row.written, row.unprivileged, row.others)
        )
        budget = Budget(written, row.closed_until, row.turn, unprivileged, others)
        return budget, row.now, row.is_contended

    def _all_waiting(self, db: sa.Connection, account: str, now: float) -> list[WaitingWrite]:
        waiting = [_waiting_write(row) for row in db.execute(self._waiting, {"account": account})]
        if any(one.asks_at <= now - GRACE for one in waiting):
            db.execute(self._forget_lost, {"of_account": account, "before": now - GRACE})
        return waiting

    def _set(self, db: sa.Connection, account: str, budget: Budget) -> None:
        values = {
            "written": msgspec.json.encode(budget.written).decode(),
            "unprivileged": msgspec.json.encode(budget.unprivileged).decode(),
            "others": msgspec.json.encode(budget.others).decode(),
            "closed_until": budget.closed_until,
            "turn": budget.turn,
        }
        db.execute(self._set_budget, {"of_account": account, **values})


def _wait(mine: WaitingWrite, waiting: Sequence[WaitingWrite], budget: Budget, now: float) -> float:
    """Seconds until it may be written; 0 when it is now, infinite when it is not to be at all."""
    wait = budget.wait(now, mine.kind, count_ahead(mine, waiting, now))
    if mine.is_privileged:
        return wait
    others = [one for one in waiting if not one.is_privileged]
    return max(wait, budget.wait_unprivileged(now, count_ahead(mine, others, now)))


def _waiting_write(row: sa.Row[Any]) -> WaitingWrite:
    return WaitingWrite(
        WorkItemId(row.work_item_id),
        RepoName(row.repo),
        WriteKind(row.kind),
        row.turn,
        row.since,
        row.asks_at,
        row.is_privileged,
    )
