"""What runs on an earlier head: its reply says so, and a repository may have it cancelled."""

from __future__ import annotations

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from tests.support.commands import SLOW, pushes, ran, runs_on, said, stands
from tests.support.conversation import Conversation
from tests.support.pull_requests import hears_all, rules, takes_back

pytestmark = pytest.mark.anyio

WANTED = "outdated: cancel\n"


async def test_the_reply_says_that_the_head_has_moved_on(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(60)
    (text,) = stands(pr)
    assert f"The head has moved on since, to `{pr.head[:7]}`." in text
    assert run.status == "running"


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
