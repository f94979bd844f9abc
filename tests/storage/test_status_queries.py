"""What is read of the ledger for people and for Prometheus, on both databases."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.models import Progress, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha
from bot.storage.database import Store
from bot.storage.ledger import Ledger
from bot.storage.status_queries import MAX_LOOKED, Filter, State, StatusQueries
from tests.storage.examples import HELLO, SHA, accepted, claimed, comment, first
from tests.support.databases import Database
from tests.support.filled import KEPT_SECONDS, fill

pytestmark = pytest.mark.anyio


@pytest.fixture
def archive(store: Store) -> StatusQueries:
    return StatusQueries(store)


def run_of(command_id: CommandId, now: float, state: str = "queued") -> TrackedRun:
    over = state == "finished"
    return TrackedRun(
        command_id=command_id,
        run=Run(RunId("r1"), "org", state),
        repo=HELLO,
        sha=Sha(SHA),
        workflow="ci.yml",
        job="test",
        tracked_since=now,
        next_poll_at=None if over else now + 10,
    )


async def ids(archive: StatusQueries, which: Filter | None = None) -> list[str]:
    page = await archive.page(which or Filter(), 10)
    return [command.command_id for command in page.commands]


async def test_an_empty_ledger(archive: StatusQueries, database: Database) -> None:
    queue = await archive.queue()
    assert (queue.undecided, queue.due, queue.followed_runs) == (0, 0, 0)
    assert queue.oldest is None
    assert queue.oldest_waiting == 0.0
    assert queue.now == database.ago()
    page = await archive.page(Filter(), 10)
    assert (page.commands, page.next) == ((), None)


async def test_the_queue(archive: StatusQueries, ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment(1, "run", "list"))
    database.passes(60)
    await accepted(ledger, comment(2, "run", number=2))
    queue = await archive.queue()
    assert (queue.undecided, queue.due, queue.followed_runs) == (3, 2, 0)
    assert queue.oldest_waiting == database.near(60)


async def test_what_is_followed_waits_for_nobody(
    archive: StatusQueries, ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, comment(1, "run ci.yml job=test"))
    claim = await claimed(ledger)
    now = await ledger.queue.now()
    await ledger.items.save_decision(
        claim, first(claim), Reason.STARTED, "", [run_of(first(claim), now)]
    )
    await ledger.queue.release(claim, 10)
    queue = await archive.queue()
    assert (queue.undecided, queue.due, queue.followed_runs) == (0, 0, 1)
    assert queue.oldest is None
    (command,) = (await archive.page(Filter(), 10)).commands
    assert command.state is State.FOLLOWING
    assert (command.reason, command.repo, command.author) == ("started", HELLO, "alice")
    assert command.received_at == database.ago()
    assert command.decided_at == database.ago()
    (run,) = command.runs
    assert (run.run.run_id, run.run.status, run.workflow, run.job) == (
        *("r1", "queued", "ci.yml", "test"),
    )
    over = run_of(first(claim), now, "finished")
    await ledger.queue.release(claim, None, Progress(runs=(over,)))
    assert (await archive.queue()).followed_runs == 0
    (command,) = (await archive.page(Filter(), 10)).commands
    assert command.state is State.DONE


async def test_filters(archive: StatusQueries, ledger: Ledger) -> None:
    other = replace(comment(2, repo=RepoName("octo/Other"), number=2), repo_id=7)
    await accepted(ledger, comment(1), other)
    claims = {claim.work_item_id: claim for claim in await ledger.queue.claim(10, 10)}
    await ledger.items.save_decision(
        claims[comment(1).work_item_id], CommandId("ic-1.1"), Reason.ANSWERED, "Yes."
    )
    assert sorted(await ids(archive)) == ["ic-1.1", "ic-2.1"]
    assert await ids(archive, Filter(repo="OCTO/other")) == ["ic-2.1"]
    undecided = Filter(repo="OCTO/other", state=State.UNDECIDED)
    assert await ids(archive, undecided) == ["ic-2.1"]
    assert await ids(archive, Filter(repo="octo/%")) == []
    assert await ids(archive, Filter(reason="answered")) == ["ic-1.1"]
    assert await ids(archive, Filter(state=State.UNDECIDED)) == ["ic-2.1"]
    assert await ids(archive, Filter(state=State.DONE)) == ["ic-1.1"]
    assert await ids(archive, Filter(state=State.FOLLOWING)) == []
    assert await ids(archive, Filter("octo/hello", "answered", State.DONE)) == ["ic-1.1"]
    assert await ids(archive, Filter("octo/hello", "started")) == []


async def test_pages(archive: StatusQueries, ledger: Ledger, database: Database) -> None:
    for number in range(1, 5):
        await accepted(ledger, comment(number, "run", "list", "help", number=number))
        database.passes(1)
    expected = [f"ic-{number}.{place}" for number in (4, 3, 2, 1) for place in (3, 2, 1)]
    for limit in (1, 2, 5, 12, 13):
        seen: list[str] = []
        key = None
        while True:
            page = await archive.page(Filter(), limit, key)
            seen += [command.command_id for command in page.commands]
            key = page.next
            if key is None:
                break
            assert len(page.commands) == limit
        assert seen == expected


async def test_an_unknown_key(archive: StatusQueries) -> None:
    with pytest.raises(KeyError):
        await archive.page(Filter(), 10, CommandId("ic-1.1"))


async def test_what_is_rare_is_looked_for_from_page_to_page(
    archive: StatusQueries, ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "Yes.")
    database.passes(KEPT_SECONDS)  # all others are newer
    fill(database.url, MAX_LOOKED + 500, await ledger.queue.now())
    rare = Filter(reason=Reason.ANSWERED.value)
    page = await archive.page(rare, 50)
    assert (page.commands, page.next is None) == ((), False)
    page = await archive.page(rare, 50, page.next)
    assert [command.command_id for command in page.commands] == [first(claim)]
    assert page.next is None
