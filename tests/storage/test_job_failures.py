"""Failures as the ledger keeps them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.failures import JobFailure
from bot.core.types import RepoName, RunId, Sha
from bot.storage.job_failures import KNOWN_SECONDS, MAX_FLAKY_RUNS
from bot.storage.ledger import Ledger
from tests.storage.examples import HELLO, NEW, OLD, SHA, head
from tests.support.conversation import START
from tests.support.databases import Database

pytestmark = pytest.mark.anyio

ONE = JobFailure(
    run_id=RunId("r1"),
    job_id="j1",
    attempt=1,
    repo=HELLO,
    sha=SHA,
    workflow="ci.yml",
    job="Test (3.11)",
    job_key="test",
    number=7,
    author="alice",
    org_id="org",
    fingerprint="f1",
    signature="s1",
    repo_id=4711,
)


def unseen(failures: list[JobFailure]) -> list[JobFailure]:
    """Without when they were seen."""
    return sorted(
        (replace(one, seen_at=0.0) for one in failures), key=lambda one: (one.run_id, one.attempt)
    )


async def test_what_is_kept_comes_back(ledger: Ledger) -> None:
    await ledger.job_failures.save([ONE])
    (found,) = await ledger.job_failures.of_runs([ONE.run_id])
    assert found.seen_at >= START
    assert replace(found, seen_at=0.0) == ONE
    assert await ledger.job_failures.of_runs([RunId("r2")]) == []
    await ledger.job_failures.save([])


async def test_by_signature_or_fingerprint(ledger: Ledger) -> None:
    other = replace(ONE, run_id=RunId("r2"), signature="s2")
    third = replace(ONE, run_id=RunId("r3"), signature="", fingerprint="")
    await ledger.job_failures.save([ONE, other, third])
    alike = ledger.job_failures.alike
    assert unseen(await alike(HELLO, {"s1"}, {""})) == [ONE]
    assert unseen(await alike(HELLO, {"s2"}, {"f1"})) == [ONE, other]
    assert await alike(HELLO, {""}, {""}) == []
    assert await alike(RepoName("octo/other"), {"s1"}, {"f1"}) == []


async def test_what_was_seen_long_ago_says_nothing(ledger: Ledger, database: Database) -> None:
    await ledger.job_failures.save([ONE])
    database.passes(KNOWN_SECONDS - 60)
    assert len(await ledger.job_failures.alike(HELLO, {"s1"}, {""})) == 1
    database.passes(120)
    assert await ledger.job_failures.alike(HELLO, {"s1"}, {""}) == []


async def test_a_later_look_tells_more_and_never_less(ledger: Ledger) -> None:
    bare = replace(ONE, signature="", fingerprint="", author="", number=7)
    await ledger.job_failures.save([bare])
    await ledger.job_failures.save([ONE])
    await ledger.job_failures.save([replace(bare, passed_attempt=2)])
    await ledger.job_failures.save([replace(ONE, passed_attempt=3)])
    found = await ledger.job_failures.of_runs([ONE.run_id])
    assert unseen(found) == [replace(ONE, passed_attempt=2)]


async def test_heads_that_pull_requests_share(ledger: Ledger) -> None:
    for guid, sha, number, repo in (
        ("g1", OLD, 1, HELLO),
        ("g2", NEW, 1, HELLO),
        ("g3", OLD, 2, HELLO),
        ("g4", SHA, 3, HELLO),
        ("g5", OLD, 4, RepoName("octo/other")),
    ):
        await ledger.inbox.accept_head(*head(guid, sha, START, number, repo))
    found = await ledger.job_failures.heads(HELLO, 1, SHA)
    assert found.commits == {OLD, NEW}
    assert found.others == {2}
    assert found.of_commit == {3}
    nothing = await ledger.job_failures.heads(HELLO, 9, Sha("c" * 40))
    assert not (nothing.commits | nothing.others | nothing.of_commit)


async def test_flaky_jobs_the_most_often_first(ledger: Ledger, database: Database) -> None:
    passed = replace(ONE, passed_attempt=3)
    await ledger.job_failures.save([passed, replace(passed, attempt=2)])  # one run, two attempts
    database.passes(60)
    for number in range(MAX_FLAKY_RUNS + 2):
        database.passes(1)
        one = replace(passed, run_id=RunId(f"l{number}"), job="Lint", job_key="lint")
        await ledger.job_failures.save([one])
    await ledger.job_failures.save([replace(ONE, run_id=RunId("r9"))])  # did not pass
    lint, test = await ledger.job_failures.flaky("OCTO/Hello")
    assert (lint.job, lint.times, test.job, test.times) == ("Lint", 7, "Test (3.11)", 1)
    assert lint.runs[0] == ("l6", "org")
    assert len(lint.runs) == MAX_FLAKY_RUNS
    assert lint.last_at > test.last_at
    assert await ledger.job_failures.flaky("octo/other") == []
    assert len(await ledger.job_failures.flaky()) == 2
    assert [one.job for one in await ledger.job_failures.flaky(within=30)] == ["Lint"]


async def test_a_renamed_repository_keeps_its_failures(ledger: Ledger) -> None:
    new = RepoName("octo/bonjour")
    await ledger.job_failures.save([ONE, replace(ONE, run_id=RunId("r2"), repo_id=None)])
    await ledger.inbox.rename(4711, HELLO, START)
    await ledger.inbox.rename(4711, new, START + 60)
    while await ledger.inbox.rename_some():
        pass
    assert unseen(await ledger.job_failures.alike(new, {"s1"}, {""})) == [replace(ONE, repo=new)]


async def test_old_failures_are_deleted(ledger: Ledger, database: Database) -> None:
    await ledger.job_failures.save([ONE])
    before = await ledger.queue.now()
    await ledger.retention.delete_some(before - 60)
    assert len(await ledger.job_failures.of_runs([ONE.run_id])) == 1
    await ledger.retention.delete_some(before + 60)
    assert await ledger.job_failures.of_runs([ONE.run_id]) == []
