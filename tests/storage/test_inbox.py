"""Deliveries are stored once, with what they bring."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from bot.core.events import CommandLine, Source
from bot.core.reasons import Reason
from bot.storage.ledger import Ledger
from tests.storage.examples import (
    OLD,
    accepted,
    claimed,
    comment,
    delivery,
    first,
    head,
    ids,
    since,
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
