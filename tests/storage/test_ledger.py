"""The ledger's rules: accepted once, claimed by one, decided in order, started once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.models import Claim, PendingChange, StartAttempt, StartRequest, TrackedRun
from bot.core.rate_limit import BURST, Budget
from bot.core.reasons import Reason
from bot.core.runs import Attempt, Job, Run, Workflow
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId
from bot.storage.database import LedgerUnavailable, Store
from bot.storage.items import StartInProgress
from bot.storage.ledger import Ledger
from bot.storage.part import LeaseLost
from bot.storage.queue import LEASE_SECONDS
from bot.storage.retention import KEEP_SECONDS
from bot.storage.status_queries import Filter, StatusQueries
from bot.storage.tables import commands
from tests.support.conversation import START
from tests.support.databases import Database, Halt

pytestmark = pytest.mark.anyio

HELLO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")


def comment(
    comment_id: int = 1,
    *lines: str,
    number: int = 1,
    repo: RepoName = HELLO,
    at: float = START,
    source: Source = Source.ISSUE_COMMENT,
) -> Comment:
    return Comment(
        source=source,
        repo=repo,
        number=number,
        comment_id=comment_id,
        author=Actor("alice"),
        written_at=at,
        url=f"https://github.com/octo/hello/pull/1#issuecomment-{comment_id}",
        lines=tuple(CommandLine(line) for line in lines or ("run",)),
        installation=7,
        reviewed=SHA,
    )


def delivery(guid: str = "g1", hook: str = "h1") -> Delivery:
    return Delivery(hook, guid, "issue_comment")


async def head_since(ledger: Ledger, repo: RepoName, number: int, sha: Sha) -> float | None:
    heads = await ledger.pull_requests.newest_heads(repo, number)
    return next((head.since for head in heads if head.sha == sha), None)


async def newest_head(
    ledger: Ledger, repo: RepoName, number: int, heard_after: float
) -> tuple[Sha, float] | None:
    heads = await ledger.pull_requests.newest_heads(repo, number)
    return next(((one.sha, one.since) for one in heads if one.received_at > heard_after), None)


async def accepted(ledger: Ledger, *comments: Comment) -> None:
    for one in comments:
        assert await ledger.inbox.accept(delivery(f"g-{one.work_item_id}"), [one])


async def claimed(ledger: Ledger) -> Claim:
    (claim,) = await ledger.queue.claim(10, 10)
    return claim


async def ids(ledger: Ledger, limit: int = 10) -> list[str]:
    return sorted(claim.work_item_id for claim in await ledger.queue.claim(limit, limit))


def first(claim: Claim) -> CommandId:
    return CommandId(f"{claim.work_item_id}.1")


# --- coming in -----------------------------------------------------------------------------------


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
    assert not await ledger.inbox.accept(
        delivery(), [comment(2)]
    )  # a known delivery says nothing new
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


async def test_an_unknown_request(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        await ledger.items.load(WorkItemId("ic-404"))


# --- claiming ------------------------------------------------------------------------------------


async def test_a_request_is_held_by_one_at_a_time(ledger: Ledger, database: Database) -> None:
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


async def test_until_something_may_be_claimed(ledger: Ledger, database: Database) -> None:
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


async def test_no_more_than_there_is_room_for(ledger: Ledger) -> None:
    await accepted(ledger, *(comment(n, number=n) for n in range(1, 6)))
    assert len(await ledger.queue.claim(3, 3)) == 3
    assert len(await ledger.queue.claim(3, 3)) == 2
    assert await ledger.queue.claim(3, 3) == []


async def test_the_longest_due_goes_first(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment(1, number=1))
    database.passes(1)
    await accepted(ledger, comment(2, number=2))
    assert await ids(ledger, 1) == ["ic-1"]
    assert await ids(ledger, 1) == ["ic-2"]


async def test_resting_until_the_next_step(ledger: Ledger, database: Database) -> None:
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
        await ledger.queue.renew(old)


# --- a worker whose lease was taken over ---------------------------------------------------------


def intent(claim: Claim, workflow: str = "ci.yml", sha: Sha = SHA) -> StartAttempt:
    start = StartRequest(HELLO, sha, workflow, "test", ("jobs: {}",))
    return StartAttempt(0, first(claim), start, (RunId("r0"),), START, 0, "open")


def followed(claim: Claim, run_id: str = "r1", status: str = "queued") -> TrackedRun:
    job = Job("j1", "ci.yml:test", status, "Test", (Attempt("a1", 1, status),), 4.0)
    workflow = Workflow("w1", ".depot/workflows/ci.yml", status, "CI", "", (job,))
    run = Run(RunId(run_id), "org", status, (workflow,), 9.5)
    return TrackedRun(
        *(first(claim), run, HELLO, SHA, "ci.yml", "test"),
        tracked_since=START,
        note="a note",
        next_poll_at=START + 2,
    )


def deed(claim: Claim, run_id: str = "r1") -> PendingChange:
    return PendingChange(first(claim), RunId(run_id), {"j1": 1, "j2": 3})


WRITES: dict[str, Callable[[Ledger, Claim], Awaitable[object]]] = {
    "renew": lambda ledger, claim: ledger.queue.renew(claim),
    "rest": lambda ledger, claim: ledger.queue.release(claim, 1.0),
    "fail": lambda ledger, claim: ledger.queue.release_failed(claim, 1.0),
    "acknowledged": lambda ledger, claim: ledger.items.save_acknowledgement(claim),
    "decided": lambda ledger, claim: ledger.items.save_decision(
        claim, first(claim), Reason.STARTED, "", [followed(claim)]
    ),
    "undecided": lambda ledger, claim: ledger.items.save_postponement(
        claim, first(claim), "wait", 1.0
    ),
    "note_intent": lambda ledger, claim: ledger.items.add_start_attempt(claim, intent(claim)),
    "update_intent": lambda ledger, claim: ledger.items.save_start_attempt(claim, intent(claim)),
    "add_commands": lambda ledger, claim: ledger.items.add_commands(claim, [CommandLine("list")]),
    "note_deed": lambda ledger, claim: ledger.items.add_pending_change(claim, deed(claim)),
    "add_runs": lambda ledger, claim: ledger.items.track_runs(claim, [followed(claim)]),
    "looked": lambda ledger, claim: ledger.items.save_run(claim, followed(claim)),
    "replying": lambda ledger, claim: ledger.items.save_reply_attempt(claim),
    "replied": lambda ledger, claim: ledger.items.save_reply(claim, 5, "text"),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_zombie_writes_nothing(write: str, ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment())
    zombie = await claimed(ledger)
    database.passes(LEASE_SECONDS)
    current = await claimed(ledger)
    before = await ledger.items.load(zombie.work_item_id)
    with pytest.raises(LeaseLost):
        await WRITES[write](ledger, zombie)
    assert await ledger.items.load(zombie.work_item_id) == before
    await ledger.queue.renew(current)


@pytest.mark.parametrize("write", WRITES)
async def test_the_holder_writes(write: str, ledger: Ledger) -> None:
    await accepted(ledger, comment())
    await WRITES[write](ledger, await claimed(ledger))


async def test_a_lease_that_ended_holds_until_somebody_takes_over(
    ledger: Ledger, database: Database
) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    database.passes(10 * LEASE_SECONDS)
    await ledger.items.save_acknowledgement(claim)
    assert (await ledger.items.load(claim.work_item_id)).acknowledged


# --- the order of a pull request's comments ------------------------------------------------------


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
        claim, CommandId("ic-1.1"), Reason.STARTED, "", [followed(claim)]
    )
    await ledger.queue.release(claim, 2.0)
    assert await ids(ledger) == []  # `list` is not decided yet
    await ledger.queue.release_all()


async def test_the_gate_opens_when_all_is_decided(ledger: Ledger, database: Database) -> None:
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
    # Following its run, it no longer holds anybody up; nor is it held up by a later comment.
    await ledger.queue.release(claim, 0.0)
    assert await ids(ledger) == ["ic-1", "ic-2"]


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


# --- decisions, runs, replies --------------------------------------------------------------------


async def test_a_decision_is_stored_with_its_run_and_its_intent(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    noted = await ledger.items.add_start_attempt(claim, intent(claim))
    assert noted.attempt_id > 0
    assert (await ledger.items.load(claim.work_item_id)).open_start_attempt(first(claim)) == noted
    run = followed(claim)
    closes = replace(noted, outcome="started", searches=2)
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "text", [run], closes)
    got = await ledger.items.load(claim.work_item_id)
    assert [(c.decided, c.reason, c.answer) for c in got.commands] == [(True, "started", "text")]
    assert got.runs == (run,)
    assert got.start_attempts == (closes,)
    assert got.open_start_attempt(first(claim)) is None
    assert await ledger.items.known_run_ids([RunId("r1"), RunId("r2")]) == {"r1"}


async def test_deciding_again_after_a_crash_changes_nothing(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    for _ in range(2):
        await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [followed(claim)])
    assert (await ledger.items.load(claim.work_item_id)).runs == (followed(claim),)


async def test_another_versions_reason_is_read_as_unknown(ledger: Ledger, store: Store) -> None:
    await accepted(ledger, comment(1, "run", "list"))
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "text")
    other = sa.update(commands).where(commands.c.reason == "started").values(reason="of-tomorrow")
    await store.transact(lambda db: db.execute(other))
    decided, undecided = (await ledger.items.load(claim.work_item_id)).commands
    assert (decided.reason, decided.answer) == (Reason.UNKNOWN, "text")
    assert undecided.reason is None
    archive = StatusQueries(store)
    page = await archive.page(Filter(reason="of-tomorrow"), 10)
    assert [command.reason for command in page.commands] == [Reason.UNKNOWN]


async def test_a_look_replaces_how_a_run_stands(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [followed(claim)])
    over = replace(followed(claim, status="finished"), polls=3, next_poll_at=None, note="")
    await ledger.items.save_run(claim, over)
    assert (await ledger.items.load(claim.work_item_id)).runs == (over,)


async def test_what_is_known_of_the_reply(ledger: Ledger, database: Database) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    await ledger.items.save_reply_attempt(claim)
    got = await ledger.items.load(claim.work_item_id)
    assert (got.reply.comment_id, got.reply.attempted) == (None, True)
    await ledger.items.save_reply(claim, 2**40, "text")
    reply = (await ledger.items.load(claim.work_item_id)).reply
    assert (reply.comment_id, reply.text, reply.written_at) == (2**40, "text", database.ago())


# --- starting once -------------------------------------------------------------------------------


async def test_the_same_thing_is_not_started_twice_at_once(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, number=1), comment(2, number=2))
    one, other = sorted(await ledger.queue.claim(10, 10), key=lambda claim: claim.work_item_id)
    noted = await ledger.items.add_start_attempt(one, intent(one))
    with pytest.raises(StartInProgress):
        await ledger.items.add_start_attempt(other, intent(other))
    assert (await ledger.items.load(other.work_item_id)).start_attempts == ()
    # Another workflow, or another commit, can be told apart.
    await ledger.items.add_start_attempt(other, intent(other, "deploy.yml"))
    await ledger.items.add_start_attempt(other, intent(other, sha=Sha("a" * 40)))
    # Once the first is settled, the way is free.
    await ledger.items.save_start_attempt(one, replace(noted, outcome="started"))
    await ledger.items.add_start_attempt(other, intent(other))


@pytest.mark.parametrize("outcome", ["started", "refused", "unsent", "lost"])
async def test_a_settled_intent_stands_in_nobodys_way(outcome: str, ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    for _ in range(2):
        noted = await ledger.items.add_start_attempt(claim, intent(claim))
        await ledger.items.save_start_attempt(claim, replace(noted, outcome=outcome))
    got = await ledger.items.load(claim.work_item_id)
    assert [one.outcome for one in got.start_attempts] == [outcome] * 2
    assert got.has_lost_start(first(claim)) == (outcome == "lost")


async def test_a_lost_intent_is_replaced_in_one_go(ledger: Ledger) -> None:
    await accepted(ledger, comment(1), comment(2, number=2))
    one, other = sorted(await ledger.queue.claim(10, 10), key=lambda claim: claim.work_item_id)
    noted = await ledger.items.add_start_attempt(one, intent(one))
    lost = replace(noted, outcome="lost")
    second = await ledger.items.add_start_attempt(one, intent(one), lost)
    got = await ledger.items.load(one.work_item_id)
    assert got.start_attempts == (lost, second)
    # When the new one cannot be noted, the old one is as it was.
    await ledger.items.add_start_attempt(other, intent(other, "deploy.yml"))
    with pytest.raises(StartInProgress):
        await ledger.items.add_start_attempt(
            one, intent(one, "deploy.yml"), replace(second, outcome="lost")
        )
    assert (await ledger.items.load(one.work_item_id)).open_start_attempt(first(one)) == second


# --- trouble -------------------------------------------------------------------------------------


async def test_a_store_that_fails_is_said_as_that(ledger: Ledger, store: Store) -> None:
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


async def test_text_that_only_json_can_hold(ledger: Ledger) -> None:
    # A NUL is no character to PostgreSQL. Where texts come as they were typed, JSON is stored.
    block = CommandLine("run", ("a: \x00\u2028\U0001f600",))
    written = replace(comment(), lines=(block,))
    await accepted(ledger, written)
    claim = await claimed(ledger)
    start = StartRequest(HELLO, SHA, "", "", block.blocks, inputs={"a": "\x00"})
    noted = await ledger.items.add_start_attempt(claim, replace(intent(claim), start=start))
    run = replace(followed(claim), run=Run(RunId("r1"), "org", "a\x00b"))
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [run])
    got = await ledger.items.load(claim.work_item_id)
    assert got.comment == written
    assert got.start_attempts == (replace(noted, outcome="lost"),)
    assert got.runs == (run,)


# --- heads ---------------------------------------------------------------------------------------

OLD, NEW = Sha("a" * 40), Sha("b" * 40)


def head(
    guid: str,
    sha: Sha,
    since: float,
    number: int = 1,
    repo: RepoName = HELLO,
    in_fork: bool = False,
) -> tuple[Delivery, HeadChanged]:
    """A push to a pull request, as a delivery tells of it."""
    told = PullRequestEvent("synchronize", guid, sha, "main")
    about = Comment(
        source=Source.EVENT,
        repo=repo,
        number=number,
        comment_id=0,
        author=Actor("alice"),
        written_at=since,
        url="https://github.com/octo/hello/pull/1",
        lines=(),
        installation=7,
        event=told,
    )
    return Delivery("h1", guid, "pull_request"), HeadChanged(
        repo, number, sha, since, in_fork, about
    )


async def test_since_when_a_commit_is_the_head(ledger: Ledger) -> None:
    assert await head_since(ledger, HELLO, 1, OLD) is None
    assert await ledger.inbox.accept_head(*head("g1", OLD, START))
    assert await head_since(ledger, HELLO, 1, OLD) == START
    assert await head_since(ledger, HELLO, 1, NEW) is None
    assert await head_since(ledger, HELLO, 2, OLD) is None
    assert await head_since(ledger, RepoName("octo/other"), 1, OLD) is None


async def test_a_head_is_also_something_that_happened(ledger: Ledger) -> None:
    told = head("g1", OLD, START)
    assert await ledger.inbox.accept_head(*told)
    claim = await claimed(ledger)
    assert claim.work_item_id == "ev-g1"
    assert (await ledger.items.load(claim.work_item_id)).comment == told[1].event


async def test_the_last_time_it_became_the_head_counts(ledger: Ledger) -> None:
    # Force-pushed away and back; deliveries come in any order.
    for guid, since in (("g1", START + 10), ("g2", START + 30), ("g3", START + 20)):
        assert await ledger.inbox.accept_head(*head(guid, OLD, since))
    assert await head_since(ledger, HELLO, 1, OLD) == START + 30
    assert await ids(ledger) == ["ev-g1"]  # one after the other, as they happened


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


async def test_the_same_head_delivered_twice(ledger: Ledger) -> None:
    assert await ledger.inbox.accept_head(*head("g1", OLD, START))
    assert not await ledger.inbox.accept_head(*head("g1", OLD, START))
    assert await head_since(ledger, HELLO, 1, OLD) == START
    assert await ids(ledger) == ["ev-g1"]


async def test_the_newest_head_heard_of(ledger: Ledger, database: Database) -> None:
    assert await newest_head(ledger, HELLO, 1, 0.0) is None
    await ledger.inbox.accept_head(*head("g1", NEW, START + 20))
    await ledger.inbox.accept_head(*head("g2", OLD, START + 10))
    await ledger.inbox.accept_head(*head("g3", OLD, START + 99, number=2))
    await ledger.inbox.accept_head(*head("g4", OLD, START + 99, repo=RepoName("octo/other")))
    assert await newest_head(ledger, HELLO, 1, 0.0) == (NEW, START + 20)
    ((heard,),) = database.rows("select min(received_at) from heads")
    assert heard == database.ago()
    # Only what was heard of lately: GitHub itself may show an older head meanwhile.
    assert await newest_head(ledger, HELLO, 1, heard - 1) == (NEW, START + 20)
    assert await newest_head(ledger, HELLO, 1, heard + 1000) is None


async def test_hearing_of_an_older_time_of_a_head_is_no_news(
    ledger: Ledger, database: Database
) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START + 10))
    database.passes(1000)
    await ledger.inbox.accept_head(*head("g2", OLD, START))
    assert database.rows("select since, received_at from heads") == [
        (START + 10, database.ago(1000))
    ]
    await ledger.inbox.accept_head(*head("g3", OLD, START + 20))
    assert database.rows("select since, received_at from heads") == [(START + 20, database.ago())]


# --- happenings and deeds ------------------------------------------------------------------------


async def test_what_a_happening_leads_to(ledger: Ledger) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    claim = await claimed(ledger)
    lines = [CommandLine("run ci.yml"), CommandLine("list")]
    for _ in range(2):  # again after a crash
        await ledger.items.add_commands(claim, lines)
    got = await ledger.items.load(claim.work_item_id)
    assert [(c.command_id, c.place, c.line) for c in got.commands] == [
        ("ev-g1.1", 1, lines[0]),
        ("ev-g1.2", 2, lines[1]),
    ]


async def test_a_happening_keeps_nobody_waiting(ledger: Ledger) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    claim = await claimed(ledger)
    await ledger.items.add_commands(claim, [CommandLine("run ci.yml")])
    await accepted(ledger, comment(1, at=START + 1))
    assert await ledger.queue.until_due() is not None
    assert await ids(ledger) == ["ic-1"]


async def test_a_happening_waits_for_what_was_asked_before_it(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, at=START))
    await ledger.inbox.accept_head(*head("g1", OLD, START + 1))
    claim = await claimed(ledger)
    assert claim.work_item_id == "ic-1"
    await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, "")
    assert await ids(ledger) == ["ev-g1"]


async def test_a_happening_that_leads_to_nothing(ledger: Ledger, database: Database) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    claim = await claimed(ledger)
    await ledger.items.add_commands(claim, [])
    assert (await ledger.items.load(claim.work_item_id)).commands == ()
    assert database.rows("select id from work_items where deciding") == []


async def test_a_deed_is_noted_once(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "retry", "cancel"))
    claim = await claimed(ledger)
    await ledger.items.add_pending_change(claim, deed(claim))
    got = await ledger.items.load(claim.work_item_id)
    assert got.pending_changes == (deed(claim),)
    assert got.pending_change(CommandId("ic-1.1")) == deed(claim)
    assert got.pending_change(CommandId("ic-1.2")) is None
    # What it was about to do is not changed afterwards.
    with pytest.raises(LedgerUnavailable):
        await ledger.items.add_pending_change(claim, deed(claim, "r2"))
    assert (await ledger.items.load(claim.work_item_id)).pending_changes == (deed(claim),)


# --- runs ----------------------------------------------------------------------------------------


async def following(ledger: Ledger, number: int, *runs: TrackedRun) -> Claim:
    """A request that is decided, follows these runs, and rests for a long time."""
    await accepted(ledger, comment(number, number=number))
    (claim,) = await ledger.queue.claim(10, 10)
    mine = [replace(run, command_id=first(claim)) for run in runs]
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", mine)
    await ledger.queue.release(claim, 1000.0)
    return claim


ANY = Claim(WorkItemId("ic-0"), 0)


async def test_further_runs_are_followed_once(ledger: Ledger) -> None:
    claim = await following(ledger, 1, followed(ANY))
    one, two = (replace(followed(ANY, run_id), command_id=first(claim)) for run_id in ("r1", "r2"))
    changed = replace(one, note="another")
    for _ in range(2):
        await ledger.items.track_runs(claim, [changed, two])
    assert (await ledger.items.load(claim.work_item_id)).runs == (one, two)


async def test_the_runs_that_are_followed_on_a_commit(ledger: Ledger) -> None:
    older = replace(followed(ANY, "r1"), tracked_since=START - 5)
    newer = replace(followed(ANY, "r2"), tracked_since=START)
    over = replace(followed(ANY, "r3", "finished"), next_poll_at=None)
    elsewhere = replace(followed(ANY, "r4"), sha=OLD)
    abroad = replace(followed(ANY, "r5"), repo=RepoName("octo/other"))
    await following(ledger, 1, newer, over, elsewhere, abroad)
    await following(ledger, 2, older, newer)
    found = await ledger.items.tracked_runs_at(HELLO, SHA)
    assert found[0] == replace(older, command_id=CommandId("ic-2.1"))
    assert {run.command_id for run in found[1:]} == {"ic-1.1", "ic-2.1"}
    assert {run.run.run_id for run in found[1:]} == {"r2"}
    assert len(found) == 3
    assert await ledger.items.tracked_runs_at(HELLO, NEW) == []


async def test_the_newest_run_of_a_pull_request(ledger: Ledger) -> None:
    assert await ledger.items.newest_run(HELLO, 1) is None
    older = replace(followed(ANY, "r1"), tracked_since=START - 5)
    newer = replace(followed(ANY, "r0", "finished"), next_poll_at=None)
    await following(ledger, 1, newer, older)
    await following(ledger, 2, replace(followed(ANY, "r9"), tracked_since=START + 9))
    newest = await ledger.items.newest_run(HELLO, 1)
    assert newest == replace(newer, command_id=CommandId("ic-1.1"))
    assert await ledger.items.newest_run(RepoName("octo/other"), 1) is None


async def test_a_run_is_known_as_its_first_command_knows_it(ledger: Ledger) -> None:
    assert await ledger.items.find_run(RunId("r1")) is None
    await following(ledger, 1, replace(followed(ANY), tracked_since=START + 5, note="second"))
    await following(ledger, 2, replace(followed(ANY), tracked_since=START, note="first"))
    known = await ledger.items.find_run(RunId("r1"))
    assert known is not None
    assert (known.command_id, known.note) == ("ic-2.1", "first")


async def test_a_word_of_depot_wakes_those_who_follow(ledger: Ledger, database: Database) -> None:
    assert not await ledger.queue.wake(HELLO, SHA)
    run = replace(followed(ANY), polls=4)
    one = await following(ledger, 1, run)
    over = replace(followed(ANY, "r2", "finished"), polls=5, next_poll_at=None)
    await following(ledger, 2, over)
    await following(ledger, 3, replace(run, sha=OLD))
    assert await ledger.queue.until_due() == database.near(1000.0)
    assert await ledger.queue.wake(HELLO, SHA)
    assert await ledger.queue.until_due() == database.near(0.0)
    (claim,) = await ledger.queue.claim(10, 10)
    assert claim.work_item_id == one.work_item_id
    (woken,) = (await ledger.items.load(one.work_item_id)).runs
    assert woken == replace(run, command_id=first(one), polls=0, next_poll_at=0.0)
    # The one that is over stays at rest.
    (rests,) = (await ledger.items.load(WorkItemId("ic-2"))).runs
    assert rests == replace(over, command_id=CommandId("ic-2.1"))
    assert not await ledger.queue.wake(HELLO, NEW)


async def test_waking_keeps_the_place_in_the_queue(ledger: Ledger, database: Database) -> None:
    claim = await following(ledger, 1, followed(ANY))
    database.passes(1500)
    assert await ledger.queue.wake(HELLO, SHA)
    # It has been due for a while: it does not go to the end of the queue.
    assert await ledger.queue.until_due() == database.near(-500.0)
    assert await ids(ledger) == [claim.work_item_id]


async def test_waking_does_not_take_a_request_from_who_holds_it(ledger: Ledger) -> None:
    await following(ledger, 1, followed(ANY))
    assert await ledger.queue.wake(HELLO, SHA)
    claim = await claimed(ledger)
    assert await ledger.queue.wake(HELLO, SHA)
    assert await ledger.queue.claim(10, 10) == []
    await ledger.queue.renew(claim)


async def test_a_run_at_rest_is_followed_again(ledger: Ledger, database: Database) -> None:
    over = replace(followed(ANY, status="failed"), polls=7, next_poll_at=None)
    one = await following(ledger, 1, over)
    other = await following(
        ledger, 2, over, replace(over, run=replace(over.run, run_id=RunId("r2")))
    )
    for claim in await ledger.queue.claim(10, 10):
        await ledger.queue.release(claim, None)
    await ledger.items.resume_tracking(RunId("r1"), START + 50)
    assert await ids(ledger) == [one.work_item_id, other.work_item_id]
    # What was noted about its end is no longer so.
    assert over.note
    again = replace(over, tracked_since=START + 50, polls=0, next_poll_at=0.0, note="")
    assert (await ledger.items.load(one.work_item_id)).runs == (
        replace(again, command_id=first(one)),
    )
    runs = {run.run.run_id: run for run in (await ledger.items.load(other.work_item_id)).runs}
    assert runs[RunId("r1")] == replace(again, command_id=first(other))
    assert runs[RunId("r2")].next_poll_at is None


# --- counting and remembering --------------------------------------------------------------------


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


async def test_some_commands_do_not_count(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "run", "list", "status"))
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, CommandId("ic-1.1"), Reason.STARTED, "")
    await ledger.items.save_decision(claim, CommandId("ic-1.2"), Reason.RATE_LIMITED, "")
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, but=[Reason.RATE_LIMITED]) == 2
    assert (
        await ledger.pull_requests.count_commands(
            HELLO, 3600.0, but=[Reason.RATE_LIMITED, Reason.STARTED]
        )
        == 1
    )
    assert await ledger.pull_requests.count_commands(HELLO, 3600.0, but=[Reason.MISREAD]) == 3


async def test_the_last_answer_to_the_same_line(ledger: Ledger, database: Database) -> None:
    assert await ledger.items.last_answer(HELLO, 1, "list") is None

    async def answers(guid: str, text: str, answer: str) -> Claim:
        await ledger.inbox.accept_head(*head(guid, OLD, START))
        claim = await claimed(ledger)
        await ledger.items.add_commands(claim, [CommandLine(text)])
        await ledger.items.save_decision(claim, first(claim), Reason.ANSWERED, answer)
        await ledger.queue.release(claim, None)
        database.passes(10)
        return claim

    for guid, answer in (("g1", "first"), ("g2", "second"), ("g3", "")):
        await answers(guid, "list", answer)
    assert await ledger.items.last_answer(HELLO, 1, "list") == "second"
    # One that waits says what it waits for: that is no answer.
    await ledger.inbox.accept_head(*head("g4", OLD, START))
    claim = await claimed(ledger)
    await ledger.items.add_commands(claim, [CommandLine("list")])
    await ledger.items.save_postponement(claim, first(claim), "wait", START)
    # What somebody was told who asked is another matter.
    await accepted(ledger, comment(1, "list", at=START - 1))
    (asked,) = await ledger.queue.claim(10, 10)
    await ledger.items.save_decision(asked, first(asked), Reason.ANSWERED, "asked")
    assert await ledger.items.last_answer(HELLO, 1, "list") == "second"
    assert await ledger.items.last_answer(HELLO, 1, "status") is None
    assert await ledger.items.last_answer(HELLO, 2, "list") is None
    assert await ledger.items.last_answer(RepoName("octo/other"), 1, "list") is None


async def test_old_rows_are_forgotten_when_all_is_over(ledger: Ledger, database: Database) -> None:
    over = await following(ledger, 1, followed(ANY))
    await ledger.items.add_pending_change(over, deed(over))
    await ledger.items.add_start_attempt(over, intent(over))
    await ledger.queue.release(over, None)
    await following(ledger, 2, replace(followed(ANY), run=Run(RunId("r2"), "org", "queued")))
    await accepted(ledger, comment(3, number=3))  # undecided, and at rest for ever
    (stuck,) = await ledger.queue.claim(10, 10)
    await ledger.queue.release(stuck, None)
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    (told,) = await ledger.queue.claim(10, 10)
    await ledger.items.add_commands(told, [])
    await ledger.queue.release(told, None)

    database.passes(KEEP_SECONDS - 60)
    assert await ledger.retention.delete_old() == 0
    await accepted(ledger, comment(5, number=5))
    database.passes(120)
    assert await ledger.retention.delete_old() == 2
    assert await ledger.retention.delete_old() == 0
    for gone in (over.work_item_id, told.work_item_id):
        with pytest.raises(KeyError):
            await ledger.items.load(gone)
    # What is not over stays, however old; and what is young.
    (run,) = (await ledger.items.load(WorkItemId("ic-2"))).runs
    assert run.run.run_id == "r2"
    for kept in ("ic-3", "ic-5"):
        assert len((await ledger.items.load(WorkItemId(kept))).commands) == 1
    assert database.rows("select count(*) from start_attempts") == [(0,)]
    assert database.rows("select count(*) from pending_changes") == [(0,)]
    assert database.rows("select run_id from tracked_runs") == [("r2",)]
    assert database.rows("select guid from deliveries") == [("g-ic-5",)]
    assert await head_since(ledger, HELLO, 1, OLD) is None


# --- what all workers share ----------------------------------------------------------------------


async def test_a_turn_is_taken_once(ledger: Ledger, database: Database) -> None:
    assert await ledger.queue.claim_periodic_job("sweep", 300.0)
    assert not await ledger.queue.claim_periodic_job("sweep", 300.0)
    assert await ledger.queue.claim_periodic_job("other", 300.0)
    database.passes(290)
    assert not await ledger.queue.claim_periodic_job("sweep", 300.0)
    database.passes(10)
    assert await ledger.queue.claim_periodic_job("sweep", 300.0)
    assert not await ledger.queue.claim_periodic_job("sweep", 300.0)


async def test_a_turn_is_taken_by_one(postgresql: Database) -> None:
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledgers = [Ledger.on(here), Ledger.on(there)] * 5
        for name in ("a", "b", "c"):
            taken = await asyncio.gather(
                *(one.queue.claim_periodic_job(name, 300.0) for one in ledgers)
            )
            assert sorted(taken) == [False] * 9 + [True]


HOUR = int(Budget.full(0.0).hour)


async def test_writes_are_booked_until_none_is_left(ledger: Ledger, database: Database) -> None:
    for _ in range(int(BURST)):
        assert await ledger.write_budget.reserve_write("a") == 0.0
    if not database.is_postgresql:  # there, another is earned within a second
        assert await ledger.write_budget.reserve_write("a") == 1.0
        assert await ledger.write_budget.reserve_write("a") == 1.0  # asking costs nothing
    assert await ledger.write_budget.reserve_write("b") == 0.0
    database.passes(1)
    assert await ledger.write_budget.reserve_write("a") == 0.0


async def test_some_of_the_hours_writes_are_kept(ledger: Ledger, database: Database) -> None:
    keep = HOUR - 10
    for _ in range(10):
        assert await ledger.write_budget.reserve_write("a", keep=keep) == 0.0
    wait = await ledger.write_budget.reserve_write("a", keep=keep)
    assert wait > 0.0
    assert await ledger.write_budget.reserve_write("a") == 0.0
    # That took one of those which were to be kept.
    assert await ledger.write_budget.reserve_write("a", keep=keep) > wait


async def test_nobody_writes_while_github_asked_for_a_pause(
    ledger: Ledger, database: Database
) -> None:
    await ledger.write_budget.pause_writes("a", 60.0)
    assert await ledger.write_budget.reserve_write("a") == database.near(60.0)
    assert await ledger.write_budget.reserve_write("b") == 0.0
    await ledger.write_budget.pause_writes("a", 10.0)  # the longer pause counts
    assert await ledger.write_budget.reserve_write("a") == database.near(60.0)
    database.passes(60)
    assert await ledger.write_budget.reserve_write("a") == 0.0


async def test_one_budget_for_all_machines(postgresql: Database) -> None:
    # An hour's writes are down to five; what comes back within the test is less than one.
    async with postgresql.opened() as here, postgresql.opened() as there:
        ledgers = [Ledger.on(here), Ledger.on(there)]
        waits = await asyncio.gather(
            *(one.write_budget.reserve_write("a", keep=HOUR - 5) for one in ledgers * 10)
        )
    assert sum(wait == 0.0 for wait in waits) == 5
    ((hour,),) = postgresql.rows("select hour from write_budgets where account = 'a'")
    assert hour == pytest.approx(HOUR - 5, abs=1)


# --- several machines ----------------------------------------------------------------------------


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
    everything = sorted(request_id for mine in got for request_id in mine)
    assert everything == sorted(f"ic-{number}" for number in range(200))
    assert all(got)  # nobody waited until another was through


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


async def test_waking_and_stepping_at_once_come_to_an_end(postgresql: Database) -> None:
    """Two that touch the same rows in another order: whatever PostgreSQL ends is done again."""
    async with postgresql.opened() as here, postgresql.opened() as there:
        claims = [
            await following(Ledger.on(here), number, followed(ANY, "r1"), followed(ANY, "r2"))
            for number in range(1, 9)
        ]
        jobs: list[Awaitable[object]] = []
        for turn in range(5):
            jobs += [
                Ledger.on(there).queue.wake(HELLO, SHA),
                Ledger.on(here).queue.wake(HELLO, SHA),
            ]
            jobs += [Ledger.on(here).items.resume_tracking(RunId("r2"), START + turn)]
            for claim in claims:
                run = replace(followed(ANY, "r1"), command_id=first(claim), polls=turn)
                jobs.append(Ledger.on(there).items.save_run(claim, run))
        await asyncio.gather(*jobs)
        for claim in claims:
            assert len((await Ledger.on(here).items.load(claim.work_item_id)).runs) == 2
