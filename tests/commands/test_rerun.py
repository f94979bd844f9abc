"""Conversations about `/depot rerun`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.messages import refusals
from tests.commands.test_retry import DOUBTS
from tests.support.commands import (
    CI,
    SLOW,
    attempts,
    changes,
    not_permitted,
    pushes,
    ran,
    reason,
    refuses_others_runs,
    runs_on,
    stands,
    workflow_id,
)
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import again, linked, name_of

pytestmark = pytest.mark.anyio

BROKEN = "on: push\njobs:\n  test:\n    runs-on: x\n    steps: [{rnu: make}]\n"


async def test_every_job_of_the_newest_run_runs_again(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot)
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == linked(run)
    assert reason(pr) == "rerun"
    await pr.passes(60)
    first, second = stands(pr)
    assert second == linked(run)
    # How long it took is not said: Depot counts from the first start.
    assert first.startswith(f"{again(run, '✅ passed')}.")
    assert changes(depot, 1) == [("RerunWorkflow", {"workflowId": workflow_id(run)})]
    assert attempts(run) == {"build": 2, "lint": 2, "test": 2}


async def test_the_earlier_reply_is_true_again(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.plan(attempt=2, seconds=SLOW)
    await pr.says("alice", "/depot rerun")
    pr.reply()
    await pr.passes(60)
    first, _ = stands(pr)
    assert first.startswith(again(run, "⏳ running"))
    assert "<summary>Why it failed" not in first
    await pr.passes(SLOW)
    first, _ = stands(pr)
    assert first.startswith(again(run, "✅ passed"))


async def test_a_typed_run(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot)
    new = await ran(pr, depot)
    await pr.says("alice", f"/depot rerun {old.run_id}")
    assert pr.reply() == linked(old)
    await pr.passes(60)
    stands(pr)
    assert (attempts(old)["test"], attempts(new)["test"]) == (2, 1)


async def test_only_the_job_that_was_asked_for(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, "run ci.yml job=test")
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == linked(run, "`ci.yml` (`test`)")
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"build": 0, "lint": 0, "test": 2}


async def test_all_workflows_of_a_run(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, "run")
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == linked(run, "all workflows")
    await pr.passes(60)
    first, _ = stands(pr)
    assert first.startswith(again(run, "✅ passed", "all workflows"))
    assert attempts(run) == {"build": 2, "lint": 2, "test": 2, "soak": 2}


async def test_a_cancelled_run(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="cancelled")
    await pr.says("alice", "/depot rerun")
    pr.reply()
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert "Attempt 1: 🚫 cancelled" in first
    assert second == linked(run)


async def test_the_same_commit_after_a_push(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.says("alice", "/depot rerun")
    assert pr.reply().startswith(f"{name_of(run)}: ⏸ queued.")
    assert run.sha != pr.head
    await pr.passes(60)
    stands(pr)


async def test_twice(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    for _ in range(2):
        await pr.says("alice", "/depot rerun")
        pr.reply()
        await pr.passes(60)
        stands(pr)
    assert attempts(run) == {"build": 3, "lint": 3, "test": 3}


async def test_still_running(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == (
        f"{name_of(run)} is ⏳ running; `rerun` works once it is over. "
        f"`/depot cancel {run.run_id}` ends it."
    )
    assert reason(pr) == "still-running"
    assert len(changes(depot)) == 1


async def test_cancelled_before_there_was_any_workflow(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.switches = replace(depot.switches, compile_seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    (run,) = depot.runs
    await pr.says("alice", "/depot cancel")
    assert pr.reply().startswith(f"{name_of(run)}: 🚫 cancelled")
    await pr.passes(60)
    stands(pr)
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == f"{name_of(run)} has no workflow that could run again."
    assert reason(pr) == "nothing-to-rerun"


async def test_no_run_at_all(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == "There is no run on this pull request's head. `/depot run` starts one."
    assert reason(pr) == "no-run"
    assert changes(depot) == []


async def test_a_run_of_another_repository(pr: Conversation, depot: SimulatedDepot) -> None:
    await refuses_others_runs(pr, depot, "rerun {run}")


@pytest.mark.parametrize(
    ("login", "has"),
    [("rita", "read"), ("trudy", "triage"), ("alice", ""), ("maya", ""), ("ada", "")],
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    run = await ran(pr, depot)
    await pr.says(login, "/depot rerun")
    if has:
        assert pr.reply().startswith(not_permitted("rerun", "write", has))
        assert reason(pr) == "not-a-writer"
    else:
        assert pr.reply().startswith(name_of(run))
        await pr.passes(60)
        stands(pr)
    assert attempts(run)["test"] == (1 if has else 2)


@pytest.mark.parametrize("status", [412, 400])
async def test_depot_refuses(
    pr: Conversation, depot: SimulatedDepot, status: Literal[412, 400]
) -> None:
    """The one workflow does not compile, so there is no job in it that could run."""
    depot.switches = replace(depot.switches, failed_precondition_status=status)
    await pushes(pr, {CI: BROKEN})
    await ran(pr, depot)
    await pr.says("alice", "/depot rerun")
    assert pr.reply().endswith(
        "Depot answered `failed_precondition`:\n\n```\nworkflow has no jobs to run\n```"
    )
    assert reason(pr) == "depot-failed_precondition"


async def test_one_workflow_that_does_not_compile_hides_no_other(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {".depot/workflows/zz.yml": BROKEN})
    run = await ran(pr, depot, "run")
    await pr.says("alice", "/depot rerun")
    text = pr.reply()
    await pr.passes(60)
    stands(pr)
    assert attempts(run)["build"] == 2
    assert text.startswith(name_of(run, "all workflows"))


@pytest.mark.parametrize("doubt", DOUBTS)
async def test_an_unknown_outcome_leads_to_one_rerun(
    pr: Conversation, depot: SimulatedDepot, doubt: str
) -> None:
    run = await ran(pr, depot)
    DOUBTS[doubt](depot, "RerunWorkflow")
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == refusals.trying("Depot")
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert second == linked(run)
    assert attempts(run) == {"build": 2, "lint": 2, "test": 2}


async def test_a_lost_answer_to_a_rerun_that_was_over_at_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot)
    depot.plan(attempt=2, queued=0.1, seconds=0.1)
    depot.faults.drop("RerunWorkflow")
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"build": 2, "lint": 2, "test": 2}


async def test_a_lost_answer_for_the_first_of_two_workflows(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, "run")
    depot.faults.drop("RerunWorkflow")
    await pr.says("alice", "/depot rerun")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"build": 2, "lint": 2, "test": 2, "soak": 2}


async def test_a_run_of_depots_own(pr: Conversation, depot: SimulatedDepot) -> None:
    run = depot.foreign_run(REPO, pr.head, CI, trigger="push")
    depot.finish(run.run_id)
    await pr.says("alice", "/depot rerun")
    assert pr.reply().startswith(again(run, "⏸ queued"))
    await pr.passes(60)
    stands(pr)
    assert attempts(run)["test"] == 2
