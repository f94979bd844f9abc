"""Writes to GitHub are let through in order, within what GitHub allows."""

from __future__ import annotations

import asyncio
import math

import pytest

from bot.core.rate_limit import (
    EXPECTED_A_MINUTE,
    HOUR,
    LEAST_OTHERS,
    LONGEST_WAIT,
    PER_HOUR,
    PER_MINUTE,
    UNPRIVILEGED_PATIENCE,
    UNPRIVILEGED_PER_HOUR,
    WriteKind,
)
from bot.core.types import RepoName, WorkItemId
from bot.storage.ledger import Ledger
from bot.storage.write_budget import Reserved
from tests.support.databases import Database

pytestmark = pytest.mark.anyio

HELLO = RepoName("octo/hello")


async def reserve(
    ledger: Ledger,
    item: str,
    kind: WriteKind = WriteKind.FIRST_REPLY,
    account: str = "a",
    repo: RepoName = HELLO,
    is_privileged: bool = True,
    has_reacted: bool = False,
) -> float:
    reserved = await ledger.write_budget.reserve_write(
        account, repo, WorkItemId(item), kind, is_privileged=is_privileged, has_reacted=has_reacted
    )
    return reserved.wait


async def reserve_last_edit(ledger: Ledger, item: str, *, is_privileged: bool = True) -> Reserved:
    """The edit that says how a run ended, and the reaction that follows it."""
    return await ledger.write_budget.reserve_write(
        *("a", HELLO, WorkItemId(item), WriteKind.RESULT),
        is_privileged=is_privileged,
        wants_reaction=True,
    )


async def use_up(ledger: Ledger, writes: int = PER_MINUTE, account: str = "a") -> None:
    for place in range(writes):
        assert await reserve(ledger, f"used-{place}", account=account) == 0.0


async def test_writes_are_reserved_until_none_is_left(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    assert await reserve(ledger, "one") == database.near(60.0)
    assert await reserve(ledger, "one") == database.near(60.0)  # asking again costs nothing
    assert await reserve(ledger, "one", account="b") == 0.0
    database.passes(60)
    assert await reserve(ledger, "one") == 0.0


async def test_the_important_ones_go_first(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    for kind in (WriteKind.PASSING_EDIT, WriteKind.RESULT, WriteKind.FIRST_REPLY):
        assert await reserve(ledger, kind.name, kind) > 0.0
    assert await reserve(ledger, "r", WriteKind.REACTION) > 0.0
    database.passes(60)
    # There is room for two: one goes to the first reply, and one to the result.
    await use_up_all_but(ledger, 2, waiting=3)
    assert await reserve(ledger, "PASSING_EDIT", WriteKind.PASSING_EDIT) > 0.0
    assert await reserve(ledger, "new", WriteKind.RESULT) > 0.0
    assert await reserve(ledger, "RESULT", WriteKind.RESULT) == 0.0
    assert await reserve(ledger, "FIRST_REPLY") == 0.0
    assert await reserve(ledger, "new", WriteKind.RESULT) > 0.0


async def use_up_all_but(ledger: Ledger, left: int, waiting: int) -> None:
    """Write what goes before everything that waits."""
    for place in range(PER_MINUTE - left):
        item = WorkItemId(f"before-{place}")
        # Mentions of nobody: only first replies go before those that wait.
        assert await reserve(ledger, item) == 0.0 or waiting


async def test_repositories_take_turns(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    for place in range(100):
        assert await reserve(ledger, f"busy-{place}") > 0.0
    assert await reserve(ledger, "quiet", repo=RepoName("octo/quiet")) > 0.0
    database.passes(60)
    # The one of the quiet repository has not waited as long, and goes second.
    assert await reserve(ledger, "busy-99") > 0.0
    assert await reserve(ledger, "quiet", repo=RepoName("octo/quiet")) == 0.0
    assert await reserve(ledger, "busy-50") == 0.0


async def test_who_has_not_come_back_holds_up_nobody(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    for place in range(PER_MINUTE):
        await reserve(ledger, f"gone-{place}")
    assert await reserve(ledger, "behind", WriteKind.RESULT) > 60.0
    database.passes(60 + 120)
    assert await reserve(ledger, "behind", WriteKind.RESULT) == 0.0
    assert database.rows("select count(*) from waiting_writes") == [(0,)]


async def test_what_is_optional_keeps_no_place(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    for kind in (WriteKind.REACTION, WriteKind.AFTERTHOUGHT):
        assert await reserve(ledger, "one", kind)
    assert database.rows("select count(*) from waiting_writes") == [(0,)]


async def test_a_reaction_is_reserved_with_the_edit_that_it_follows(ledger: Ledger) -> None:
    kept = WriteKind.REACTION.kept_of_minute
    await use_up(ledger, PER_MINUTE - kept - 2)
    # The edit leaves one write that a reaction may have.
    assert await reserve_last_edit(ledger, "one") == Reserved(0.0, has_reaction=True)
    assert await reserve(ledger, "two", WriteKind.REACTION) > 0.0
    assert await reserve_last_edit(ledger, "two") == Reserved(0.0)
    for place in range(kept - 1):
        assert await reserve(ledger, f"more-{place}") == 0.0
    refused = await reserve_last_edit(ledger, "three")
    assert refused.wait > 0.0
    assert not refused.has_reaction


async def test_a_work_item_waits_once_whatever_it_has_to_write(
    ledger: Ledger, database: Database
) -> None:
    await use_up(ledger)
    await reserve(ledger, "one", WriteKind.PASSING_EDIT)
    await reserve(ledger, "one", WriteKind.RESULT)
    waiting = database.rows("select work_item_id, kind from waiting_writes")
    assert waiting == [("one", WriteKind.RESULT)]


async def test_no_write_is_reserved_during_a_pause(ledger: Ledger, database: Database) -> None:
    await ledger.write_budget.pause_writes("a", 60.0)
    assert await reserve(ledger, "one") == database.near(60.0)
    assert await reserve(ledger, "one", account="b") == 0.0
    await ledger.write_budget.pause_writes("a", 10.0)  # the longer pause counts
    assert await reserve(ledger, "one") == database.near(60.0)
    await ledger.write_budget.pause_writes("a", 10 * LONGEST_WAIT)
    assert await reserve(ledger, "one") == LONGEST_WAIT
    database.passes(10 * LONGEST_WAIT)
    assert await reserve(ledger, "one") == 0.0


async def test_one_budget_for_all_machines(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledgers = [Ledger.on(here), Ledger.on(there)]
        waits = await asyncio.gather(
            *(
                reserve(one, f"{place}-{number}")
                for place, one in enumerate(ledgers)
                for number in range(PER_MINUTE)
            )
        )
    assert sum(wait == 0.0 for wait in waits) == PER_MINUTE
    ((waiting,),) = postgresql.rows("select count(*) from waiting_writes")
    assert waiting == PER_MINUTE


async def test_an_hours_writes_come_to_an_end(ledger: Ledger, database: Database) -> None:
    left = PER_HOUR
    while left:
        await use_up(ledger, min(left, PER_MINUTE))
        left -= min(left, PER_MINUTE)
        database.passes(60)
    assert await reserve(ledger, "one") == LONGEST_WAIT
    database.passes(3600 - 60 * 7)
    assert await reserve(ledger, "one") == 0.0


async def test_results_leave_room_for_first_replies(ledger: Ledger, database: Database) -> None:
    for place in range(LEAST_OTHERS):
        assert await reserve(ledger, f"result-{place}", WriteKind.RESULT) == 0.0
    for minute in range(5):
        database.passes(61)
        await use_up(ledger, EXPECTED_A_MINUTE * (2 if minute else 4))
    # As many as that in five minutes would be nearly all that there is in an hour.
    assert await reserve(ledger, "result", WriteKind.RESULT) > 0.0
    assert await reserve(ledger, "reply") == 0.0
    database.passes(300)
    assert await reserve(ledger, "result", WriteKind.RESULT) == 0.0


# --- those without the write role ----------------------------------------------------------------


async def test_they_have_a_quarter_of_the_hour(ledger: Ledger, database: Database) -> None:
    """As many as there may be in a minute, over two minutes; the others have all that is left."""
    for place in range(UNPRIVILEGED_PER_HOUR):
        if place == PER_MINUTE - 1:
            database.passes(61)
        assert await reserve(ledger, f"stranger-{place}", is_privileged=False) == 0.0
    database.passes(61)
    assert await reserve(ledger, "stranger", is_privileged=False) == math.inf
    assert await reserve(ledger, "writer") == 0.0
    # The first of them leave the hour in a quarter of one: that is waited for.
    database.passes(HOUR - UNPRIVILEGED_PATIENCE)
    assert 0.0 < await reserve(ledger, "stranger", is_privileged=False) < UNPRIVILEGED_PATIENCE
    database.passes(UNPRIVILEGED_PATIENCE)
    assert await reserve(ledger, "stranger", is_privileged=False) == 0.0


async def test_a_writers_reaction_is_given_back(ledger: Ledger, database: Database) -> None:
    """It is written before anybody knows the role."""
    for place in range(PER_MINUTE // 2 - 20):
        item = f"writer-{place}"
        assert await reserve(ledger, item, WriteKind.REACTION, is_privileged=False) == 0.0
        assert await reserve(ledger, item, has_reacted=True) == 0.0
    database.passes(61)
    for place in range(PER_MINUTE):
        assert await reserve(ledger, f"stranger-{place}", is_privileged=False) == 0.0


async def test_what_waits_for_them_holds_up_no_writer(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    for place in range(20):
        assert await reserve(ledger, f"stranger-{place}", is_privileged=False) > 0.0
    assert await reserve(ledger, "writer") == database.near(60.0)
    database.passes(60)
    assert await reserve(ledger, "stranger-19", is_privileged=False) == 0.0
    assert await reserve(ledger, "writer") == 0.0


async def test_what_is_not_written_keeps_no_place(ledger: Ledger, database: Database) -> None:
    await use_up(ledger)
    assert await reserve(ledger, "stranger", is_privileged=False) == database.near(60.0)
    for place in range(UNPRIVILEGED_PER_HOUR):
        if place % (PER_MINUTE - 1) == 0:
            database.passes(61)
        assert await reserve(ledger, f"other-{place}", is_privileged=False) == 0.0
    database.passes(61)
    assert await reserve(ledger, "stranger", is_privileged=False) == math.inf
    assert await reserve(ledger, "writer") == 0.0
