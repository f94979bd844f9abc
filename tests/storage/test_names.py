"""A repository's rows go by its newest name, on both stores."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.core.events import Comment
from bot.core.types import RepoName, Sha, WorkItemId
from bot.storage.ledger import Ledger
from bot.storage.names import AT_ONCE
from bot.storage.tables import repositories
from tests.storage.examples import HELLO, NEW, OLD, accepted, comment, head
from tests.support.conversation import START
from tests.support.databases import Database
from tests.support.filled import fill

pytestmark = pytest.mark.anyio

BONJOUR = RepoName("octo/bonjour")
ID = 4711


def of_id(one: Comment, repo_id: int = ID) -> Comment:
    return replace(one, repo_id=repo_id, installation=1)


async def names(ledger: Ledger, *numbers: int) -> list[str]:
    items = [await ledger.items.load(WorkItemId(f"ic-{number}")) for number in numbers]
    return [item.comment.repo for item in items]


async def test_a_webhook_under_another_name(ledger: Ledger) -> None:
    other = replace(comment(9), repo_id=ID + 1)  # another repository that once had the name
    await accepted(ledger, of_id(comment(1, at=START)), other, comment(8))
    renamed = replace(of_id(comment(2, repo=BONJOUR, at=START + 10)), installation=2)
    await accepted(ledger, renamed)
    assert await names(ledger, 1, 2, 8, 9) == [BONJOUR, BONJOUR, HELLO, HELLO]
    item = await ledger.items.load(WorkItemId("ic-1"))
    assert item.comment.installation == 2
    await accepted(ledger, of_id(comment(3, at=START + 5)))  # it was on its way for long
    assert await names(ledger, 3) == [BONJOUR]
    await accepted(ledger, of_id(comment(4, at=START + 20)))  # and back
    assert await names(ledger, 1, 2, 3, 4) == [HELLO] * 4


async def test_heads_go_with_it(ledger: Ledger) -> None:
    for guid, repo, sha, at in (
        ("g1", HELLO, OLD, START),
        ("g2", HELLO, NEW, START + 1),
        ("g3", BONJOUR, NEW, START + 2),
    ):
        await hears_of_head(ledger, guid, repo, sha, at)
    heads = await ledger.pull_requests.newest_heads(BONJOUR, 1)
    assert [(one.sha, one.since) for one in heads] == [(NEW, START + 2), (OLD, START)]
    assert await ledger.pull_requests.newest_heads(HELLO, 1) == ()


async def hears_of_head(
    ledger: Ledger, guid: str, repo: RepoName, sha: Sha, at: float, repo_id: int = ID
) -> None:
    delivery, changed = head(guid, sha, at)
    event = replace(of_id(changed.event, repo_id), repo=repo)
    await ledger.inbox.accept_head(delivery, replace(changed, repo=repo, event=event))


async def known_heads(ledger: Ledger, repo: RepoName) -> list[str]:
    return [one.sha for one in await ledger.pull_requests.newest_heads(repo, 1)]


async def test_heads_of_another_repository_that_took_the_old_name(ledger: Ledger) -> None:
    await hears_of_head(ledger, "g1", HELLO, OLD, START)
    await hears_of_head(ledger, "g2", HELLO, NEW, START + 1, ID + 1)
    await accepted(ledger, of_id(comment(1, repo=BONJOUR, at=START + 2)))
    assert await known_heads(ledger, BONJOUR) == [OLD]
    assert await known_heads(ledger, HELLO) == [NEW]


async def test_one_head_under_several_names(database: Database) -> None:
    """Other processes went on storing it under the names that they knew."""
    salut = RepoName("octo/salut")
    async with database.opened() as here:
        for guid, name in enumerate((HELLO, BONJOUR, salut)):
            ledger = Ledger.on(here)
            # A webhook that came under each name alone, as if the others were not heard of.
            await here.transact(lambda db: db.execute(sa.delete(repositories)))
            await hears_of_head(ledger, f"g{guid}", name, NEW, START + guid)
        await Ledger.on(here).inbox.rename(ID, RepoName("octo/ciao"), START + 60)
        assert await known_heads(ledger, RepoName("octo/ciao")) == [NEW]
        assert await known_heads(ledger, HELLO) == []


async def test_what_github_said_when_asked(ledger: Ledger) -> None:
    await accepted(ledger, of_id(comment(1, at=START)))
    await ledger.inbox.rename(ID, BONJOUR, START + 60)
    await ledger.inbox.rename(ID, BONJOUR, START + 120)
    assert await names(ledger, 1) == [BONJOUR]
    await ledger.inbox.rename(ID + 5, HELLO, START)  # of which nothing is known
    assert await names(ledger, 1) == [BONJOUR]


async def test_a_transfer_moves_the_installation_too(ledger: Ledger) -> None:
    await accepted(ledger, of_id(comment(1, at=START)))
    await ledger.inbox.rename(ID, BONJOUR, START + 5)  # noticed by a redirect
    moved = replace(of_id(comment(2, repo=BONJOUR, at=START + 10)), installation=2)
    await accepted(ledger, moved)
    item = await ledger.items.load(WorkItemId("ic-1"))
    assert (item.comment.repo, item.comment.installation) == (BONJOUR, 2)


async def test_what_another_process_stored_under_the_old_name(database: Database) -> None:
    async with database.opened() as here:
        ledger = Ledger.on(here)
        await accepted(ledger, of_id(comment(1, at=START)))
        await accepted(ledger, of_id(comment(2, at=START + 1)))  # the name is known by now
        await Ledger.on(here).inbox.rename(ID, BONJOUR, START + 5)
        await accepted(ledger, of_id(comment(3, at=START + 6)))
        await Ledger.on(here).inbox.rename(ID, BONJOUR, START + 9)  # redirected, another time
        assert await names(ledger, 1, 2, 3) == [BONJOUR] * 3


async def test_what_is_over_follows_a_little_at_a_time(ledger: Ledger, database: Database) -> None:
    finished = 3 * AT_ONCE * 2  # half of them in one repository, whose id is 1
    fill(database.url, finished, await ledger.queue.now())
    await accepted(ledger, of_id(comment(1, at=START), repo_id=1))
    other = replace(comment(2), repo_id=ID)  # another repository that has the name by now
    await accepted(ledger, of_id(comment(3, repo=BONJOUR, at=START + 10), repo_id=1), other)
    # What is left to do is renamed at once.
    assert await names(ledger, 1, 2, 3) == [BONJOUR, HELLO, BONJOUR]
    assert in_hello(database) == [finished // 2 + 1, finished // 2, finished // 2]
    assert await ledger.inbox.rename_some()
    assert in_hello(database)[0] == finished // 2 + 1 - AT_ONCE
    while await ledger.inbox.rename_some():
        pass
    assert in_hello(database) == [1, 0, 0]
    assert database.rows("select count(*) from former_names") == [(0,)]


async def test_a_name_that_is_taken_again(ledger: Ledger, database: Database) -> None:
    fill(database.url, 10, await ledger.queue.now())
    for number, repo in ((1, HELLO), (2, BONJOUR), (3, HELLO)):
        await accepted(ledger, of_id(comment(number, repo=repo, at=START + number), repo_id=1))
    while await ledger.inbox.rename_some():
        pass
    assert in_hello(database) == [5 + 3, 5, 5]


def in_hello(database: Database) -> list[int]:
    """How many work items, tracked runs and start attempts are stored under the name."""
    counts = (
        "select count(*) from work_items where repo = 'octo/hello'",
        "select count(*) from tracked_runs where repo = 'octo/hello'",
        "select count(*) from start_attempts where repo = 'octo/hello'",
    )
    return [database.rows(count)[0][0] for count in counts]
