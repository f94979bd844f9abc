"""Work items are claimed by one worker, in the order of their comments, when they are due."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.core.events import CommandLine
from bot.core.models import Claim, Progress, Reply, TrackedRun
from bot.core.reasons import Reason
from bot.core.types import CommandId, RepoName, WorkItemId
from bot.storage.database import LedgerUnavailable, Store
from bot.storage.ledger import Ledger
from bot.storage.part import HELD_SECONDS, LeaseLost
from bot.storage.queue import LEASE_SECONDS, REREAD_WITHIN_SECONDS
from bot.storage.tables import work_items
from tests.storage.examples import (
    ANY,
    HELLO,
    NEW,
    OLD,
    SHA,
    accepted,
    change,
    claimed,
    comment,
    first,
    head,
    ids,
    new_attempt,
    tracked,
    tracking,
)
from tests.support.conversation import START
from tests.support.databases import Database, Halt

pytestmark = pytest.mark.anyio


async def test_a_work_item_is_claimed_by_one_worker_at_a_time(
    ledger: Ledger, database: Database
) -> None:
    assert await ledger.queue.until_due() is None
    await accepted(ledger, comment())
    assert await ledger.queue.until_due() == database.near(0.0)
    claim = await claimed(ledger)
    assert await ledger.queue.claim(10, 10) == []
    assert await ledger.queue.until_due() == database.near(LEASE_SECONDS)
    # PostgreSQL's clock goes on by itself: not so near to the end there.
    rest = 5.0 if database.is_postgresql else 0.5
    database.passes(LEASE_SECONDS - rest)
    assert await ledger.queue.claim(10, 10) == []
    await ledger.queue.renew(claim)
    database.passes(LEASE_SECONDS - rest)
    assert await ledger.queue.claim(10, 10) == []
    database.passes(rest)
    again = await claimed(ledger)
    assert again.work_item_id == claim.work_item_id
    assert again.fencing_token > claim.fencing_token


async def test_a_step_that_is_overdue_is_due(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment())
    database.passes(30)
    assert await ledger.queue.until_due() == database.near(-30.0)


async def test_until_something_can_be_claimed(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment(1, at=START), comment(2, at=START + 1))
    claim = await claimed(ledger)
    # The later comment is due, but it is not its turn: only the end of the lease counts.
    assert await ledger.queue.until_due() == database.near(LEASE_SECONDS)
    await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "")
    assert await ledger.queue.until_due() == database.near(0.0)
    (other,) = await ledger.queue.claim(10, 10)
    await ledger.queue.release(other, None)
    await ledger.queue.release(claim, 300.0)
    assert await ledger.queue.until_due() == database.near(300.0)


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # seconds until each is due, and until a lease of it ends
        ([(300.0, None), (5.0, None)], 5.0),
        ([(300.0, None), (-1.0, 10.0)], 10.0),
        ([(5.0, None), (-1.0, 10.0)], 5.0),
        ([(8.0, None), (-1.0, 10.0), (-2.0, 7.0)], 7.0),
        ([(-3.0, -2.0), (-1.0, 10.0)], -2.0),
        ([(20.0, 30.0)], 30.0),
        ([(20.0, 30.0), (25.0, None)], 25.0),
        ([(20.0, 30.0), (40.0, None), (50.0, 60.0)], 30.0),
    ],
)
async def test_a_held_step_counts_from_the_end_of_its_lease(
    ledger: Ledger,
    store: Store,
    database: Database,
    steps: list[tuple[float, float | None]],
    expected: float,
) -> None:
    numbers = range(1, len(steps) + 1)
    await accepted(ledger, *(comment(number, number=number) for number in numbers))

    def work(db: sa.Connection) -> None:
        for number, (due, lease) in zip(numbers, steps, strict=True):
            until = 0.0 if lease is None else store.now() + lease
            its = sa.update(work_items).where(work_items.c.id == f"ic-{number}")
            db.execute(its.values(due_at=store.now() + due, lease_until=until))

    await store.transact(work)
    assert await ledger.queue.until_due() == database.near(expected)


async def test_no_more_than_there_is_room_for(ledger: Ledger) -> None:
    await accepted(ledger, *(comment(n, number=n) for n in range(1, 6)))
    assert len(await ledger.queue.claim(3, 3)) == 3
    assert len(await ledger.queue.claim(3, 3)) == 2
    assert await ledger.queue.claim(3, 3) == []


async def test_commands_and_polls_have_room_of_their_own(
    ledger: Ledger, database: Database
) -> None:
    for number in (1, 2):
        await tracking(ledger, number, tracked(ANY))
    database.passes(1000)
    await accepted(ledger, *(comment(number, number=number) for number in (3, 4)))
    assert await ledger.queue.until_due(polls=0) == database.near(0.0)
    (command,) = await ledger.queue.claim(1, 0)
    assert (command.work_item_id, command.is_poll) == ("ic-3", False)
    # A command that waits for room does not take that of a poll.
    (poll,) = await ledger.queue.claim(0, 1)
    assert (poll.work_item_id, poll.is_poll) == ("ic-1", True)
    assert [claim.is_poll for claim in await ledger.queue.claim(5, 5)].count(True) == 1
    assert await ledger.queue.claim(5, 5) == []


async def test_the_longest_due_goes_first(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment(1, number=1))
    database.passes(1)
    await accepted(ledger, comment(2, number=2))
    assert await ids(ledger, 1) == ["ic-1"]
    assert await ids(ledger, 1) == ["ic-2"]


async def test_released_until_the_next_step(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment())
    await ledger.queue.release(await claimed(ledger), 50.0)
    assert await ledger.queue.until_due() == database.near(50.0)
    assert await ledger.queue.claim(10, 10) == []
    database.passes(50)
    await ledger.queue.release(await claimed(ledger), None)
    assert await ledger.queue.until_due() is None
    database.passes(1e9)
    assert await ledger.queue.claim(10, 10) == []


async def test_failing_steps_are_counted_from_the_first(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment())
    for failures in (1, 2, 3):
        claim = await claimed(ledger)
        await ledger.queue.release_failed(claim, 60.0)
        got = await ledger.items.load(claim.work_item_id)
        assert (got.failures, got.failing_since) == (failures, database.ago(60 * (failures - 1)))
        assert await ledger.queue.until_due() == database.near(60.0)
        assert await ledger.queue.claim(10, 10) == []
        database.passes(60)
    claim = await claimed(ledger)
    await ledger.queue.release(claim, 1.0)
    got = await ledger.items.load(claim.work_item_id)
    assert (got.failures, got.failing_since) == (0, None)


async def test_a_restart_ends_all_leases(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    old = await claimed(ledger)
    await ledger.queue.release_all()
    new = await claimed(ledger)
    assert new.fencing_token > old.fencing_token
    with pytest.raises(LeaseLost):
        await ledger.queue.release(old, 1.0)


async def test_a_lease_that_was_lost_is_not_renewed(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment())
    former = await claimed(ledger)
    database.passes(LEASE_SECONDS)
    await claimed(ledger)
    database.passes(LEASE_SECONDS / 2)
    await ledger.queue.renew(former)
    database.passes(LEASE_SECONDS / 2)
    await claimed(ledger)


async def test_a_lease_that_was_let_go_is_not_renewed(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    await ledger.queue.release(claim, 0.0)
    await ledger.queue.renew(claim)
    await claimed(ledger)


# --- fenced writes --------------------------------------------------------------------------------


WRITES: dict[str, Callable[[Ledger, Claim], Awaitable[object]]] = {
    "release": lambda ledger, claim: ledger.queue.release(
        claim, 1.0, Progress(True, Reply(5, True, "text"), (tracked(claim),))
    ),
    "release_failed": lambda ledger, claim: ledger.queue.release_failed(claim, 1.0),
    "save_decision": lambda ledger, claim: ledger.items.save_decision(
        claim, first(claim), Reason.STARTED, "", [tracked(claim)]
    ),
    "save_postponement": lambda ledger, claim: ledger.items.save_postponement(
        claim, first(claim), "wait", 1.0
    ),
    "add_start_attempt": lambda ledger, claim: ledger.items.add_start_attempt(
        claim, new_attempt(claim)
    ),
    "save_start_attempt": lambda ledger, claim: ledger.items.save_start_attempt(
        claim, new_attempt(claim)
    ),
    "add_commands": lambda ledger, claim: ledger.items.add_commands(claim, [CommandLine("list")]),
    "add_pending_changes": lambda ledger, claim: ledger.items.add_pending_changes(
        claim, [change(claim)]
    ),
    "save_start": lambda ledger, claim: ledger.items.save_start(
        claim, [tracked(claim)], new_attempt(claim)
    ),
    "save_next_start": lambda ledger, claim: ledger.items.save_next_start(
        claim, first(claim), [tracked(claim)], new_attempt(claim)
    ),
    "save_stop": lambda ledger, claim: ledger.items.save_stop(
        claim, first(claim), Reason.CANCELLED, "", new_attempt(claim)
    ),
    "track_runs": lambda ledger, claim: ledger.items.track_runs(claim, [tracked(claim)]),
    "save_reply_attempt": lambda ledger, claim: ledger.items.save_reply_attempt(claim),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_worker_whose_lease_was_taken_over_writes_nothing(
    write: str, ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, comment())
    former = await claimed(ledger)
    database.passes(LEASE_SECONDS)
    current = await claimed(ledger)
    before = await ledger.items.load(former.work_item_id)
    with pytest.raises(LeaseLost):
        await WRITES[write](ledger, former)
    assert await ledger.items.load(former.work_item_id) == before
    await ledger.queue.release(current, 1.0)


async def test_a_write_that_comes_too_late_keeps_no_other_from_being_stored(
    ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, *(comment(number, number=number) for number in (1, 2, 3)))
    former, *others = await ledger.queue.claim(10, 10)
    await ledger.queue.release(former, 0.0)
    await claimed(ledger)
    outcomes = await asyncio.gather(
        *(ledger.queue.release_failed(claim, 60.0) for claim in (former, *others)),
        return_exceptions=True,
    )
    assert [type(outcome) for outcome in outcomes] == [LeaseLost, type(None), type(None)]
    items = [await ledger.items.load(claim.work_item_id) for claim in (former, *others)]
    assert [item.failures for item in items] == [0, 1, 1]


async def test_writes_that_come_together_differ_in_what_they_store(ledger: Ledger) -> None:
    await accepted(ledger, *(comment(number, number=number) for number in (1, 2, 3)))
    claims = await ledger.queue.claim(10, 10)
    stored = (
        Progress(acknowledged=True),
        Progress(reply=Reply(5, True, "text")),
        Progress(acknowledged=True, reply=Reply(6, True, "another")),
    )
    await asyncio.gather(
        *(
            ledger.queue.release(claim, 60.0, progress)
            for claim, progress in zip(claims, stored, strict=True)
        )
    )
    items = [await ledger.items.load(claim.work_item_id) for claim in claims]
    assert [(item.acknowledged, item.reply.text) for item in items] == [
        (True, ""),
        (False, "text"),
        (True, "another"),
    ]


@pytest.mark.parametrize("write", WRITES)
async def test_a_worker_with_the_lease_writes(write: str, ledger: Ledger) -> None:
    await accepted(ledger, comment())
    await WRITES[write](ledger, await claimed(ledger))


async def test_a_lease_that_ended_holds_until_somebody_takes_over(
    ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    database.passes(10 * LEASE_SECONDS)
    await ledger.queue.release(claim, 1.0, Progress(acknowledged=True))
    assert (await ledger.items.load(claim.work_item_id)).acknowledged


# --- the order of a pull request's comments -------------------------------------------------------


async def test_later_comments_wait_until_earlier_ones_are_decided(ledger: Ledger) -> None:
    # They arrive in any order; what counts is when they were written.
    await accepted(ledger, comment(9, "run", "list", at=START + 1), comment(3, at=START + 2))
    await accepted(ledger, comment(4, number=2, at=START + 3))
    assert await ids(ledger) == ["ic-4", "ic-9"]
    assert await ids(ledger) == []


async def test_one_decision_after_the_other(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "run", "list", at=START), comment(2, at=START + 1))
    claim = await claimed(ledger)
    assert claim.work_item_id == "ic-1"
    await ledger.items.save_decision(
        claim, CommandId("ic-1.1"), Reason.STARTED, "", [tracked(claim)]
    )
    await ledger.queue.release(claim, 2.0)
    assert await ids(ledger) == []  # `list` is not decided yet
    await ledger.queue.release_all()


async def test_a_later_comment_is_due_when_all_is_decided(
    ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, comment(1, "run", "list", at=START), comment(2, at=START + 1))
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, CommandId("ic-1.1"), Reason.STARTED, "")
    await ledger.items.save_postponement(claim, CommandId("ic-1.2"), "wait", START)
    await ledger.queue.release(claim, 100.0)
    database.passes(50)
    assert await ids(ledger) == []
    database.passes(50)
    (claim,) = await ledger.queue.claim(10, 10)
    await ledger.items.save_decision(claim, CommandId("ic-1.2"), Reason.ANSWERED, "a list")
    # Tracking its run, it keeps no later comment waiting, and waits for none.
    await ledger.queue.release(claim, 0.0)
    assert await ids(ledger) == ["ic-1", "ic-2"]


async def test_what_changes_no_run_waits_for_nothing_and_keeps_nobody_waiting(
    ledger: Ledger,
) -> None:
    reads = ("help", "status", "list", "can-i", "logs build", "why", "artifacts")
    first_read = comment(1, "help", at=START)
    started = comment(2, "run", at=START + 1)
    later = [comment(3 + n, line, at=START + 2) for n, line in enumerate(reads)]
    waits = [comment(20, "e2e", at=START + 3), comment(21, "help", "cancel", at=START + 3)]
    await accepted(ledger, first_read, started, *later, *waits)
    assert await ids(ledger) == sorted(
        ["ic-1", "ic-2", *(f"ic-{3 + n}" for n, _ in enumerate(reads))]
    )


async def test_a_comment_is_parsed_at_once_and_then_waits(ledger: Ledger) -> None:
    first_run = comment(1, "run", at=START)
    asks = replace(comment(2, at=START + 1), lines=(), text="x\n/depot help")
    starts = replace(comment(3, at=START + 2), lines=(), text="x\n/depot run")
    await accepted(ledger, first_run, asks, starts)
    claims = {claim.work_item_id: claim for claim in await ledger.queue.claim(10, 10)}
    assert sorted(claims) == ["ic-1", "ic-2", "ic-3"]
    assert await ledger.items.add_commands(claims[WorkItemId("ic-2")], [CommandLine("help")])
    run = [CommandLine("run")]
    assert not await ledger.items.add_commands(claims[WorkItemId("ic-3")], run)
    await ledger.queue.release(claims[WorkItemId("ic-3")], 0.0)
    assert await ids(ledger) == []
    earlier = claims[WorkItemId("ic-1")]
    await ledger.items.save_decision(earlier, first(earlier), Reason.STARTED, "")
    assert await ids(ledger) == ["ic-3"]


async def test_what_is_not_parsed_yet_comes_first(ledger: Ledger) -> None:
    unread = replace(comment(1, at=START), lines=(), text="x\n/depot run")
    await accepted(ledger, unread, comment(2, "cancel", at=START + 1))
    claim = await claimed(ledger)
    assert claim.work_item_id == "ic-1"
    await ledger.items.add_commands(claim, [CommandLine("list")])
    assert await ids(ledger) == ["ic-2"]


async def test_comments_of_the_same_second_go_by_their_ids(ledger: Ledger) -> None:
    await accepted(ledger, comment(12), comment(11), comment(13))
    for expected in ("ic-11", "ic-12", "ic-13"):
        claim = await claimed(ledger)
        assert claim.work_item_id == expected
        await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "")
        await ledger.queue.release(claim, None)


async def test_an_earlier_comment_that_arrives_late_does_not_undo_a_decision(
    ledger: Ledger,
) -> None:
    await accepted(ledger, comment(2, at=START + 1))
    later = await claimed(ledger)
    await accepted(ledger, comment(1, at=START))
    assert await ids(ledger) == ["ic-1"]
    await ledger.items.save_decision(later, first(later), Reason.ANSWERED, "")


async def test_other_pull_requests_do_not_wait(ledger: Ledger) -> None:
    other = RepoName("octo/other")
    await accepted(ledger, comment(1), comment(2, number=2), comment(3, repo=other))
    assert await ids(ledger) == ["ic-1", "ic-2", "ic-3"]


async def test_a_comment_does_not_wait_for_an_event(ledger: Ledger) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    claim = await claimed(ledger)
    await ledger.items.add_commands(claim, [CommandLine("run ci.yml")])
    await accepted(ledger, comment(1, at=START + 1))
    assert await ledger.queue.until_due() is not None
    assert await ids(ledger) == ["ic-1"]


async def test_an_event_waits_for_earlier_comments(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, at=START))
    await ledger.inbox.accept_head(*head("g1", OLD, START + 1))
    claim = await claimed(ledger)
    assert claim.work_item_id == "ic-1"
    await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "")
    assert await ids(ledger) == ["ev-g1"]


async def later(ledger: Ledger, run: TrackedRun, seconds: float = 100.0) -> TrackedRun:
    """A run that is polled in so many seconds."""
    return replace(run, next_poll_at=await ledger.queue.now() + seconds)


# --- waking ---------------------------------------------------------------------------------------


async def test_waking_the_runs_on_a_commit(ledger: Ledger, database: Database) -> None:
    assert not await ledger.queue.wake(HELLO, SHA)
    run = await later(ledger, replace(tracked(ANY), polls=4))
    one = await tracking(ledger, 1, run)
    over = replace(tracked(ANY, "r2", "finished"), polls=5, next_poll_at=None, tracked_since=0.0)
    await tracking(ledger, 2, over)
    await tracking(ledger, 3, replace(run, sha=OLD))
    assert await ledger.queue.until_due() == database.near(1000.0)
    assert await ledger.queue.wake(HELLO, SHA)
    assert await ledger.queue.until_due() == database.near(0.0)
    (claim,) = await ledger.queue.claim(10, 10)
    assert claim.work_item_id == one.work_item_id
    (woken,) = (await ledger.items.load(one.work_item_id)).runs
    assert woken.next_poll_at == database.ago()
    assert woken == replace(run, command_id=first(one), polls=0, next_poll_at=woken.next_poll_at)
    # The terminal one is not polled.
    (rests,) = (await ledger.items.load(WorkItemId("ic-2"))).runs
    assert rests == replace(over, command_id=CommandId("ic-2.1"))
    assert not await ledger.queue.wake(HELLO, NEW)


@pytest.mark.parametrize(
    ("seconds", "is_read"), [(5.0, False), (60.0, True), (REREAD_WITHIN_SECONDS + 5, False)]
)
async def test_when_an_earlier_version_read_a_run_is_not_known(
    ledger: Ledger, seconds: float, is_read: bool
) -> None:
    since = await ledger.queue.now() - seconds
    over = replace(tracked(ANY, status="finished"), next_poll_at=None, tracked_since=since)
    await tracking(ledger, 1, over)
    assert await ledger.queue.reread_runs([over.run.run_id]) is is_read


async def test_waking_keeps_the_place_in_the_queue(ledger: Ledger, database: Database) -> None:
    other = await later(ledger, tracked(ANY, "r2"), 5000.0)
    claim = await tracking(ledger, 1, tracked(ANY), other)
    database.passes(1500)
    assert await ledger.queue.wake(HELLO, SHA)
    # It has been due for a while: it does not go to the end of the queue.
    assert await ledger.queue.until_due() == database.near(-500.0)
    assert await ids(ledger) == [claim.work_item_id]


async def test_waking_leaves_the_lease(ledger: Ledger) -> None:
    await tracking(ledger, 1, await later(ledger, tracked(ANY)))
    assert await ledger.queue.wake(HELLO, SHA)
    assert not await ledger.queue.wake(HELLO, SHA)  # it is due already
    claim = await claimed(ledger)
    assert await ledger.queue.wake(HELLO, SHA)
    assert await ledger.queue.claim(10, 10) == []
    await ledger.queue.release(claim, 1.0)


async def test_a_run_that_is_woken_while_it_is_polled_is_polled_again(
    ledger: Ledger, database: Database
) -> None:
    one = await tracking(ledger, 1, await later(ledger, tracked(ANY), 10.0))
    database.passes(1000)
    claim = await claimed(ledger)
    (seen,) = (await ledger.items.load(one.work_item_id)).runs
    assert await ledger.queue.wake(HELLO, SHA)
    polled = replace(seen, polls=7, next_poll_at=await ledger.queue.now() + 30)
    await ledger.queue.release(claim, 30.0, Progress(runs=(polled,)))
    assert await ledger.queue.until_due() == database.near(0.0)
    (saved,) = (await ledger.items.load(one.work_item_id)).runs
    assert (saved.polls, saved.next_poll_at) == (7, database.ago())
    # The next poll has seen that it was woken.
    claim = await claimed(ledger)
    await ledger.queue.release(
        claim, 30.0, Progress(runs=(replace(saved, next_poll_at=polled.next_poll_at),))
    )
    assert await ledger.queue.until_due() == database.near(30.0)


@pytest.mark.parametrize(("delay", "again"), [(None, HELD_SECONDS), (30.0, HELD_SECONDS), (1, 1.0)])
async def test_what_is_woken_while_another_run_is_polled_is_not_lost(
    ledger: Ledger, database: Database, delay: float | None, again: float
) -> None:
    other = await later(ledger, tracked(ANY, "r2"), 5000.0)
    await tracking(ledger, 1, tracked(ANY), other)
    database.passes(1000)
    claim = await claimed(ledger)
    assert await ledger.queue.wake(HELLO, SHA)
    await ledger.queue.release(claim, delay)
    assert await ledger.queue.until_due() == database.near(again)


# --- periodic jobs --------------------------------------------------------------------------------


async def test_a_periodic_job_is_claimed_once(ledger: Ledger, database: Database) -> None:
    assert await ledger.queue.claim_periodic_job("sweep", 300.0)
    assert not await ledger.queue.claim_periodic_job("sweep", 300.0)
    assert await ledger.queue.claim_periodic_job("other", 300.0)
    database.passes(290)
    assert not await ledger.queue.claim_periodic_job("sweep", 300.0)
    database.passes(10)
    assert await ledger.queue.claim_periodic_job("sweep", 300.0)
    assert not await ledger.queue.claim_periodic_job("sweep", 300.0)


async def test_a_periodic_job_is_claimed_by_one_process(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledgers = [Ledger.on(here), Ledger.on(there)] * 5
        for name in ("a", "b", "c"):
            taken = await asyncio.gather(
                *(one.queue.claim_periodic_job(name, 300.0) for one in ledgers)
            )
            assert sorted(taken) == [False] * 9 + [True]


# --- a store that fails ---------------------------------------------------------------------------


async def test_a_store_that_fails_raises_ledger_unavailable(ledger: Ledger, store: Store) -> None:
    await ledger.queue.check()
    await rename(store, "work_items", "elsewhere")
    try:
        for call in (ledger.queue.check, ledger.queue.until_due, lambda: ledger.queue.claim(1, 1)):
            with pytest.raises(LedgerUnavailable):
                await call()
    finally:
        await rename(store, "elsewhere", "work_items")
    await ledger.queue.check()


async def rename(store: Store, table: str, to: str) -> None:
    def work(db: sa.Connection) -> None:
        db.execute(sa.text(f"alter table {table} rename to {to}"))

    await store.transact(work)


# --- several machines -----------------------------------------------------------------------------


async def test_nothing_is_claimed_twice_by_workers_at_once(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledgers = [Ledger.on(here), Ledger.on(there)]
        for number in range(200):
            await accepted(ledgers[0], comment(number, number=number))
        got: list[list[str]] = [[], [], [], []]

        async def worker(ledger: Ledger, mine: list[str]) -> None:
            while claims := await ledger.queue.claim(7, 7):
                mine += [claim.work_item_id for claim in claims]

        await asyncio.gather(
            *(worker(ledger, mine) for ledger, mine in zip(ledgers * 2, got, strict=True))
        )
    everything = sorted(work_item_id for mine in got for work_item_id in mine)
    assert everything == sorted(f"ic-{number}" for number in range(200))
    assert sum(map(bool, got)) > 1  # nobody waited until another was through


async def test_what_another_is_just_claiming_is_left_to_it(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledger = Ledger.on(here)
        await accepted(ledger, comment(1), comment(2, number=2))
        halt = Halt()

        def hold(db: sa.Connection) -> None:
            db.execute(sa.text("select id from work_items where id = 'ic-1' for update"))
            halt.stand(db)

        holding = asyncio.create_task(there.transact(hold))
        await halt.reached.wait()
        assert await ids(ledger) == ["ic-2"]  # at once, without waiting for the lock
        halt.let_go.set()
        await holding
        assert await ids(ledger) == ["ic-1"]


async def test_waking_and_saving_at_once_come_to_an_end(postgresql: Database) -> None:
    """Two that touch the same rows in another order: whatever PostgreSQL ends is done again."""
    async with postgresql.opened() as here, postgresql.opened() as there:
        claims = [
            await tracking(Ledger.on(here), number, tracked(ANY, "r1"), tracked(ANY, "r2"))
            for number in range(1, 9)
        ]
        jobs: list[Awaitable[object]] = []
        for turn in range(5):
            jobs += [
                Ledger.on(there).queue.wake(HELLO, SHA),
                Ledger.on(here).queue.wake(HELLO, SHA),
            ]
            jobs += [
                Ledger.on(here).items.resume_tracking(tracked(ANY, "r2").run, START + turn, "")
            ]
            for claim in claims:
                run = replace(tracked(ANY, "r1"), command_id=first(claim), polls=turn)
                jobs.append(Ledger.on(there).queue.release(claim, 1.0, Progress(runs=(run,))))
        await asyncio.gather(*jobs)
        for claim in claims:
            assert len((await Ledger.on(here).items.load(claim.work_item_id)).runs) == 2
