"""Old rows are deleted when their work is finished."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.runs import Run
from bot.core.types import RunId, WorkItemId
from bot.storage.ledger import Ledger
from bot.storage.retention import KEEP_SECONDS
from tests.storage.examples import (
    ANY,
    OLD,
    accepted,
    change,
    comment,
    head,
    new_attempt,
    since,
    tracked,
    tracking,
)
from tests.support.conversation import START
from tests.support.databases import Database

pytestmark = pytest.mark.anyio


async def test_old_rows_are_deleted_when_all_is_finished(
    ledger: Ledger, database: Database
) -> None:
    over = await tracking(ledger, 1, tracked(ANY))
    await ledger.items.add_pending_changes(over, [change(over)])
    await ledger.items.add_start_attempt(over, new_attempt(over))
    await ledger.queue.release(over, None)
    await tracking(ledger, 2, replace(tracked(ANY), run=Run(RunId("r2"), "org", "queued")))
    await accepted(ledger, comment(3, number=3))  # undecided, and never due
    (stuck,) = await ledger.queue.claim(10, 10)
    await ledger.queue.release(stuck, None)
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    (event,) = await ledger.queue.claim(10, 10)
    await ledger.items.add_commands(event, [])
    await ledger.queue.release(event, None)

    database.passes(KEEP_SECONDS - 60)
    assert await ledger.retention.delete_old() == 0
    await accepted(ledger, comment(5, number=5))
    database.passes(120)
    assert await ledger.retention.delete_old() == 2
    assert await ledger.retention.delete_old() == 0
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
