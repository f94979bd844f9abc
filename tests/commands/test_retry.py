"""Conversations about `/depot retry`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.messages import refusals
from tests.support.commands import (
    CI,
    MATRIX,
    NEEDS,
    SLOW,
    attempts,
    changes,
    facts,
    job_id,
    not_permitted,
    pushes,
    ran,
    reason,
    refuses_others_runs,
    runs_on,
    said,
    stands,
    workflow_id,
)
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import NO_EDITS, again, linked, name_of

pytestmark = pytest.mark.anyio

NIGHTLY = ".depot/workflows/nightly.yaml"


async def test_the_failed_jobs_of_the_newest_run_run_again(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == linked(run)
    assert reason(pr) == "retried"
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert second == linked(run)
    assert changes(depot, 1) == [("RetryFailedJobs", {"workflowId": workflow_id(run)})]
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2}


async def test_the_earlier_reply_is_true_again_while_the_retry_runs(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    (before,) = stands(pr)
    assert before.startswith(f"{name_of(run)}: ❌ failed")
    assert "<details><summary>Why it failed</summary>" in before
    depot.plan(job="test", attempt=2, seconds=SLOW)
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(60)
    first, _ = stands(pr)
    assert first.startswith(again(run, "⏳ running"))
    assert "<summary>Why it failed" not in first
    assert "<summary>Why attempt 1 failed</summary>" in first
    known = facts(said(pr)[0])["commands"][0]["runs"][0]
    assert known["state"] == "running"
    assert known["attempts"] == [{"state": "failed", "asked_by": "", "failed": ["test"]}]
    await pr.passes(SLOW)
    first, _ = stands(pr)
    assert first.startswith(again(run, "✅ passed"))


async def test_a_retry_that_fails_again_says_why_of_both_attempts(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.plan(job="test", attempt=2, outcome="failed", log=["second time"])
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "❌ failed"))
    assert "second time" in first
    assert "<summary>Why attempt 1 failed</summary>" in first
    assert second == linked(run)


async def test_the_earlier_reply_is_followed_also_when_it_is_days_old(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.passes(3 * 24 * 3600)
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert second == linked(run)


async def test_a_typed_run_is_retried_and_not_the_newest(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    old = await ran(pr, depot, outcome="failed")
    new = await ran(pr, depot, outcome="failed")
    await pr.says("alice", f"/depot retry {old.run_id}")
    assert pr.reply() == linked(old)
    await pr.passes(60)
    stands(pr)
    assert attempts(old)["test"] == 2
    assert attempts(new)["test"] == 1


async def test_the_newest_of_several_is_retried(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot, outcome="failed")
    new = await ran(pr, depot, "run ci.yml job=test", outcome="failed")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == linked(new, "`ci.yml` (`test`)")
    await pr.passes(60)
    stands(pr)
    assert attempts(old)["test"] == 1
    assert attempts(new)["test"] == 2


async def test_a_run_that_depot_started_itself_is_retried(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = depot.foreign_run(REPO, pr.head, CI, trigger="pull_request", pr=1)
    depot.finish(run.run_id, jobs={"test": "failed"})
    await pr.says("alice", "/depot retry")
    assert pr.reply().startswith(again(run, "⏳ running"))
    await pr.passes(60)
    (text,) = stands(pr)
    assert text.startswith(again(run, "✅ passed"))
    assert "Attempt 1: ❌ failed: `test`, 2 passed" in text
    assert attempts(run)["test"] == 2


async def test_an_older_run_of_this_pull_request_counts_after_a_push(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pushes(pr, {"change.txt": "two\n"})
    await pr.says("alice", "/depot retry")
    assert pr.reply() == linked(run)
    await pr.passes(60)
    stands(pr)
    assert attempts(run)["test"] == 2


async def test_each_failed_workflow_of_a_run_is_retried(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="soak", attempt=1, outcome="failed")
    run = await ran(pr, depot, "run", outcome="failed")
    await pr.says("alice", "/depot retry")
    assert pr.reply().startswith(name_of(run, "all workflows"))
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed", "all workflows"))
    assert second == linked(run, "all workflows")
    assert changes(depot, 1) == [
        ("RetryFailedJobs", {"workflowId": workflow.workflow_id}) for workflow in run.workflows
    ]


async def test_a_workflow_without_failures_is_left_alone(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, "run", outcome="failed")
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2, "soak": 1}


async def test_a_failed_workflow_is_retried_while_another_still_runs(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="soak", seconds=SLOW)
    depot.plan(job="test", attempt=1, outcome="failed")
    await pr.says("alice", "/depot run")
    pr.reply()
    await pr.passes(30)
    pr.last_edit()
    (run,) = depot.runs
    assert run.status == "running"
    await pr.says("alice", "/depot retry")
    assert pr.reply() == linked(run, "all workflows")
    await pr.passes(SLOW + 60)
    first, _ = stands(pr)
    assert "✅ passed" in first
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2, "soak": 1}


async def test_cancelled_jobs_run_again_too(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="cancelled")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == linked(run)
    await pr.passes(60)
    first, _ = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert "Attempt 1: 🚫 cancelled" in first
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2}


# --- one job -------------------------------------------------------------------------------------

WRITTEN: list[tuple[Literal["prefix", "bare"], Literal["path", "bare"], str]] = [
    ("prefix", "path", "test"),
    ("prefix", "path", "ci.yml:test"),
    ("prefix", "bare", "test"),
    ("bare", "path", "test"),
    ("bare", "bare", "test"),
]


@pytest.mark.parametrize(("job_key", "workflow_path", "typed"), WRITTEN)
async def test_one_job_runs_again_however_depot_writes_it(
    pr: Conversation,
    depot: SimulatedDepot,
    job_key: Literal["prefix", "bare"],
    workflow_path: Literal["path", "bare"],
    typed: str,
) -> None:
    depot.switches = replace(depot.switches, job_key=job_key, workflow_path=workflow_path)
    depot.plan(job="lint", attempt=1, outcome="failed")
    run = await ran(pr, depot, outcome="failed")
    await pr.says("alice", f"/depot retry job={typed}")
    assert pr.reply() == linked(run)
    await pr.passes(60)
    stands(pr)
    body = {"workflowId": workflow_id(run), "jobId": job_id(run, "test")}
    assert changes(depot, 1) == [("RetryJob", body)]
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2}


async def test_one_job_of_a_typed_run(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot, outcome="failed")
    new = await ran(pr, depot, outcome="failed")
    await pr.says("alice", f"/depot retry {old.run_id} job=test")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    assert (attempts(old)["test"], attempts(new)["test"]) == (2, 1)


async def test_one_job_of_a_run_that_is_still_running(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.plan(job="build", seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(30)
    pr.last_edit()
    (run,) = depot.runs
    await pr.says("alice", "/depot retry job=test")
    assert pr.reply() == linked(run)
    await pr.passes(SLOW + 60)
    first, _ = stands(pr)
    assert first.startswith(f"{name_of(run)}: ✅ passed.")
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2}


async def test_a_job_that_is_not_there(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot retry job=tests")
    assert pr.reply() == (
        f"{name_of(run)} has no job `tests`; did you mean `test`? "
        "It has: `ci.yml:build`, `ci.yml:lint`, `ci.yml:test`."
    )
    assert reason(pr) == "unknown-job"
    assert len(changes(depot)) == 1


async def test_a_job_of_a_run_that_has_none_yet(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, compile_seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    (run,) = depot.runs
    await pr.says("alice", "/depot retry job=test")
    assert pr.reply() == f"{name_of(run)} has no job `test`. It has no jobs yet."


async def test_a_matrix_is_ambiguous_and_one_cell_is_not(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {CI: MATRIX})
    run = await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot retry job=test")
    assert pr.reply() == (
        "`test` may mean `ci.yml:test:matrix-0`, `ci.yml:test:matrix-1`. Name one of them."
    )
    assert reason(pr) == "ambiguous-job"
    await pr.says("alice", "/depot retry job=test:matrix-1")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"lint": 1, "test:matrix-0": 1, "test:matrix-1": 2}


async def test_a_job_may_be_named_as_the_table_shows_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {CI: MATRIX})
    run = await ran(pr, depot, outcome="failed")
    (table,) = stands(pr)
    assert "| `test (3.12)` | ❌ failed |" in table
    await pr.says("alice", '/depot retry job="test (3.12)"')
    pr.reply()
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"lint": 1, "test:matrix-0": 1, "test:matrix-1": 2}


async def test_a_job_that_did_not_fail(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot retry job=build")
    assert pr.reply() == (
        f"`build` of {name_of(run).replace('Run', 'run', 1)} is ✅ passed; "
        "only a failed or cancelled job is retried."
    )
    assert reason(pr) == "nothing-to-retry"
    assert len(changes(depot)) == 1


@pytest.mark.parametrize("status", [412, 400])
async def test_a_job_cannot_be_retried_alone_once_a_later_one_has_started(
    pr: Conversation, depot: SimulatedDepot, status: Literal[412, 400]
) -> None:
    """`build` is allowed to fail, so what needs it went on."""
    depot.switches = replace(depot.switches, failed_precondition_status=status)
    lenient = NEEDS.replace("  build:\n", "  build:\n    continue-on-error: true\n")
    await pushes(pr, {CI: lenient})
    run = await ran(pr, depot, outcome="failed", job="build")
    await pr.says("alice", "/depot retry job=build")
    assert pr.reply() == (
        "`build` cannot be retried alone now: perhaps jobs behind it have started. "
        f"`/depot retry {run.run_id}` retries all that failed."
    )
    assert reason(pr) == "cannot-retry-alone"
    assert attempts(run)["build"] == 1
    await pr.says("alice", f"/depot retry {run.run_id}")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    assert attempts(run)["build"] == 2


# --- nothing to do -------------------------------------------------------------------------------


async def test_nothing_failed(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pr.says("alice", "/depot retry")
    assert pr.reply().startswith(
        f"Nothing failed that could be retried. {name_of(run)}: ✅ passed."
    )
    assert reason(pr) == "nothing-to-retry"
    assert len(changes(depot)) == 1


async def test_it_does_not_compile(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: "on: push\njobs:\n  test:\n    steps: [{rnu: make}]\n"})
    run = await ran(pr, depot)
    await pr.says("alice", "/depot retry")
    assert pr.reply().startswith(f"Nothing failed that could be retried. {name_of(run)}: ❌ failed")


async def test_still_running(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.plan(job="build", seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(30)
    pr.last_edit()
    (run,) = depot.runs
    await pr.says("alice", "/depot retry")
    assert pr.reply() == (
        f"{name_of(run)} is ⏳ running; `retry` works once it is over. "
        f"`/depot cancel {run.run_id}` ends it."
    )
    assert reason(pr) == "still-running"
    assert len(changes(depot)) == 1


async def test_running_with_nothing_failed_so_far(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("alice", "/depot retry")
    assert pr.reply().startswith(
        f"Nothing failed that could be retried. {name_of(run)}: ⏳ running."
    )


async def test_no_run_at_all(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot retry")
    assert pr.reply() == "There is no run on this pull request's head. `/depot run` starts one."
    assert reason(pr) == "no-run"
    assert changes(depot) == []


@pytest.mark.parametrize("command", ["retry {run}", "retry {run} job=test"])
async def test_a_run_of_another_repository(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    await refuses_others_runs(pr, depot, command)


async def test_a_run_of_another_organisation(pr: Conversation, depot: SimulatedDepot) -> None:
    run = depot.foreign_run(REPO, pr.head, CI, org_id="elsewhere0")
    await pr.says("alice", f"/depot retry {run.run_id}")
    assert pr.reply() == f"There is no run `{run.run_id}` in this repository."


async def test_an_id_that_is_none(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot retry ../../etc")
    assert pr.reply() == (
        "`run`: a run's id, or the name of a workflow file, goes here. "
        "Usage: `/depot retry [RUN or WORKFLOW] [job=KEY[,KEY]]`. "
        f"{NO_EDITS}"
    )
    assert depot.calls == []


@pytest.mark.parametrize(
    ("login", "has"),
    [("rita", "read"), ("trudy", "triage"), ("alice", ""), ("maya", ""), ("ada", "")],
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.says(login, "/depot retry")
    if has:
        assert pr.reply().startswith(not_permitted("retry", "write", has))
        assert reason(pr) == "not-a-writer"
        assert attempts(run)["test"] == 1
    else:
        assert pr.reply().startswith(name_of(run))
        await pr.passes(60)
        stands(pr)
        assert attempts(run)["test"] == 2


async def test_a_refusal_of_depots_is_shown(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.faults.refuse("RetryFailedJobs", "failed_precondition", message="@octocat moved it")
    await pr.says("alice", "/depot retry")
    assert pr.reply().endswith(
        "Depot answered `failed_precondition`:\n\n```\n@octocat moved it\n```"
    )
    assert reason(pr) == "depot-failed_precondition"
    assert attempts(run)["test"] == 1


# --- the answer is lost --------------------------------------------------------------------------

Fault = Callable[[SimulatedDepot, str], object]
DOUBTS: dict[str, Fault] = {
    "accepted, connection lost": lambda depot, method: depot.faults.drop(method),
    "accepted, 503": lambda depot, method: depot.faults.fail_after(method),
    "accepted, 500": lambda depot, method: depot.faults.fail_after(method, "internal"),
    "accepted, cut in half": lambda depot, method: depot.faults.cut(method),
    "refused, 503": lambda depot, method: depot.faults.refuse(method),
    "refused, 429": lambda depot, method: depot.faults.refuse(method, "resource_exhausted"),
    "refused, 502 with HTML": lambda depot, method: depot.faults.html(method),
}


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize(
    ("command", "method"), [("retry", "RetryFailedJobs"), ("retry job=test", "RetryJob")]
)
async def test_an_unknown_outcome_leads_to_one_retry(
    pr: Conversation, depot: SimulatedDepot, command: str, method: str, doubt: str
) -> None:
    run = await ran(pr, depot, outcome="failed")
    DOUBTS[doubt](depot, method)
    await pr.says("alice", f"/depot {command}")
    assert pr.reply() == refusals.trying("Depot")
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert second == linked(run)
    assert reason(pr) == "retried"
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2}


@pytest.mark.parametrize(
    ("command", "method"), [("retry", "RetryFailedJobs"), ("retry job=test", "RetryJob")]
)
async def test_a_lost_answer_to_a_retry_that_failed_at_once_again(
    pr: Conversation, depot: SimulatedDepot, command: str, method: str
) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.plan(job="test", attempt=2, queued=0.1, seconds=0.1, outcome="failed")
    depot.faults.drop(method)
    await pr.says("alice", f"/depot {command}")
    assert pr.reply() == refusals.trying("Depot")
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(again(run, "❌ failed"))
    assert second == linked(run)
    assert attempts(run)["test"] == 2


async def test_a_lost_answer_for_the_first_of_two_workflows(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="soak", attempt=1, outcome="failed")
    run = await ran(pr, depot, "run", outcome="failed")
    depot.faults.drop("RetryFailedJobs")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(60)
    stands(pr)
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2, "soak": 2}


async def test_one_that_cannot_go_again_hides_none_that_an_earlier_step_moved(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="soak", attempt=1, outcome="failed")
    depot.plan(job="test", attempt=2, queued=0.0, seconds=0.1, outcome="failed")
    run = await ran(pr, depot, "run", outcome="failed")
    depot.faults.drop("RetryFailedJobs")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    depot.faults.refuse("RetryFailedJobs", "failed_precondition")
    await pr.passes(60)
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2, "soak": 1}
    assert reason(pr) == "retried"
    assert all(name_of(run, "all workflows") in text for text in stands(pr))


async def test_in_doubt_the_run_of_the_first_try_is_meant(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    """Another run has become the newest before the second try."""
    run = await ran(pr, depot, outcome="failed")
    depot.faults.drop("RetryFailedJobs")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    newer = depot.foreign_run(REPO, pr.head, CI)
    depot.finish(newer.run_id, "failed")
    await pr.passes(60)
    stands(pr)
    assert attempts(run)["test"] == 2
    assert attempts(newer)["test"] == 1


async def test_giving_up_in_doubt_does_not_say_that_nothing_was_done(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.faults.drop("RetryFailedJobs")
    await pr.says("alice", "/depot retry")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    depot.faults.refuse("GetRunStatus", times=None)
    await pr.passes(20 * 60)
    assert attempts(run)["test"] == 2
    assert "nothing was run" not in pr.last_edit()


async def test_a_failing_look_after_the_retry_does_not_show_the_old_end(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.plan(job="test", attempt=2, seconds=SLOW)
    # The first GetRunStatus of the command finds the run; the second reads it after the retry.
    fault = depot.faults.refuse("GetRunStatus", "internal", every=2)
    await pr.says("alice", "/depot retry")
    fault.lift()
    text = pr.reply()
    await pr.passes(60)
    stands(pr)
    assert attempts(run)["test"] == 2
    assert "❌ failed" not in text


async def test_depot_is_down_before_anything_is_known(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    trouble = depot.faults.refuse(None, times=None)
    await pr.says("alice", "/depot retry")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(30)
    trouble.lift()
    await pr.passes(120)
    first, second = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    assert second == linked(run)
    assert attempts(run)["test"] == 2


async def test_depot_is_down_for_good(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.faults.refuse(None, times=None)
    await pr.says("alice", "/depot retry")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(3600)
    assert pr.last_edit().startswith(
        "Depot did not answer for 15 minutes, so this was given up and nothing was run."
    )
    assert reason(pr) == "could-not-ask"
    assert attempts(run)["test"] == 1


async def test_the_token_is_refused(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await ran(pr, depot, outcome="failed")
    depot.faults.revoke_token()
    await pr.says("alice", "/depot retry")
    assert pr.reply() == refusals.trying_token("Depot")
    await pr.passes(3600)
    assert pr.last_edit().startswith("Depot did not answer for 15 minutes")
    assert reason(pr) == "could-not-ask"
    assert depot.token not in "".join(c.body for c in github.comments(REPO, 1))
