"""Heads of pull requests, and commands counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.events import Actor, CommandLine
from bot.core.reasons import Reason
from bot.core.types import CommandId, RepoName
from bot.rules.facts import KnownHead
from bot.storage.ledger import Ledger
from tests.storage.examples import (
    HELLO,
    NEW,
    OLD,
    SHA,
    accepted,
    claimed,
    comment,
    first,
    head,
    new_attempt,
    since,
)
from tests.support.conversation import START
from tests.support.databases import Database

pytestmark = pytest.mark.anyio


async def test_since_when_a_commit_is_the_head(ledger: Ledger) -> None:
    assert await since(ledger, 1, OLD) is None
    assert await ledger.inbox.accept_head(*head("g1", OLD, START))
    assert await since(ledger, 1, OLD) == START
    assert await since(ledger, 1, NEW) is None
    assert await since(ledger, 2, OLD) is None
    assert await since(ledger, 1, OLD, RepoName("octo/other")) is None


async def test_a_head_that_came_from_a_fork(ledger: Ledger) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    await ledger.inbox.accept_head(*head("g2", NEW, START, in_fork=True))
    assert not await ledger.pull_requests.is_from_fork(HELLO, OLD)
    assert not await ledger.pull_requests.is_from_fork(HELLO, SHA)
    assert await ledger.pull_requests.is_from_fork(HELLO, NEW)
    assert not await ledger.pull_requests.is_from_fork(RepoName("octo/other"), NEW)
    # Of several pull requests with this head, one from a fork is enough.
    await ledger.inbox.accept_head(*head("g3", OLD, START, number=2, in_fork=True))
    assert await ledger.pull_requests.is_from_fork(HELLO, OLD)


async def test_the_newest_heads(ledger: Ledger, database: Database) -> None:
    assert await ledger.pull_requests.newest_heads(HELLO, 1) == ()
    await ledger.inbox.accept_head(*head("g1", NEW, START + 20))
    database.passes(1000)
    await ledger.inbox.accept_head(*head("g2", OLD, START + 10))
    await ledger.inbox.accept_head(*head("g3", OLD, START + 99, number=2))
    await ledger.inbox.accept_head(*head("g4", OLD, START + 99, repo=RepoName("octo/other")))
    # By the time they became the head; when a webhook told is another matter.
    assert await ledger.pull_requests.newest_heads(HELLO, 1) == (
        KnownHead(NEW, START + 20, database.ago(1000)),
        KnownHead(OLD, START + 10, database.ago()),
    )


async def test_what_a_decision_needs_to_know(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "run", "list"))
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, CommandId("ic-1.1"), Reason.RATE_LIMITED, "")
    bob = replace(comment(2, number=2), author=Actor("bob"))
    await accepted(ledger, bob, comment(3, repo=RepoName("octo/other")))
    await ledger.inbox.accept_head(*head("g1", NEW, START))
    known = await ledger.pull_requests.known(HELLO, 1, "alice", 3600.0, [Reason.STARTED])
    assert [one.sha for one in known.heads] == [NEW]
    # The reasons count only for the repository.
    assert (known.by_person, known.in_repository) == (2, 0)
    assert (known.runs, known.notices) == (0, 0)


async def test_what_was_started_and_told(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "run", "run", "run"))
    claim = await claimed(ledger)
    attempt = await ledger.items.add_start_attempt(claim, new_attempt(claim))
    await ledger.items.save_decision(
        claim, first(claim), Reason.STARTED, "", settles=replace(attempt, outcome="started")
    )
    await ledger.items.save_decision(claim, CommandId("ic-1.2"), Reason.RATE_LIMITED, "too many")
    await ledger.items.save_decision(claim, CommandId("ic-1.3"), Reason.RATE_LIMITED, "")
    known = await ledger.pull_requests.known(HELLO, 1, "alice", 1e9, [Reason.STARTED])
    assert (known.by_person, known.in_repository, known.runs, known.notices) == (3, 1, 1, 1)
    other = await ledger.pull_requests.known(HELLO, 1, "bob", 1e9, [Reason.STARTED])
    assert (other.by_person, other.in_repository, other.runs, other.notices) == (0, 1, 1, 0)


async def test_commands_are_counted(ledger: Ledger, database: Database) -> None:
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0) == 0
    await accepted(ledger, comment(1, "run", "list"))
    database.passes(1000)
    bob = replace(comment(2, "run", number=2), author=Actor("bob"))
    await accepted(ledger, bob, comment(3, repo=RepoName("octo/other")))
    # What automations do counts for nobody.
    await ledger.inbox.accept_head(*head("g1", OLD, START - 100))
    (claim,) = [one for one in await ledger.queue.claim(10, 10) if one.work_item_id == "ev-g1"]
    await ledger.items.add_commands(claim, [CommandLine("run")])

    assert await ledger.pull_requests.count_commands(HELLO, 3600.0) == 3
    assert await ledger.pull_requests.count_commands(HELLO, 500.0) == 1
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, author="alice") == 2
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, author="bob") == 1
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, author="eve") == 0
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, number=1) == 2
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, author="alice", number=2) == 0
    assert await ledger.pull_requests.count_commands(HELLO, 500.0, author="alice") == 0
