"""Deliveries are stored once, with what they bring."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.core.events import CommandLine, Source
from bot.core.models import GONE_AFTER, Progress, Reply, TrackedRun
from bot.core.reasons import Reason
from bot.core.types import Sha
from bot.storage.inbox import MOST_OUTDATED, OUTDATED_SECONDS
from bot.storage.ledger import Ledger
from tests.storage.examples import (
    ANY,
    NEW,
    OLD,
    SHA,
    accepted,
    claimed,
    comment,
    delivery,
    first,
    head,
    ids,
    since,
    tracked,
    tracking,
)
from tests.support.conversation import START
from tests.support.databases import Database

pytestmark = pytest.mark.anyio


async def test_what_is_accepted_is_loaded_as_it_was(ledger: Ledger, database: Database) -> None:
    block = CommandLine("run", ("jobs: {}\n", "é"))
    written = replace(comment(1, "run ci.yml", "list"), lines=(CommandLine("list"), block))
    database.passes(5)
    await accepted(ledger, written)
    got = await ledger.items.load(written.work_item_id)
    assert got.comment == written
    assert got.received_at == database.ago()
    assert (got.acknowledged, got.failures, got.failing_since) == (False, 0, None)
    assert [(c.command_id, c.place, c.line, c.decided) for c in got.commands] == [
        ("ic-1.1", 1, CommandLine("list"), False),
        ("ic-1.2", 2, block, False),
    ]
    assert (got.start_attempts, got.pending_changes, got.runs) == ((), (), ())
    assert got.reply.comment_id is None


async def test_nothing_is_accepted_twice(ledger: Ledger) -> None:
    assert await ledger.inbox.accept(delivery(), [comment()])
    assert not await ledger.inbox.accept(delivery(), [comment()])  # delivered again
    assert not await ledger.inbox.accept(delivery(hook="h2"), [comment()])  # through another hook
    assert not await ledger.inbox.accept(delivery("g2"), [comment()])  # under another id
    # A known delivery says nothing new.
    assert not await ledger.inbox.accept(delivery(), [comment(2)])
    assert await ledger.inbox.accept(delivery("g3"), [comment(1, source=Source.REVIEW_COMMENT)])
    # Both are there; of the same second and with the same number, one goes first.
    claim = await claimed(ledger)
    assert claim.work_item_id == "ic-1"
    await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "")
    assert await ids(ledger) == ["rc-1"]


async def test_several_from_one_delivery(ledger: Ledger) -> None:
    assert await ledger.inbox.accept(delivery(), [comment(1), comment(2, number=2)])
    assert await ledger.inbox.accept(delivery("g2"), [comment(2, number=2), comment(3, number=3)])
    assert await ids(ledger) == ["ic-1", "ic-2", "ic-3"]


async def test_a_head_is_also_an_event(ledger: Ledger) -> None:
    push = head("g1", OLD, START)
    assert await ledger.inbox.accept_head(*push)
    claim = await claimed(ledger)
    assert claim.work_item_id == "ev-g1"
    assert (await ledger.items.load(claim.work_item_id)).comment == push[1].event


async def test_the_same_head_delivered_twice(ledger: Ledger) -> None:
    assert await ledger.inbox.accept_head(*head("g1", OLD, START))
    assert not await ledger.inbox.accept_head(*head("g1", OLD, START))
    assert await since(ledger, 1, OLD) == START
    assert await ids(ledger) == ["ev-g1"]


async def test_the_last_time_it_became_the_head_counts(ledger: Ledger) -> None:
    # Force-pushed away and back; deliveries come in any order.
    for guid, at in (("g1", START + 10), ("g2", START + 30), ("g3", START + 20)):
        assert await ledger.inbox.accept_head(*head(guid, OLD, at))
    assert await since(ledger, 1, OLD) == START + 30
    assert await ids(ledger) == ["ev-g1"]  # one after the other, as they happened


async def test_an_older_time_of_a_head_changes_nothing(ledger: Ledger, database: Database) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START + 10))
    database.passes(1000)
    await ledger.inbox.accept_head(*head("g2", OLD, START))
    assert database.rows("select since, received_at from heads") == [
        (START + 10, database.ago(1000))
    ]
    await ledger.inbox.accept_head(*head("g3", OLD, START + 20))
    assert database.rows("select since, received_at from heads") == [(START + 20, database.ago())]


async def test_the_same_comment_through_two_machines_at_once(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        for number in range(10):
            accepting = (
                Ledger.on(store).inbox.accept(
                    delivery(f"g{number}", hook), [comment(number, number=number)]
                )
                for store, hook in ((here, "h1"), (there, "h2"), (here, "h3"), (there, "h1"))
            )
            assert sorted(await asyncio.gather(*accepting)) == [False, False, False, True]
        assert len(await Ledger.on(here).queue.claim(50, 50)) == 10


# --- replies whose head has moved on --------------------------------------------------------------


async def told(
    ledger: Ledger, place: int, run: TrackedRun, reply: Reply | None = None, number: int = 1
) -> str:
    """A work item under a pull request whose reply shows this run, which is over."""
    over = replace(run, next_poll_at=None, tracked_since=START + place)
    await accepted(ledger, comment(place, number=number))
    claim = await claimed(ledger)
    mine = replace(over, command_id=first(claim))
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [mine])
    done = Progress(reply=reply or Reply(place, True, "It passed.", START))
    await ledger.queue.release(claim, None, done)
    return claim.work_item_id


def passed(run_id: str, sha: Sha = OLD) -> TrackedRun:
    return replace(tracked(ANY, run_id, "finished"), sha=sha)


async def is_left(ledger: Ledger, database: Database, *heads: Sha | None) -> list[str]:
    """What a push has done later; *heads* are the one that was left and the new one."""
    before, after = heads
    await ledger.inbox.accept_head(*head("push", after or NEW, START + 60, before=before))
    (event,) = await ids(ledger)  # nothing else at once
    assert event == "ev-push"
    database.passes(OUTDATED_SECONDS)
    return sorted(set(await ids(ledger, 100)) - {event})


@pytest.mark.parametrize("before", [OLD, None])
async def test_replies_of_the_head_that_was_left_are_due_once(
    ledger: Ledger, database: Database, before: Sha | None
) -> None:
    await ledger.inbox.accept_head(*head("opened", OLD, START - 60))
    await ledger.queue.release(await claimed(ledger), None)
    mine = await told(ledger, 1, passed("r1"))
    again = await told(ledger, 2, passed("r2", NEW))
    await told(ledger, 3, passed("r3", SHA))
    await told(ledger, 4, passed("r4"), number=2)
    await told(ledger, 5, replace(passed("r5"), reply_url="elsewhere"))
    await told(ledger, 6, passed("r6"), Reply(None, True))
    await told(ledger, 7, passed("r7"), Reply(7, True, "It passed.", START, missing=GONE_AFTER))
    assert await is_left(ledger, database, before, NEW) == [mine, again]
    # The same push by another delivery.
    push, changed = head("push", NEW, START + 60, before=OLD)
    assert not await ledger.inbox.accept_head(replace(push, guid="again"), changed)
    database.passes(OUTDATED_SECONDS)
    assert set(await ids(ledger, 100)) == {"ev-push", mine, again}  # their leases have ended


async def test_only_the_newest_replies_are_due(ledger: Ledger, database: Database) -> None:
    many = [await told(ledger, place, passed(f"r{place}")) for place in range(1, 14)]
    assert await is_left(ledger, database, OLD, NEW) == sorted(many[-MOST_OUTDATED:])


async def test_what_is_due_anyway_keeps_its_time(ledger: Ledger, database: Database) -> None:
    await tracking(ledger, 1, replace(tracked(ANY), sha=OLD))  # not due for long
    assert await is_left(ledger, database, OLD, NEW) == []


async def test_a_push_during_the_last_step_is_not_lost(ledger: Ledger, database: Database) -> None:
    mine = await told(ledger, 1, passed("r1"))
    await ledger.items.resume_tracking(passed("r1").run, START, "")
    claim = await claimed(ledger)
    await ledger.inbox.accept_head(*head("push", NEW, START + 60, before=OLD))
    await ledger.queue.release(claim, None)
    assert await ids(ledger) == ["ev-push"]
    database.passes(OUTDATED_SECONDS)
    assert mine in await ids(ledger)
