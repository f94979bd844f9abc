"""Writes to GitHub are reserved from one budget."""

from __future__ import annotations

import asyncio

import pytest

from bot.core.rate_limit import BURST, Budget
from bot.storage.ledger import Ledger
from tests.support.databases import Database

pytestmark = pytest.mark.anyio


HOUR = int(Budget.full(0.0).hour)


async def test_writes_are_reserved_until_none_is_left(ledger: Ledger, database: Database) -> None:
    for _ in range(int(BURST)):
        assert await ledger.write_budget.reserve_write("a") == 0.0
    if not database.is_postgresql:  # there, another is earned within a second
        assert await ledger.write_budget.reserve_write("a") == 1.0
        assert await ledger.write_budget.reserve_write("a") == 1.0  # asking costs nothing
    assert await ledger.write_budget.reserve_write("b") == 0.0
    database.passes(1)
    assert await ledger.write_budget.reserve_write("a") == 0.0


async def test_some_of_the_hours_writes_are_kept(ledger: Ledger, database: Database) -> None:
    keep = HOUR - 10
    for _ in range(10):
        assert await ledger.write_budget.reserve_write("a", keep=keep) == 0.0
    wait = await ledger.write_budget.reserve_write("a", keep=keep)
    assert wait > 0.0
    assert await ledger.write_budget.reserve_write("a") == 0.0
    # That took one of those which were to be kept.
    assert await ledger.write_budget.reserve_write("a", keep=keep) > wait


async def test_no_write_is_reserved_during_a_pause(ledger: Ledger, database: Database) -> None:
    await ledger.write_budget.pause_writes("a", 60.0)
    assert await ledger.write_budget.reserve_write("a") == database.near(60.0)
    assert await ledger.write_budget.reserve_write("b") == 0.0
    await ledger.write_budget.pause_writes("a", 10.0)  # the longer pause counts
    assert await ledger.write_budget.reserve_write("a") == database.near(60.0)
    database.passes(60)
    assert await ledger.write_budget.reserve_write("a") == 0.0


async def test_one_budget_for_all_machines(postgresql: Database) -> None:
    # An hour's writes are down to five; what comes back within the test is less than one.
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledgers = [Ledger.on(here), Ledger.on(there)]
        waits = await asyncio.gather(
            *(one.write_budget.reserve_write("a", keep=HOUR - 5) for one in ledgers * 10)
        )
    assert sum(wait == 0.0 for wait in waits) == 5
    ((hour,),) = postgresql.rows("select hour from write_budgets where account = 'a'")
    assert hour == pytest.approx(HOUR - 5, abs=1)
