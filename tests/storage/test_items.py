"""What a step stores of a work item is loaded as it was; runs are started once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from bot.core.events import CommandLine
from bot.core.failures import Evidence
from bot.core.models import BY_RULE, GONE_AFTER, Claim, Progress, Reply, StartRequest, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CHECK_CONFIG, CommandId, RepoName, RunId, Sha, WorkItemId
from bot.storage.database import Store
from bot.storage.items import StartInProgress
from bot.storage.ledger import Ledger
from bot.storage.status_queries import Filter, StatusQueries
from bot.storage.tables import commands
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
from tests.support.databases import Database

pytestmark = pytest.mark.anyio


async def test_an_unknown_work_item(ledger: Ledger) -> None:
    with pytest.raises(KeyError):
        await ledger.items.load(WorkItemId("ic-404"))


async def test_text_that_only_json_can_hold(ledger: Ledger) -> None:
    # A NUL is no character to PostgreSQL. Where texts come as they were typed, JSON is stored.
    block = CommandLine("run", ("a: \x00\u2028\U0001f600",))
    written = replace(comment(), lines=(block,))
    await accepted(ledger, written)
    claim = await claimed(ledger)
    start = StartRequest(HELLO, SHA, "", "", block.blocks, inputs={"a": "\x00"})
    attempt = await ledger.items.add_start_attempt(claim, replace(new_attempt(claim), start=start))
    run = replace(tracked(claim), run=Run(RunId("r1"), "org", "a\x00b"))
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [run])
    got = await ledger.items.load(claim.work_item_id)
    assert got.comment == written
    assert got.start_attempts == (replace(attempt, outcome="lost"),)
    assert got.runs == (run,)


# --- commands and decisions -----------------------------------------------------------------------


async def test_a_decision_is_stored_with_its_run_and_its_attempt(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    attempt = await ledger.items.add_start_attempt(claim, new_attempt(claim))
    assert attempt.attempt_id > 0
    assert (await ledger.items.load(claim.work_item_id)).open_start_attempt(first(claim)) == attempt
    run = tracked(claim)
    settled = replace(attempt, outcome="started", searches=2)
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "text", [run], settled)
    got = await ledger.items.load(claim.work_item_id)
    assert [(c.decided, c.reason, c.answer) for c in got.commands] == [(True, "started", "text")]
    assert got.runs == (run,)
    assert got.start_attempts == (settled,)
    assert got.open_start_attempt(first(claim)) is None
    assert await ledger.items.known_run_ids([RunId("r1"), RunId("r2")]) == {"r1"}


async def test_deciding_again_after_a_crash_changes_nothing(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    for _ in range(2):
        await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [tracked(claim)])
    assert (await ledger.items.load(claim.work_item_id)).runs == (tracked(claim),)


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


async def test_commands_of_an_event(ledger: Ledger) -> None:
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


async def test_an_event_without_commands_is_decided(ledger: Ledger, database: Database) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START))
    claim = await claimed(ledger)
    await ledger.items.add_commands(claim, [])
    assert (await ledger.items.load(claim.work_item_id)).commands == ()
    assert database.rows("select id from work_items where deciding") == []


async def test_the_comment_about_the_config(ledger: Ledger, database: Database) -> None:
    async def checks(guid: str, lines: Sequence[str], reply: Reply) -> Claim:
        await ledger.inbox.accept_head(*head(guid, OLD, START))
        claim = await claimed(ledger)
        await ledger.items.add_commands(claim, [CommandLine(text) for text in lines])
        for place in range(1, len(lines) + 1):
            command = CommandId(f"{claim.work_item_id}.{place}")
            await ledger.items.save_decision(claim, command, Reason.ANSWERED, "x")
        await ledger.queue.release(claim, None, Progress(reply=reply))
        database.passes(10)
        return claim

    assert await ledger.items.config_reply(HELLO, 1) == Reply()
    first_check = await checks("g1", [CHECK_CONFIG], Reply(7, True, "first"))
    await checks("g2", ["list", CHECK_CONFIG], Reply(8, True, "beside another"))
    await checks("g3", ["list"], Reply(9, True, "another"))
    assert await ledger.items.config_reply(HELLO, 1) == Reply(7, True, "first")
    received = (await ledger.items.load(first_check.work_item_id)).received_at
    await checks("g4", [CHECK_CONFIG], Reply())  # it has no reply yet
    assert await ledger.items.config_reply(HELLO, 1) == Reply(7, True, "first")
    assert await ledger.items.has_newer_check(HELLO, 1, received)
    assert not await ledger.items.has_newer_check(HELLO, 1, received + 60)
    assert await ledger.items.config_reply(HELLO, 2) == Reply()
    assert not await ledger.items.has_newer_check(HELLO, 2, 0.0)


async def test_what_somebody_types_is_no_comment_about_the_config(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, CHECK_CONFIG, at=START))
    (claim,) = await ledger.queue.claim(10, 10)
    await ledger.items.save_decision(claim, first(claim), Reason.MISREAD, "x")
    await ledger.queue.release(claim, None, Progress(reply=Reply(7, True, "no command")))
    assert await ledger.items.config_reply(HELLO, 1) == Reply()
    assert not await ledger.items.has_newer_check(HELLO, 1, 0.0)


# --- the reply ------------------------------------------------------------------------------------


async def test_what_is_known_of_the_reply(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    await ledger.items.save_reply_attempt(claim)
    got = await ledger.items.load(claim.work_item_id)
    assert (got.reply.comment_id, got.reply.attempted) == (None, True)
    attempted_at = got.reply.attempted_at
    assert attempted_at is not None
    await ledger.items.withdraw_reply_attempt(claim)
    assert not (await ledger.items.load(claim.work_item_id)).reply.attempted
    await ledger.items.save_reply_attempt(claim, twins_at=5.0)
    assert (await ledger.items.load(claim.work_item_id)).reply.twins_at == 5.0
    written = Reply(2**40, True, "text", 1_795_500_000.0, twins_at=7.0)
    await ledger.queue.release(claim, 1.0, Progress(reply=written))
    reply = (await ledger.items.load(claim.work_item_id)).reply
    assert replace(reply, attempted_at=None) == written


# --- start attempts -------------------------------------------------------------------------------


async def test_the_same_workflow_is_not_started_twice_at_once(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, number=1), comment(2, number=2))
    one, other = sorted(await ledger.queue.claim(10, 10), key=lambda claim: claim.work_item_id)
    attempt = await ledger.items.add_start_attempt(one, new_attempt(one))
    with pytest.raises(StartInProgress):
        await ledger.items.add_start_attempt(other, new_attempt(other))
    assert (await ledger.items.load(other.work_item_id)).start_attempts == ()
    # Another workflow, or another commit, can be told apart.
    await ledger.items.add_start_attempt(other, new_attempt(other, "deploy.yml"))
    await ledger.items.add_start_attempt(other, new_attempt(other, sha=Sha("a" * 40)))
    # Once the first is settled, another attempt is possible.
    await ledger.items.save_start_attempt(one, replace(attempt, outcome="started"))
    await ledger.items.add_start_attempt(other, new_attempt(other))


@pytest.mark.parametrize("outcome", ["started", "refused", "unsent", "lost"])
async def test_a_settled_attempt_blocks_no_other(outcome: str, ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    for _ in range(2):
        attempt = await ledger.items.add_start_attempt(claim, new_attempt(claim))
        await ledger.items.save_start_attempt(claim, replace(attempt, outcome=outcome))
    got = await ledger.items.load(claim.work_item_id)
    assert [one.outcome for one in got.start_attempts] == [outcome] * 2
    assert got.has_lost_start(first(claim), new_attempt(claim).start) == (outcome == "lost")


async def test_a_lost_attempt_is_replaced_in_one_transaction(ledger: Ledger) -> None:
    await accepted(ledger, comment(1), comment(2, number=2))
    one, other = sorted(await ledger.queue.claim(10, 10), key=lambda claim: claim.work_item_id)
    attempt = await ledger.items.add_start_attempt(one, new_attempt(one))
    lost = replace(attempt, outcome="lost")
    second = await ledger.items.add_start_attempt(one, new_attempt(one), lost)
    got = await ledger.items.load(one.work_item_id)
    assert got.start_attempts == (lost, second)
    # When the new one cannot be stored, the old one is as it was.
    await ledger.items.add_start_attempt(other, new_attempt(other, "deploy.yml"))
    with pytest.raises(StartInProgress):
        await ledger.items.add_start_attempt(
            one, new_attempt(one, "deploy.yml"), replace(second, outcome="lost")
        )
    assert (await ledger.items.load(one.work_item_id)).open_start_attempt(first(one)) == second


# --- pending changes ------------------------------------------------------------------------------


async def test_a_pending_change_is_stored_once(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "retry", "cancel"))
    claim = await claimed(ledger)
    both = (change(claim), change(claim, "r2"))
    await ledger.items.add_pending_changes(claim, both)
    got = await ledger.items.load(claim.work_item_id)
    assert got.changes_of(CommandId("ic-1.1")) == both
    assert got.changes_of(CommandId("ic-1.2")) == ()
    # What it was about to do is not changed afterwards.
    await ledger.items.add_pending_changes(claim, [replace(both[0], attempts={"other": 9})])
    assert (await ledger.items.load(claim.work_item_id)).pending_changes == both


async def test_one_of_several_runs_that_was_started(ledger: Ledger) -> None:
    await accepted(ledger, comment(1, "run"))
    claim = await claimed(ledger)
    attempt = await ledger.items.add_start_attempt(claim, new_attempt(claim))
    run = tracked(claim)
    await ledger.items.save_start(claim, [run], replace(attempt, outcome="started"))
    got = await ledger.items.load(claim.work_item_id)
    assert got.runs == (run,)
    assert not got.commands[0].decided
    assert got.has_started(first(claim), attempt.start)
    assert not got.has_started(first(claim), replace(attempt.start, job="other"))


# --- tracked runs ---------------------------------------------------------------------------------


async def test_a_poll_replaces_how_a_run_stands(ledger: Ledger) -> None:
    await accepted(ledger, comment())
    claim = await claimed(ledger)
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", [tracked(claim)])
    over = replace(tracked(claim, status="finished"), polls=3, next_poll_at=None, note="")
    await ledger.queue.release(claim, 1.0, Progress(runs=(over,)))
    assert (await ledger.items.load(claim.work_item_id)).runs == (over,)


async def test_further_runs_are_tracked_once(ledger: Ledger) -> None:
    claim = await tracking(ledger, 1, tracked(ANY))
    one, two = (replace(tracked(ANY, run_id), command_id=first(claim)) for run_id in ("r1", "r2"))
    changed = replace(one, note="another")
    for _ in range(2):
        await ledger.items.track_runs(claim, [changed, two])
    assert (await ledger.items.load(claim.work_item_id)).runs == (one, two)


async def test_the_runs_that_are_tracked_on_a_commit(ledger: Ledger) -> None:
    older = replace(tracked(ANY, "r1"), tracked_since=START - 5)
    newer = replace(tracked(ANY, "r2"), tracked_since=START)
    over = replace(tracked(ANY, "r3", "finished"), next_poll_at=None)
    elsewhere = replace(tracked(ANY, "r4"), sha=OLD)
    await tracking(ledger, 1, newer, over, elsewhere)
    await tracking(ledger, 3, tracked(ANY, "r5"), repo=RepoName("octo/other"))
    await tracking(ledger, 2, older, newer)
    found = await ledger.items.tracked_runs_at(HELLO, SHA)
    assert found[0] == replace(older, command_id=CommandId("ic-2.1"))
    assert {run.command_id for run in found[1:]} == {"ic-1.1", "ic-2.1"}
    assert {run.run.run_id for run in found[1:]} == {"r2"}
    assert len(found) == 3
    assert await ledger.items.tracked_runs_at(HELLO, NEW) == []


async def test_the_newest_run_of_a_pull_request(ledger: Ledger) -> None:
    assert await ledger.items.newest_run(HELLO, 1) is None
    older = replace(tracked(ANY, "r1"), tracked_since=START - 5)
    newer = replace(tracked(ANY, "r0", "finished"), next_poll_at=None)
    await tracking(ledger, 1, newer, older)
    await tracking(ledger, 2, replace(tracked(ANY, "r9"), tracked_since=START + 9))
    newest = await ledger.items.newest_run(HELLO, 1)
    assert newest == replace(newer, command_id=CommandId("ic-1.1"))
    assert await ledger.items.newest_run(RepoName("octo/other"), 1) is None


async def test_a_run_is_found_as_its_first_command_stored_it(ledger: Ledger) -> None:
    assert await ledger.items.find_run(RunId("r1")) is None
    await tracking(ledger, 1, replace(tracked(ANY), tracked_since=START + 5, note="second"))
    await tracking(ledger, 2, replace(tracked(ANY), tracked_since=START, note="first"))
    known = await ledger.items.find_run(RunId("r1"))
    assert known is not None
    assert (known.command_id, known.note) == ("ic-2.1", "first")


def linking(run: TrackedRun) -> TrackedRun:
    """The same run as a command shows it that had it go again."""
    return replace(run, reply_url="https://example.org", next_poll_at=None, awaited_end="")


async def test_who_waits_for_an_attempt_has_its_end_before_the_next(ledger: Ledger) -> None:
    run = tracked(ANY)
    one = await tracking(ledger, 1, replace(run, awaited_end=""))
    two = await tracking(ledger, 2, linking(run))
    pointing = await tracking(ledger, 3, replace(linking(run), awaited_end=None))
    over = replace(run.run, status="failed")
    await ledger.items.resume_tracking(run.run, START, "")
    assert [(await ledger.items.load(one.work_item_id)).awaited_end] == [""]
    await ledger.items.resume_tracking(over, START, BY_RULE)
    assert [(await ledger.items.load(one.work_item_id)).awaited_end] == [""]
    await ledger.items.resume_tracking(over, START, "zoe")
    claims = (one, two, pointing)
    ends = [(await ledger.items.load(claim.work_item_id)).awaited_end for claim in claims]
    assert ends == ["failed", "failed", ""]
    assert await ids(ledger) == [one.work_item_id, two.work_item_id]


async def test_an_end_that_is_known_when_its_command_is_decided(ledger: Ledger) -> None:
    over = replace(tracked(ANY, status="failed"), next_poll_at=None, resumed_at=START)
    await tracking(ledger, 1, over)
    late = await tracking(ledger, 2, linking(tracked(ANY)))
    assert (await ledger.items.load(late.work_item_id)).awaited_end == "failed"


async def test_an_end_that_comes_while_a_step_waits_for_it(ledger: Ledger) -> None:
    one = await tracking(ledger, 1, tracked(ANY))
    await ledger.items.resume_tracking(tracked(ANY).run, START, "zoe")
    home = await claimed(ledger)
    await accepted(ledger, comment(2, number=2))
    waiting = await claimed(ledger)
    mine = replace(linking(tracked(ANY)), command_id=first(waiting))
    await ledger.items.save_decision(waiting, first(waiting), Reason.RETRIED, "", [mine])
    (run,) = (await ledger.items.load(one.work_item_id)).runs
    over = replace(run, run=replace(run.run, status="failed"), resumed_by="", next_poll_at=None)
    await ledger.queue.release(home, None, Progress(runs=(over,)))
    await ledger.queue.release(waiting, None, Progress(awaits_end=True))
    again = await claimed(ledger)
    assert again.work_item_id == waiting.work_item_id
    # Once it knows, nothing calls it back.
    await ledger.queue.release(again, None)
    assert await ids(ledger) == []


async def test_a_deleted_reply_hands_its_runs_over(ledger: Ledger) -> None:
    known = replace(tracked(ANY), asked_by="zoe", resumed_at=START, failure="why")
    home = await tracking(
        ledger, 1, known, replace(known, run=replace(known.run, run_id=RunId("r2")))
    )
    pointing = await tracking(ledger, 2, replace(linking(tracked(ANY)), awaited_end=None))
    asking = await tracking(ledger, 3, linking(tracked(ANY)))
    await ledger.items.resume_tracking(known.run, START, "zoe")
    claim = await claimed(ledger)
    assert claim.work_item_id == home.work_item_id
    await ledger.queue.release(claim, None, Progress(reply=Reply(7, missing=GONE_AFTER)))
    assert await ids(ledger) == [pointing.work_item_id, asking.work_item_id]
    (shown,) = (await ledger.items.load(asking.work_item_id)).runs
    assert (shown.reply_url, shown.next_poll_at, shown.awaited_end) == (None, 0.0, "")
    assert (shown.asked_by, shown.resumed_by, shown.failure) == ("zoe", "zoe", "why")
    (link,) = (await ledger.items.load(pointing.work_item_id)).runs
    assert link.reply_url == comment(3).url
    assert link.next_poll_at is None


async def test_a_run_that_is_handed_over_after_its_end_keeps_all_that_is_known_of_it(
    ledger: Ledger,
) -> None:
    run = replace(tracked(ANY, status="failed"), next_poll_at=None, failure="why")
    run = replace(run, evidence=(Evidence(("test",), "main", 2, is_nowhere=True),))
    home = await tracking(ledger, 1, run)
    asking = await tracking(ledger, 2, linking(tracked(ANY)))
    await ledger.queue.release(home, None, Progress(reply=Reply(7, missing=GONE_AFTER)))
    (shown,) = (await ledger.items.load(asking.work_item_id)).runs
    assert (shown.reply_url, shown.run) == (None, run.run)
    assert (shown.failure, shown.evidence) == ("why", run.evidence)


async def test_a_terminal_run_is_tracked_again(ledger: Ledger, database: Database) -> None:
    over = replace(tracked(ANY, status="failed"), polls=7, next_poll_at=None)
    one = await tracking(ledger, 1, over)
    other = await tracking(
        ledger, 2, over, replace(over, run=replace(over.run, run_id=RunId("r2")))
    )
    for claim in await ledger.queue.claim(10, 10):
        await ledger.queue.release(claim, None)
    await ledger.items.resume_tracking(over.run, START + 50, "zoe")
    assert await ids(ledger) == [one.work_item_id, other.work_item_id]
    # The note about its end is no longer true.
    assert over.note
    again = replace(over, tracked_since=START + 50, polls=0, note="")
    again = replace(again, resumed_by="zoe", resumed_at=START + 50)
    (run,) = (await ledger.items.load(one.work_item_id)).runs
    assert run.next_poll_at == database.ago()
    again = replace(again, next_poll_at=run.next_poll_at)
    assert run == replace(again, command_id=first(one))
    runs = {run.run.run_id: run for run in (await ledger.items.load(other.work_item_id)).runs}
    assert runs[RunId("r1")] == replace(again, command_id=first(other))
    assert runs[RunId("r2")].next_poll_at is None


# --- the head -------------------------------------------------------------------------------------


async def test_the_newest_head_is_that_of_its_own_pull_request(ledger: Ledger) -> None:
    await ledger.inbox.accept_head(*head("g1", OLD, START, number=1))
    await ledger.inbox.accept_head(*head("g2", NEW, START + 60, number=2))
    await accepted(ledger, comment(3, at=START - 1))
    item = await ledger.items.load(comment(3).work_item_id)
    assert (item.comment.number, item.newest_head) == (1, OLD)
    # Of two that came in the same second, it is one.
    await ledger.inbox.accept_head(*head("g3", NEW, START, number=1))
    assert (await ledger.items.load(comment(3).work_item_id)).newest_head in {OLD, NEW}
    # What was pushed before it was written is no news.
    await accepted(ledger, comment(4, at=START + 1))
    assert (await ledger.items.load(comment(4).work_item_id)).newest_head is None
