"""PostgreSQL that is locked, shared with others, or behind a pooler."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import anyio
import psycopg
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from bot.core.models import Claim
from bot.core.reasons import Reason
from bot.engine.worker import Worker
from bot.storage.database import LedgerUnavailable, Store
from bot.storage.ledger import Ledger
from bot.storage.postgresql import IDLE_CONNECTIONS, LEAST_VERSION, TIMEOUTS, check_version
from tests.storage.examples import accepted, comment, first
from tests.support.databases import Database, Halt
from tests.support.pgbouncer import pooled

pytestmark = pytest.mark.anyio

ITEMS = 60


@pytest.fixture
def behind_a_pooler(postgresql: Database) -> Iterator[Database]:
    with pooled(postgresql.url) as url:
        yield Database(url, postgresql.clock)


async def settings(store: Store) -> dict[str, str]:
    """The time-outs that hold in a transaction."""

    def work(db: sa.Connection) -> dict[str, str]:
        return {name: str(db.scalar(sa.select(sa.func.current_setting(name)))) for name in TIMEOUTS}

    return await store.transact(work)


WANTED = {
    "lock_timeout": "2s",
    "statement_timeout": "5s",
    "idle_in_transaction_session_timeout": "10s",
}


# --- time-outs ------------------------------------------------------------------------------------


async def test_nobody_waits_for_a_lock_for_long(postgresql: Database) -> None:
    async with postgresql.opened() as store:
        assert await settings(store) == WANTED
        ledger = Ledger.on(store)
        with psycopg.connect(postgresql.url) as other:
            other.execute("LOCK TABLE work_items")
            with pytest.raises(LedgerUnavailable, match="a lock was not to be had"):
                await accepted(ledger, comment())
        await accepted(ledger, comment())


async def test_nothing_takes_long(postgresql: Database) -> None:
    async with postgresql.opened() as store:
        with pytest.raises(LedgerUnavailable, match="took too long"):
            await store.transact(lambda db: db.execute(sa.select(sa.func.pg_sleep(60))))


async def test_bringing_the_tables_up_to_date_takes_as_long_as_it_needs(
    postgresql: Database,
) -> None:
    async with postgresql.opened() as store:

        def work(db: sa.Connection) -> set[str]:
            store.lift_timeouts(db)
            names = TIMEOUTS
            return {str(db.scalar(sa.select(sa.func.current_setting(name)))) for name in names}

        assert await store.transact(work) == {"0"}
        assert await settings(store) == WANTED


# --- connections ----------------------------------------------------------------------------------

CONNECTIONS = """
    select count(*) from pg_stat_activity
    where datname = current_database() and pid <> pg_backend_pid()
"""


async def test_few_connections_are_kept(postgresql: Database) -> None:
    async with postgresql.opened() as store:
        halts = [Halt() for _ in range(8)]
        working = [asyncio.create_task(store.transact(halt.stand)) for halt in halts]
        for halt in halts:
            await halt.reached.wait()
        listening = asyncio.create_task(store.listen(lambda: None))
        for halt in halts:
            halt.let_go.set()
        await asyncio.gather(*working)
        with anyio.fail_after(30):
            # With the listener's.
            while postgresql.rows(CONNECTIONS) != [(IDLE_CONNECTIONS + 1,)]:
                assert not listening.done()
                await asyncio.sleep(0.01)
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


# --- versions -------------------------------------------------------------------------------------


def test_an_old_server_is_refused() -> None:
    with pytest.raises(LedgerUnavailable, match=r"PostgreSQL 15 or newer is needed; this is 14\.9"):
        check_version((14, 9))
    for version in ((LEAST_VERSION, 0), (18, 1), (LEAST_VERSION + 1,)):
        check_version(version)


# --- a pooler -------------------------------------------------------------------------------------


class Machine:
    """One process that works on a ledger."""

    def __init__(self, store: Store) -> None:
        self._ledger = Ledger.on(store)
        self.worker = Worker(self._ledger.queue, self._step)
        self.steps = 0

    async def _step(self, claim: Claim) -> None:
        item = await self._ledger.items.load(claim.work_item_id)
        self.steps += 1
        if item.commands[0].decided:
            await self._ledger.queue.release(claim, None)
            return
        await self._ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "Yes.")
        await self._ledger.queue.release(claim, 0.0)


async def test_two_machines_work_behind_a_pooler(behind_a_pooler: Database) -> None:
    async with behind_a_pooler.opened() as here, behind_a_pooler.opened() as there:
        comments = [comment(number, number=number) for number in range(1, ITEMS + 1)]
        await asyncio.gather(*(accepted(Ledger.on(here), one) for one in comments))
        machines = [Machine(here), Machine(there)]
        await asyncio.gather(*(machine.worker.drain() for machine in machines))
        assert sum(machine.steps for machine in machines) == 2 * ITEMS
    decided = "select count(*) from commands where decided"
    assert behind_a_pooler.rows(decided) == [(ITEMS,)]


async def test_time_outs_hold_behind_a_pooler_and_are_nobody_elses(
    behind_a_pooler: Database,
) -> None:
    async with behind_a_pooler.opened() as store:
        assert await settings(store) == WANTED
        assert behind_a_pooler.rows("show statement_timeout") == [("0",)]


async def test_behind_a_pooler_work_is_looked_for(behind_a_pooler: Database) -> None:
    woken = asyncio.Queue[None]()
    async with behind_a_pooler.opened() as store:
        with capture_logs() as logs:
            listening = asyncio.create_task(store.listen(lambda: woken.put_nowait(None)))
            with anyio.fail_after(30):
                for _ in range(2):
                    await woken.get()
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    assert [log["event"] for log in logs] == ["notifications_do_not_arrive"]
