"""Where else a failure was seen: on the base branch, on other pull requests, in other attempts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from bot.demo.simulators.depot import Run, SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from tests.support.base_branch import ERROR, pushed, ran_at
from tests.support.commands import CI, ran, said, stands
from tests.support.conversation import REPO, Conversation, visible
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

NOWHERE = (
    "- `lint`: Seen nowhere else; 1 run of `main` known.\n"
    "- `test`: Seen nowhere else; 1 run of `main` known."
)
HEADING = "Seen elsewhere:\n\n"


def elsewhere(pr: Conversation) -> str:
    """What the newest reply says of where else it failed; empty when it says nothing."""
    hears_all(pr)
    text = visible(said(pr)[-1].body)
    return text.partition(HEADING)[2].partition("\n\n")[0]


async def fails(pr: Conversation, error: str = ERROR, command: str = "run ci.yml") -> Run:
    """A run of this pull request fails."""
    pr.depot.plan(job="test", attempt=1, outcome="failed", error_message=error)
    await pr.says("alice", f"/depot {command}")
    await pr.passes(60)
    hears_all(pr)
    run = pr.depot.runs[-1]
    assert run.status == "failed"
    return run


async def opens(pr: Conversation, author: str, branch: str) -> Conversation:
    """Somebody else's pull request in the same repository."""
    pr.github.role(REPO, author, "write")
    pull = pr.github.pull_request(REPO, author, branch=branch, files={f"{branch}.txt": "x\n"})
    pr.clock.time += 60
    other = Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)
    await other.settles()
    return other


# --- on the base branch --------------------------------------------------------------------------


async def test_main_is_broken(pr: Conversation) -> None:
    pushed(pr)
    broke = pushed(pr, ERROR)
    pushed(pr, "AssertionError: the basket holds 17 items")
    pushed(pr)
    await fails(pr)
    assert elsewhere(pr) == f"- `test`: Also on `main` since `{broke.sha[:7]}`: 2 of 4 runs known."


async def test_seen_nowhere_else(pr: Conversation) -> None:
    for _ in range(3):
        pushed(pr)
    pushed(pr, "ValueError: something else")
    run = await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 4 runs of `main` known."
    text = visible(said(pr)[-1].body)
    # Right below the table, and never in place of the result.
    table, _, rest = text.partition(HEADING)
    assert table.rstrip().endswith("|")
    assert "❌ failed: `test`, 2 passed" in table
    assert f"/depot retry {run.run_id}" in rest


async def test_nothing_is_said_where_no_run_of_main_is_known(pr: Conversation) -> None:
    await fails(pr)
    assert elsewhere(pr) == ""


async def test_only_the_newest_failures_of_main_are_read_and_then_kept(pr: Conversation) -> None:
    for _ in range(4):
        pushed(pr, ERROR)
    await fails(pr)
    assert ": 2 of 2 runs known." in elsewhere(pr)
    await fails(pr, command="run ci.yml force")
    assert ": 4 of 4 runs known." in elsewhere(pr)
    asked = [call.request["targetType"] for call in pr.depot.calls_of("GetFailureDiagnosis")]
    assert asked.count(2) == 4


async def test_at_most_twenty_runs_of_main(pr: Conversation) -> None:
    pushed(pr, ERROR)
    for _ in range(20):
        pushed(pr)
    await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 20 runs of `main` known."


async def test_other_branches_and_workflows_say_nothing_of_main(pr: Conversation) -> None:
    pushed(pr)
    pushed(pr, ERROR, job="soak", workflow=".depot/workflows/nightly.yaml")
    sha = pr.github.commit(REPO, "elsewhere", {"a.txt": "a\n"}, author="zoe")
    ran_at(pr, sha, ERROR)
    await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 1 run of `main` known."


async def test_what_main_does_not_tell_is_not_known(pr: Conversation) -> None:
    """There the same job failed as well, and nobody can say how."""
    pushed(pr, "Process completed with exit code 1")
    pushed(pr)
    await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 1 run of `main` known."


async def test_a_run_that_goes_on_or_was_cancelled_says_nothing(pr: Conversation) -> None:
    pushed(pr)
    sha = pr.github.commit(REPO, "main", {"b.txt": "b\n"}, author="zoe")
    going = pr.depot.foreign_run(REPO, sha, CI, trigger="push")
    pr.depot.plan(run_id=going.run_id, seconds=10_000)
    gone = pr.depot.foreign_run(REPO, sha, CI, trigger="push")
    pr.depot.finish(gone.run_id, "cancelled")
    await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 1 run of `main` known."


async def test_two_failures_a_line_each(pr: Conversation) -> None:
    broke = pushed(pr, "no disk left", job="lint")
    pr.depot.plan(job="lint", attempt=1, outcome="failed", error_message="no disk left")
    await fails(pr)
    assert elsewhere(pr) == (
        f"- `lint`: Also on `main` since `{broke.sha[:7]}`: 1 of 1 run known.\n"
        "- `test`: Seen nowhere else; 1 run of `main` known."
    )


async def test_jobs_that_failed_in_the_same_way_share_a_line(pr: Conversation) -> None:
    pushed(pr)
    pr.depot.plan(job="lint", attempt=1, outcome="failed", error_message=ERROR)
    await fails(pr)
    assert elsewhere(pr) == "- `lint`, `test`: Seen nowhere else; 1 run of `main` known."


@pytest.mark.parametrize(
    ("made_of", "said"), [("error", ": 1 of 1 run known."), ("run and error", "")]
)
async def test_by_depots_fingerprint_another_job_failed_in_the_same_way(
    pr: Conversation, depot: SimulatedDepot, made_of: str, said: str
) -> None:
    """Only failures of several jobs have one. Whether it is the same in another run is believed."""
    depot.switches = replace(depot.switches, fingerprint=made_of)  # type: ignore[arg-type]
    sha = pr.github.commit(REPO, "main", {"b.txt": "b\n"}, author="zoe")
    run = depot.foreign_run(REPO, sha, CI, trigger="push")
    depot.plan(run_id=run.run_id, error_message="no disk left")
    depot.finish(run.run_id, jobs={"build": "failed", "lint": "failed"})
    depot.plan(job="lint", attempt=1, outcome="failed", error_message="untidy")
    await fails(pr, "no disk left")
    assert (said in elsewhere(pr)) if said else (elsewhere(pr) == NOWHERE)


@pytest.mark.parametrize(
    "switch",
    [
        {"fingerprint": "run and error"},
        {"job_key": "bare"},
        {"workflow_path": "bare"},
        {"job_display_name": False},
    ],
    ids=str,
)
async def test_whatever_depot_answers_where_nobody_knows(
    pr: Conversation, depot: SimulatedDepot, switch: dict[str, Any]
) -> None:
    depot.switches = replace(depot.switches, **switch)
    broke = pushed(pr, ERROR)
    depot.plan(job="lint", attempt=1, outcome="failed", error_message="untidy")
    await fails(pr)
    assert f"- `test`: Also on `main` since `{broke.sha[:7]}`: 1 of 1 run" in elsewhere(pr)


# --- what is no evidence -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [
        "",
        "Process completed with exit code 1",
        "exit status 2",
        "The operation was canceled.",
        "Step 3 exited with code 137",
        "##[error]The job has exceeded its time limit",
        "make: *** [test] Error 2",
    ],
)
async def test_an_error_that_says_nothing_is_no_evidence(pr: Conversation, error: str) -> None:
    pushed(pr, error or " ")
    before = len(pr.github.requests)
    await fails(pr, error)
    assert elsewhere(pr) == ""
    assert pr.depot.calls_of("ListWorkflows") == []
    paths = [request.path for request in pr.github.requests[before:]]
    assert f"/repos/{REPO}/commits" not in paths


async def test_the_same_pull_request_is_no_other(pr: Conversation) -> None:
    pushed(pr)
    await fails(pr)
    pr.github.push(REPO, 1, {"change.txt": "two\n"})
    await pr.passes(60)
    await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 1 run of `main` known."


async def test_a_pull_request_with_the_same_commits_is_no_evidence(pr: Conversation) -> None:
    """Opened again under another number, by somebody else."""
    pushed(pr)
    await fails(pr)
    pr.github.role(REPO, "bob", "write")
    pull = pr.github.pull_request(REPO, "bob", branch="feature")
    pr.clock.time += 60
    again = Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)
    await again.settles()
    assert again.head == pr.head
    await fails(again, command="run ci.yml force")
    assert elsewhere(again) == ""


async def test_a_stack_is_no_evidence(pr: Conversation) -> None:
    """Another pull request of the same author may hold the same change."""
    pushed(pr)
    await fails(pr)
    upper = await opens(pr, "alice", "upper")
    await fails(upper)
    assert elsewhere(upper) == ""


async def test_a_merge_that_was_reverted_is_no_evidence(pr: Conversation) -> None:
    """The change broke the base branch, was reverted, and comes again."""
    pushed(pr)
    first = await opens(pr, "alice", "first")
    sha = pr.github.merge(REPO, first.number, by="maya")
    ran_at(pr, sha, ERROR)
    pushed(pr, ERROR)
    pushed(pr, message=f'Revert "A change (#{first.number})" (#9)')
    pushed(pr)
    await pr.settles()
    first_again = pr.github.pull(REPO, first.number)
    first_again.closed_at = first_again.merged_at = None
    pr.github.push(REPO, first.number, {"first.txt": "rebased\n"})
    await first.passes(60)
    await fails(first)
    assert elsewhere(first) == "- `test`: Seen nowhere else; 3 runs of `main` known."


async def test_a_commit_of_the_author_that_was_reverted_is_no_evidence(pr: Conversation) -> None:
    pushed(pr)
    bad = pushed(pr, ERROR, author="alice", message="Count anew")
    pushed(pr, ERROR)
    pushed(pr, message=f'Revert "Count anew"\n\nThis reverts commit {bad.sha}.')
    await fails(pr)
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 2 runs of `main` known."


# --- on other pull requests ----------------------------------------------------------------------


async def test_also_on_other_pull_requests(pr: Conversation) -> None:
    others = [await opens(pr, author, author) for author in ("bob", "carol")]
    for other in others:
        await fails(other)
    await fails(pr)
    numbers = ", ".join(f"`#{other.number}`" for other in reversed(others))
    assert elsewhere(pr) == f"- `test`: Also on 2 other pull requests: {numbers}."
    # It stays as it was said.
    await pr.passes(7200)
    assert elsewhere(pr).startswith("- `test`: Also on 2")


async def test_a_renamed_repository_keeps_what_is_known(pr: Conversation) -> None:
    other = await opens(pr, "bob", "bob")
    await fails(other)
    rows = await pr.services.store.transact(
        lambda db: db.exec_driver_sql("select repo_id, repo from job_failures").all()
    )
    assert rows == [(pr.github.repository_named(REPO).id, REPO)]


# --- in other attempts ---------------------------------------------------------------------------


async def test_passed_on_a_later_attempt(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await fails(pr)
    await pr.says("alice", "/depot retry")
    await pr.passes(60)
    hears_all(pr)
    assert depot.run(run.run_id).status == "finished"
    assert HEADING not in stands(pr)[0]
    depot.plan(job="test", attempt=3, outcome="failed", error_message=ERROR)
    await pr.says("alice", "/depot rerun")
    await pr.passes(60)
    hears_all(pr)
    text = stands(pr)[0]
    assert "- `test`: Passed on attempt 2 of the same commit.\n" in text + "\n"
    # An earlier attempt keeps nothing of it.
    await pr.says("alice", "/depot retry")
    await pr.passes(60)
    hears_all(pr)
    assert HEADING not in stands(pr)[0]


async def test_passed_in_another_run(pr: Conversation) -> None:
    other = await opens(pr, "bob", "bob")
    await fails(other)
    await other.says("bob", "/depot retry")
    await other.passes(60)
    hears_all(other)
    await fails(pr)
    assert elsewhere(pr) == (
        f"- `test`: Also on 1 other pull request: `#{other.number}`. "
        "Failed so in 1 other run, and then passed on the same commit."
    )


async def test_a_job_that_passed_beside_one_that_failed_again(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="lint", outcome="failed", error_message="exit status 1")
    await fails(pr)
    await pr.says("alice", "/depot retry")
    await pr.passes(60)
    hears_all(pr)
    assert "- `test`: Passed on attempt 2 of the same commit." in stands(pr)[0]


# --- by command ----------------------------------------------------------------------------------


async def test_why_says_the_same(pr: Conversation) -> None:
    broke = pushed(pr, ERROR)
    run = await fails(pr)
    for command in ("why", f"why {run.run_id}", "why job=test"):
        await pr.says("trudy", f"/depot {command}")
        assert elsewhere(pr) == (
            f"- `test`: Also on `main` since `{broke.sha[:7]}`: 1 of 1 run known."
        )
    await pr.says("trudy", "/depot why job=lint")
    assert elsewhere(pr) == ""


async def test_why_of_a_run_of_depots_own(pr: Conversation, depot: SimulatedDepot) -> None:
    pushed(pr)
    run = depot.foreign_run(REPO, pr.head, CI, trigger="pull_request", pr=1)
    depot.plan(run_id=run.run_id, job="test", error_message=ERROR)
    depot.finish(run.run_id, jobs={"test": "failed"})
    await pr.says("trudy", "/depot why")
    assert elsewhere(pr) == "- `test`: Seen nowhere else; 1 run of `main` known."


async def test_why_of_a_run_of_another_pull_request_and_of_main(pr: Conversation) -> None:
    """What failed there is theirs, and says nothing of this one."""
    broke = pushed(pr, ERROR)
    other = await opens(pr, "bob", "bob")
    theirs = await fails(other)
    for run in (theirs, broke):
        await pr.says("trudy", f"/depot why {run.run_id}")
        assert elsewhere(pr) == ""
    await fails(pr)
    assert elsewhere(pr) == (
        f"- `test`: Also on `main` since `{broke.sha[:7]}`: 1 of 1 run known. "
        f"Also on 1 other pull request: `#{other.number}`."
    )


# --- what it costs, and trouble ------------------------------------------------------------------


async def test_at_most_five_calls(pr: Conversation, github: SimulatedGitHub) -> None:
    for _ in range(5):
        pushed(pr, ERROR)
    github.requests.clear()
    pr.depot.calls.clear()
    await fails(pr)
    at_github = [one.path for one in github.requests if one.path.endswith("/commits")]
    pulls = [one.path for one in github.requests if one.path.endswith("/pulls/1")]
    own, *others = pr.depot.calls_of("GetFailureDiagnosis")
    assert own.request["targetType"] == 1
    assert len(pulls) == 2  # one is for the command itself
    assert (len(at_github), len(pr.depot.calls_of("ListWorkflows")), len(others)) == (1, 1, 2)


async def test_at_most_five_calls_where_nothing_is_quoted(pr: Conversation) -> None:
    """Then the run's own diagnosis is read for this alone. Nothing of its text is shown."""
    pr.github.repository_named(REPO).internal = False
    for _ in range(5):
        pushed(pr, ERROR)
    await fails(pr)
    assert ": 1 of 1 run known." in elsewhere(pr)
    assert "AssertionError" not in said(pr)[-1].body
    assert len(pr.depot.calls_of("GetFailureDiagnosis")) == 2


@pytest.mark.parametrize("place", ["commits", "pulls/1", "ListWorkflows", "GetFailureDiagnosis"])
async def test_trouble_leaves_it_out_and_it_comes_later(pr: Conversation, place: str) -> None:
    pushed(pr, ERROR)
    pr.depot.plan(job="test", attempt=1, outcome="failed", error_message=ERROR)
    await pr.says("alice", "/depot run ci.yml")
    if place[0].islower():
        lift = pr.github.faults.answer("GET", f"/repos/{REPO}/{place}$", 503, "", times=None).lift
    else:
        lift = pr.depot.faults.refuse(place, "unavailable", times=1000).lift
    await pr.passes(60)
    hears_all(pr)
    assert "❌ failed: `test`, 2 passed" in stands(pr)[0]
    assert elsewhere(pr) == ""
    lift()
    await pr.passes(3600)
    assert ": 1 of 1 run known." in elsewhere(pr)


async def test_a_no_from_depot_leaves_main_out(pr: Conversation, depot: SimulatedDepot) -> None:
    pushed(pr, ERROR)
    other = await opens(pr, "bob", "bob")
    await fails(other)
    depot.faults.refuse("ListWorkflows", "permission_denied", times=10)
    await fails(pr)
    assert elsewhere(pr) == f"- `test`: Also on 1 other pull request: `#{other.number}`."
    assert len(depot.calls_of("ListWorkflows")) == 2


async def test_what_main_tells_in_part_is_asked_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    """Of a run with too many failures nobody knows whether this one is among them."""
    depot.switches = replace(depot.switches, diagnosis_cap=1)
    pushed(pr)
    sha = pr.github.commit(REPO, "main", {"b.txt": "b\n"}, author="zoe")
    run = depot.foreign_run(REPO, sha, CI, trigger="push")
    depot.finish(run.run_id, jobs={"lint": "failed", "test": "failed"})
    for _ in range(2):
        await fails(pr, command="run ci.yml force")
        assert elsewhere(pr) == "- `test`: Seen nowhere else; 1 run of `main` known."
    asked = [call.request["targetType"] for call in depot.calls_of("GetFailureDiagnosis")]
    assert asked == [1, 2, 1]


async def test_yaml_sent_along_is_nobody_elses(pr: Conversation, depot: SimulatedDepot) -> None:
    pushed(pr, ERROR)
    depot.plan(job="test", outcome="failed", error_message=ERROR)
    yaml = "jobs:\n  test:\n    runs-on: x\n    steps: [{run: make}]\n"
    await pr.says("maya", f"/depot run\n```yaml\n{yaml}```")
    await pr.passes(60)
    assert elsewhere(pr) == ""
    assert depot.calls_of("ListWorkflows") == []


async def test_a_passing_run_costs_nothing(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot)
    assert depot.calls_of("GetFailureDiagnosis") == []
    assert depot.calls_of("ListWorkflows") == []
