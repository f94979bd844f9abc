"""What runs on an earlier head: its reply says so, and a repository may have it cancelled."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.responses import Response

from bot.core.rate_limit import WriteKind
from bot.core.types import RepoName, WorkItemId
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from bot.demo.simulators.depot.plans import Outcome
from bot.demo.simulators.github import Comment
from bot.demo.simulators.github.events import PullRequestChanged
from bot.demo.stage import Stage
from bot.engine.publisher import account
from bot.storage.inbox import MOST_OUTDATED
from tests.support.commands import SLOW, pushes, ran, runs_on, said, stands
from tests.support.conversation import HOOK, REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.pull_requests import hears_all, opens_fork, reactions, rules, takes_back
from tests.support.sentences import name_of

pytestmark = pytest.mark.anyio

WANTED = "outdated: cancel\n"


@dataclass
class Meanwhile:
    """Something happens after a call was answered and before the answer is there."""

    do: Callable[[], Awaitable[None]]

    async def answer(self, work: Work) -> Response:
        reply = work().response()
        await self.do()
        return reply


async def test_the_reply_says_that_the_head_has_moved_on(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(60)
    (text,) = stands(pr)
    assert f"The head has moved on since, to `{pr.head[:7]}`." in text
    assert run.status == "running"


def moved_on(pr: Conversation) -> str:
    """What a reply says when this head is not that of its run."""
    return f"The head has moved on since, to `{pr.head[:7]}`."


async def leaves(pr: Conversation, text: str) -> None:
    """A push, and time for all that follows on it."""
    pr.github.push(pr.repo, pr.number, {"change.txt": text})
    await pr.settles()
    await pr.passes(60)


def versions(pr: Conversation) -> list[int]:
    """How many versions each reply has had."""
    return [len(comment.versions) for comment in said(pr)]


async def test_a_reply_that_is_complete_says_it_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    asked = said(pr), pr.mentions(), len(depot.calls)
    (before,) = stands(pr)
    await leaves(pr, "two\n")
    (text,) = stands(pr)
    assert text.replace(f"\n\n{moved_on(pr)}", "") == before
    assert text.startswith(f"{name_of(run)}: ❌ failed: `test`, 2 passed, in 2 s.")
    # Neither a further push nor another word about the run edits it again.
    (count,) = versions(pr)
    await leaves(pr, "three\n")
    pr.github.check_run_webhooks = True
    pr.github.upsert_check_run(pr.repo, run.sha, "another", "completed", "success")
    await pr.passes(3600)
    assert versions(pr) == [count]
    assert (said(pr), pr.mentions()) == asked[:2]
    assert {call.method for call in depot.calls[asked[2] :]} == {"GetRunStatus"}


async def test_two_pushes_are_said_in_one_edit(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot)
    (count,) = versions(pr)
    for text in ("two\n", "three\n"):
        pr.github.push(pr.repo, pr.number, {"change.txt": text})
    await pr.settles()
    await pr.passes(60)
    assert versions(pr) == [count + 1]
    (text,) = stands(pr)
    assert "The head has moved on since, to" in text


async def test_what_each_head_ran_says_it_when_that_head_is_left(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await ran(pr, depot)
    await leaves(pr, "two\n")
    second = moved_on(pr)
    await ran(pr, depot)
    assert [second in text for text in stands(pr)] == [True, False]
    await leaves(pr, "three\n")
    first, other = stands(pr)
    assert second in first
    assert moved_on(pr) in other


async def test_a_push_right_before_the_run_ends(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    (count,) = versions(pr)
    pr.github.push(pr.repo, pr.number, {"change.txt": "two\n"})
    await pr.settles()
    depot.finish(run.run_id)
    await pr.passes(60)
    (text,) = stands(pr)
    assert text.startswith(f"{name_of(run)}: ✅ passed")
    assert moved_on(pr) in text
    assert versions(pr) == [count + 1]


async def test_a_push_while_the_last_step_is_under_way(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    depot.finish(run.run_id)
    hook = pr.github.hooks

    async def pushed() -> None:
        pr.github.push(pr.repo, pr.number, {"change.txt": "two\n"})
        await pr.github.deliver(HOOK)

    depot.faults.arrange(Meanwhile(pushed), "GetRunStatus")
    await pr.passes(60)
    assert not hook.pending
    (text,) = stands(pr)
    assert text.startswith(f"{name_of(run)}: ✅ passed")
    assert moved_on(pr) in text


async def test_of_many_replies_the_newest_say_it(pr: Conversation, depot: SimulatedDepot) -> None:
    for _ in range(MOST_OUTDATED + 2):
        await ran(pr, depot, "run nightly force")
        await pr.passes(300)
    await leaves(pr, "two\n")
    told = [moved_on(pr) in text for text in stands(pr)]
    assert told == [False] * 2 + [True] * MOST_OUTDATED


async def test_in_a_busy_hour_it_is_not_said(pr: Conversation, depot: SimulatedDepot) -> None:
    comment = await asks(pr)
    seen = reactions(comment)
    for _ in range(2):
        await writes(pr, comment, 65)
        await pr.passes(61)
    asked, count = len(depot.calls), versions(pr)
    await leaves(pr, "two\n")
    await pr.passes(2 * 3600)
    assert versions(pr) == count
    assert (reactions(comment), len(depot.calls)) == (seen, asked)
    assert await pr.services.ledger.queue.until_due() is None


async def writes(pr: Conversation, comment: Comment, count: int) -> None:
    """So much is written by the account that answers this comment."""
    item = await pr.services.ledger.items.load(WorkItemId(f"ic-{comment.id}"))
    for _ in range(count):
        wait = await pr.services.ledger.write_budget.reserve_write(
            account(item),
            RepoName(REPO),
            WorkItemId("ic-other"),
            WriteKind.FIRST_REPLY,
            is_privileged=True,
        )
        assert not wait.wait


async def asks(pr: Conversation) -> Comment:
    """Somebody asks for a run, which ends."""
    comment = await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)
    hears_all(pr)
    return comment


@pytest.mark.parametrize("status", [403, 404, 502])
async def test_trouble_with_saying_it_is_nobodys_business(
    pr: Conversation, depot: SimulatedDepot, status: int
) -> None:
    await ran(pr, depot)
    (count,) = versions(pr)
    headers = {"content-type": "application/json; charset=utf-8"}
    pr.github.faults.answer("PATCH", r"/issues/comments/\d+$", status, "{}", headers, times=None)
    await leaves(pr, "two\n")
    pr.github.faults.lift()
    assert await pr.services.ledger.queue.until_due() is None
    await pr.passes(2 * 24 * 3600)
    assert versions(pr) == [count]


async def test_a_deleted_reply_stays_deleted(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot)
    hears_all(pr)
    pr.github.delete_comment(said(pr)[0])
    await pr.settles()
    for text in ("two\n", "three\n", "four\n"):
        await leaves(pr, text)
    await pr.passes(3600)
    assert said(pr) == []


async def test_what_an_event_set_off_says_it_too(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, "automations: [{on: labeled, label: go, do: run ci.yml}]\n")
    pr.github.label(pr.repo, pr.number, "go", by="alice")
    await pr.passes(60)
    hears_all(pr)
    await leaves(pr, "two\n")
    (text,) = stands(pr)
    assert "✅ passed" in text
    assert moved_on(pr) in text


def goes_back(pr: Conversation, sha: str) -> None:
    """The author pushes an earlier head again, with force."""
    pull = pr.github.pull(pr.repo, pr.number)
    before, pull.head_sha, pull.updated_at = pull.head_sha, sha, pr.github.now()
    pull.head_repository.branches[pull.head_branch] = sha
    pr.github.emit(PullRequestChanged("synchronize", pull, pull.author, before=before))


async def test_a_head_that_comes_back_is_the_head_again(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot)
    (before,) = stands(pr)
    await leaves(pr, "two\n")
    assert moved_on(pr) in stands(pr)[0]
    goes_back(pr, run.sha)
    await pr.settles()
    await pr.passes(60)
    assert stands(pr) == [before]


async def test_a_fork_and_a_closed_pull_request_are_no_exception(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, "forks: pinned\n")
    _, pull = opens_fork(pr)
    await pr.settles()
    await pr.passes(60)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)
    await ran(theirs, depot, f"run ci.yml sha={theirs.head}")
    pr.github.push(REPO, pull.number, {"change.txt": "two\n"})
    pr.github.close(REPO, pull.number)
    await pr.settles()
    await pr.passes(60)
    (text,) = stands(theirs)
    assert moved_on(theirs) in text
    theirs.assert_said_nothing_else()


async def test_a_pull_request_that_is_reopened_with_another_head(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await ran(pr, depot)
    pr.github.close(pr.repo, pr.number)
    pr.github.push(pr.repo, pr.number, {"change.txt": "two\n"})
    await pr.passes(60)
    assert "moved on" not in stands(pr)[0]
    pr.github.reopen(pr.repo, pr.number)
    await pr.settles()
    await pr.passes(60)
    assert moved_on(pr) in stands(pr)[0]


async def test_the_bot_is_restarted_between_the_push_and_the_edit(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.db"
    async with bot_on(stage, clock, hook, file) as services:
        pr = Conversation(clock, stage, services, REPO, 1)
        await pr.settles()
        await ran(pr, stage.depot)
        pr.github.push(pr.repo, pr.number, {"change.txt": "two\n"})
        await pr.settles()
        (count,) = versions(pr)
        (claim,) = await claims_later(pr)
    # It was killed before it let go of the step.
    assert claim
    async with bot_on(stage, clock, hook, file) as services:
        pr = Conversation(clock, stage, services, REPO, 1)
        await pr.passes(60)
        assert versions(pr) == [count + 1]
        hears_all(pr)
        assert moved_on(pr) in stands(pr)[0]
        pr.assert_said_nothing_else()


async def claims_later(pr: Conversation) -> list[str]:
    """The step that is due by and by is begun, and no more is heard of it."""
    pr.clock.time += 30
    return [claim.work_item_id for claim in await pr.services.ledger.queue.claim(10, 10)]


class Accepts:
    """Depot says yes and does nothing."""

    async def answer(self, work: Work) -> Response:
        return Response("{}", media_type="application/json")


@pytest.mark.parametrize("outcome", ["finished", "failed"])
async def test_a_run_that_was_faster_than_its_cancellation(
    pr: Conversation, depot: SimulatedDepot, outcome: Outcome
) -> None:
    await rules(pr, WANTED)
    run = await runs_on(pr, depot)
    depot.faults.arrange(Accepts(), "CancelRun")
    await pushes(pr, {"change.txt": "two\n"})
    depot.finish(run.run_id, outcome)
    await pr.passes(60)
    (text,) = stands(pr)
    assert run.status == outcome
    assert moved_on(pr) in text
    assert "Cancelled because" not in text


async def test_nothing_is_said_of_a_head_that_is_still_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await ran(pr, depot)
    (text,) = stands(pr)
    assert "moved on" not in text


async def test_nothing_is_said_of_a_head_that_nobody_heard_of(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    pr.github.push(pr.repo, pr.number, {"change.txt": "two\n"})
    takes_back(pr, "pull_request")
    pr.github.upsert_check_run(pr.repo, pr.head, "CI / test", "queued")
    await pr.passes(60)
    await pr.says("alice", f"/depot run ci.yml sha={pr.head}")
    pr.reply()
    await pr.passes(60)
    (text,) = stands(pr)
    assert depot.runs[-1].sha == pr.head
    assert "moved on" not in text


async def test_a_new_head_cancels_what_runs_on_the_old_one(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, WANTED)
    run = await runs_on(pr, depot)
    foreign = depot.foreign_run(pr.repo, pr.head, ".depot/workflows/nightly.yaml")
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(60)
    assert run.status == "cancelled"
    assert foreign.status != "cancelled"
    (text,) = stands(pr)
    assert "🚫 cancelled" in text
    assert "Cancelled because the pull request has a new head or was closed" in text
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(2 * SLOW)
    hears_all(pr)
    assert depot.runs[-1].status == "finished"


async def test_two_new_heads_in_one_second(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, WANTED)
    run = await runs_on(pr, depot)
    for text in ("two\n", "three\n"):
        pr.github.push(pr.repo, pr.number, {"change.txt": text})
    await pr.passes(60)
    stands(pr)
    assert run.status == "cancelled"


async def test_closing_cancels_what_goes_on(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, WANTED)
    run = await runs_on(pr, depot)
    pr.github.close(pr.repo, pr.number)
    await pr.settles()
    await pr.passes(60)
    hears_all(pr)
    assert run.status == "cancelled"
    assert len(said(pr)) == 1


async def test_what_was_under_way_already_is_not_ours(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, WANTED)
    depot.plan(seconds=SLOW)
    foreign = depot.foreign_run(pr.repo, pr.head, ".depot/workflows/nightly.yaml")
    await pr.passes(5)
    await pr.says("alice", "/depot run nightly ci.yml")
    pr.reply()
    await pushes(pr, {"change.txt": "two\n"})
    stands(pr)
    assert [run.status for run in depot.runs] == ["running", "cancelled"]
    assert depot.runs[0] is foreign


async def test_that_it_was_closed_is_heard_after_it_was_reopened(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, WANTED)
    before = await runs_on(pr, depot, "run nightly")
    pr.github.close(pr.repo, pr.number)
    late = takes_back(pr, "pull_request")
    pr.clock.time += 60
    pr.github.reopen(pr.repo, pr.number)
    await pr.passes(60)
    after = await runs_on(pr, depot)
    pr.github.hooks.pending.append(late)
    await pr.passes(60)
    stands(pr)
    assert [run.status for run in (before, after)] == ["cancelled", "running"]


async def test_without_the_rule_nothing_is_cancelled(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    pr.github.close(pr.repo, pr.number)
    await pr.settles()
    await pr.passes(SLOW)
    hears_all(pr)
    assert run.status == "finished"


@pytest.mark.parametrize("trouble", ["unavailable", "failed_precondition", "permission_denied"])
async def test_trouble_with_it_is_nobodys_business(
    pr: Conversation, depot: SimulatedDepot, trouble: str
) -> None:
    await rules(pr, WANTED)
    run = await runs_on(pr, depot)
    depot.faults.refuse("CancelRun", trouble)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(60)
    stands(pr)
    assert len(said(pr)) == 1
    assert run.status == ("cancelled" if trouble == "unavailable" else "running")


async def test_rules_for_workflows_bind_people_only(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, WANTED + "workflows: {ci.yml: write}\n")
    run = await runs_on(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(60)
    stands(pr)
    assert run.status == "cancelled"


async def test_nobody_can_type_it(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("ada", "/depot cancel-outdated")
    assert "There is no command `cancel-outdated`" in pr.reply()
    assert run.status == "running"


async def test_no_automation_and_no_alias_can_be_it(pr: Conversation) -> None:
    await rules(pr, "aliases: {cancel-outdated: cancel}\n")
    await pr.says("ada", "/depot status")
    assert "cannot be an alias" in pr.reply()
    await rules(pr, "automations: [{on: opened, do: cancel-outdated}]\n")
    await pr.says("ada", "/depot status")
    assert "cancel-outdated" in pr.reply()
