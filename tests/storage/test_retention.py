"""Old rows are deleted when their work is finished."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from sqlite3 import connect

import pytest

from bot.core.runs import Run
from bot.core.types import RunId, WorkItemId
from bot.storage.ledger import Ledger
from bot.storage.retention import AT_ONCE, Deleted
from tests.storage.examples import (
    ANY,
    OLD,
    accepted,
    change,
    claimed,
    comment,
    head,
    new_attempt,
    since,
    tracked,
    tracking,
)
from tests.support.conversation import START, ManualClock
from tests.support.databases import Database
from tests.support.filled import KEPT_SECONDS, QUIET_SECONDS, fill

pytestmark = pytest.mark.anyio

KEEP_SECONDS = 90 * 24 * 3600.0


async def deleted(ledger: Ledger) -> list[Deleted]:
    """What is deleted each time, until nothing is left to delete."""
    before = await ledger.queue.now() - KEEP_SECONDS
    times: list[Deleted] = []
    while (some := await ledger.retention.delete_some(before)) != Deleted(0, 0):
        times.append(some)
    return times


async def work_items(ledger: Ledger) -> int:
    return sum(some.work_items for some in await deleted(ledger))


async def test_old_rows_are_deleted_when_all_is_finished(
    ledger: Ledger, database: Database
) -> None:
    over = await tracking(ledger, 1, tracked(ANY))
    await ledger.items.add_pending_changes(over, [change(over)])
    await ledger.items.add_start_attempt(over, new_attempt(over))
    await ledger.items.resume_tracking(tracked(ANY).run, START, "")
    await ledger.queue.release(await claimed(ledger), None)
    await tracking(ledger, 2, replace(tracked(ANY), run=Run(RunId("r2"), "org", "queued")))
    await accepted(ledger, comment(3, number=3))  # undecided, and never due
    (stuck,) = await ledger.queue.claim(10, 10)
    await ledger.queue.release(stuck, None)
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    (event,) = await ledger.queue.claim(10, 10)
    await ledger.items.add_commands(event, [])
    await ledger.queue.release(event, None)

    database.passes(KEEP_SECONDS - 60)
    assert await work_items(ledger) == 0
    await accepted(ledger, comment(5, number=5))
    database.passes(120)
    assert await work_items(ledger) == 2
    assert await work_items(ledger) == 0
    for gone in (over.work_item_id, event.work_item_id):
        with pytest.raises(KeyError):
            await ledger.items.load(gone)
    # What is not finished stays, however old, and so does what is young.
    (run,) = (await ledger.items.load(WorkItemId("ic-2"))).runs
    assert run.run.run_id == "r2"
    for kept in ("ic-3", "ic-5"):
        assert len((await ledger.items.load(WorkItemId(kept))).commands) == 1
    assert database.rows("select count(*) from start_attempts") == [(0,)]
    assert database.rows("select count(*) from pending_changes") == [(0,)]
    assert database.rows("select run_id from tracked_runs") == [("r2",)]
    assert database.rows("select guid from deliveries") == [("g-ic-5",)]
    assert await since(ledger, 1, OLD) is None


async def test_a_little_at_a_time(ledger: Ledger, database: Database) -> None:
    finished = 3 * AT_ONCE
    fill(database.url, finished, await ledger.queue.now())
    await tracking(ledger, 1, tracked(ANY))
    database.passes(KEEP_SECONDS - QUIET_SECONDS + 1)
    times = await deleted(ledger)
    assert [some.work_items for some in times] == [AT_ONCE] * 3
    assert max(some.other_rows for some in times) <= 3 * AT_ONCE
    for table in ("deliveries", "commands", "work_items", "start_attempts", "tracked_runs"):
        left = int(table in {"deliveries", "commands", "work_items", "tracked_runs"})
        assert database.rows(f"select count(*) from {table}") == [(left,)], table


async def test_rows_that_come_of_age_meanwhile(sqlite: Database) -> None:
    """Fifty a second reach the horizon, and every look at the clock takes a second."""

    class Passing(ManualClock):
        def now(self) -> float:
            self.time += 1.0
            return self.time

    fill(sqlite.url, 2000, START)
    clock = Passing(START + KEEP_SECONDS - KEPT_SECONDS)
    pace = (KEPT_SECONDS - QUIET_SECONDS) / 2000
    async with Database(sqlite.url, clock).opened() as store:
        ledger = Ledger.on(store)
        left = 2000
        for _ in range(4):
            clock.time += 500 * pace
            left -= await work_items(ledger)
            assert sqlite.rows("select count(*) from work_items") == [(left,)]
    assert left < 10
    assert sqlite.rows("select count(*) from tracked_runs") == [(left,)]


async def test_a_file_shrinks_when_much_of_it_is_free(sqlite: Database, tmp_path: Path) -> None:
    file = tmp_path / "ledger.db"
    fill(sqlite.url, 10_000, START)
    sqlite.clock.time = START + KEEP_SECONDS
    async with sqlite.opened() as store:
        ledger = Ledger.on(store)
        assert not await ledger.retention.give_space_back()  # all of it is used
        before = file.stat().st_size
        await deleted(ledger)
        times = 0
        while await ledger.retention.give_space_back():
            times += 1
        assert times > 1
    # What it keeps is for what comes next.
    assert file.stat().st_size < before / 2


async def test_a_file_that_was_not_made_to_shrink_stays_as_it_is(
    sqlite: Database, tmp_path: Path
) -> None:
    with closing(connect(tmp_path / "ledger.db", isolation_level=None)) as old:
        old.execute("pragma auto_vacuum = none")
        old.execute("vacuum")
    fill(sqlite.url, 10_000, START)
    sqlite.clock.time = START + KEEP_SECONDS
    async with sqlite.opened() as store:
        ledger = Ledger.on(store)
        await deleted(ledger)
        assert not await ledger.retention.give_space_back()
