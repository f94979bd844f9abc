"""Conversations about `/depot cancel`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import pytest
from inline_snapshot import snapshot
from starlette.responses import Response

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from bot.messages import refusals
from bot.messages.phrases import STATES
from tests.commands.test_retry import DOUBTS
from tests.support.commands import (
    CI,
    MATRIX,
    NEEDS,
    SLOW,
    changes,
    job_id,
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
from tests.support.sentences import linked, name_of

pytestmark = pytest.mark.anyio


@dataclass
class EndsFirst:
    """The run comes to its end just before this call is looked at."""

    depot: SimulatedDepot
    run_id: str

    async def answer(self, work: Work) -> Response:
        self.depot.finish(self.run_id)
        return work().response()


async def test_the_newest_run(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("alice", "/depot cancel")
    assert pr.reply().startswith(f"{name_of(run)}: 🚫 cancelled")
    assert reason(pr) == "cancelled"
    await pr.passes(60)
    first, second = stands(pr)
    assert first.startswith(f"{name_of(run)}: 🚫 cancelled")
    assert second == linked(run, state="🚫 cancelled")
    assert changes(depot, 1) == [("CancelRun", {"runId": run.run_id})]
    assert run.status == "cancelled"


async def test_one_that_waits_for_a_machine(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.hold()
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    (run,) = depot.runs
    await pr.says("alice", "/depot cancel")
    assert pr.reply().startswith(f"{name_of(run)}: 🚫 cancelled")
    await pr.passes(60)
    assert all(text.startswith(f"{name_of(run)}: 🚫 cancelled") for text in stands(pr))


async def test_a_typed_run(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await runs_on(pr, depot)
    new = depot.foreign_run(REPO, pr.head, CI)
    await pr.says("alice", f"/depot cancel {old.run_id}")
    assert pr.reply().startswith(f"{name_of(old)}: 🚫 cancelled")
    await pr.passes(60)
    stands(pr)
    assert old.status == "cancelled"
    assert not new.over


async def test_the_newest_of_several(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await runs_on(pr, depot)
    new = depot.foreign_run(REPO, pr.head, CI)
    await pr.says("alice", "/depot cancel")
    said = pr.reply()
    assert "Several runs could be meant" in said
    for run in (old, new):
        assert f"`/depot cancel {run.run_id}`" in said
    assert not old.over
    assert not new.over
    await pr.says("alice", f"/depot cancel {new.run_id}")
    assert "🚫 cancelled" in pr.reply()
    assert (old.status, new.status) == ("running", "cancelled")


WRITTEN: list[tuple[Literal["prefix", "bare"], Literal["path", "bare"], str]] = [
    ("prefix", "path", "test"),
    ("prefix", "path", "ci.yml:test"),
    ("prefix", "bare", "test"),
    ("bare", "path", "test"),
    ("bare", "bare", "test"),
]


@pytest.mark.parametrize(("job_key", "workflow_path", "typed"), WRITTEN)
async def test_one_job_however_depot_writes_it(
    pr: Conversation,
    depot: SimulatedDepot,
    job_key: Literal["prefix", "bare"],
    workflow_path: Literal["path", "bare"],
    typed: str,
) -> None:
    depot.switches = replace(depot.switches, job_key=job_key, workflow_path=workflow_path)
    run = await runs_on(pr, depot)
    await pr.says("alice", f"/depot cancel job={typed}")
    assert pr.reply() == linked(run, state="⏳ running")
    body = {"workflowId": workflow_id(run), "jobId": job_id(run, "test")}
    assert changes(depot, 1) == [("CancelJob", body)]
    await pr.passes(60)
    first, _ = stands(pr)
    assert "| `test` | 🚫 cancelled |" in first
    assert "| `build` | ⏳ running |" in first


async def test_a_job_that_waits_for_others(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: NEEDS})
    run = await runs_on(pr, depot)
    await pr.says("alice", "/depot cancel job=deploy")
    assert pr.reply() == linked(run, state="⏳ running")
    await pr.passes(30)
    first, _ = stands(pr)
    assert "| `deploy` | 🚫 cancelled |" in first
    await pr.passes(SLOW * 3)
    first, _ = stands(pr)
    assert first.startswith(f"{name_of(run)}: 🚫 cancelled")


async def test_a_matrix_is_ambiguous(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: MATRIX})
    await runs_on(pr, depot)
    await pr.says("alice", "/depot cancel job=test")
    assert pr.reply() == (
        "`test` may mean `ci.yml:test:matrix-0`, `ci.yml:test:matrix-1`. Name one of them."
    )
    assert reason(pr) == "ambiguous-job"
    assert len(changes(depot)) == 1


async def test_a_job_that_is_not_there(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("alice", "/depot cancel job=biuld")
    assert pr.reply() == (
        f"{name_of(run)} has no job `biuld`; did you mean `build`? "
        "It has: `ci.yml:build`, `ci.yml:lint`, `ci.yml:test`."
    )
    assert reason(pr) == "unknown-job"


# --- nothing to cancel ---------------------------------------------------------------------------


@pytest.mark.parametrize("outcome", ["finished", "failed", "cancelled"])
async def test_it_is_over(
    pr: Conversation, depot: SimulatedDepot, outcome: Literal["finished", "failed", "cancelled"]
) -> None:
    run = await ran(pr, depot, outcome=outcome)
    await pr.says("alice", "/depot cancel")
    assert pr.reply().startswith(f"Nothing to cancel. {name_of(run)}: {STATES[outcome]}")
    assert reason(pr) == "already-over"
    assert len(changes(depot)) == 1


async def test_the_job_is_over(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="build", seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(30)
    pr.last_edit()
    await pr.says("alice", "/depot cancel job=test")
    name = name_of(depot.runs[0]).replace("Run", "run", 1)
    assert pr.reply() == f"Nothing to cancel: `test` of {name} is ✅ passed."
    assert reason(pr) == "already-over"
    assert len(changes(depot)) == 1


async def test_a_run_is_not_called_running_for_ever_because_its_job_was_over(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="build", seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(30)
    pr.last_edit()
    await pr.says("alice", "/depot cancel job=test")
    pr.reply()
    await pr.passes(2 * SLOW)
    _, second = stands(pr)
    assert ": running." not in second


@pytest.mark.parametrize("status", [412, 400])
@pytest.mark.parametrize(
    ("command", "method"), [("cancel", "CancelRun"), ("cancel job=test", "CancelJob")]
)
async def test_it_ends_just_before_the_call(
    pr: Conversation,
    depot: SimulatedDepot,
    command: str,
    method: str,
    status: Literal[412, 400],
) -> None:
    """Between the look and the call; Depot's refusal is then told as what is so."""
    depot.switches = replace(depot.switches, failed_precondition_status=status)
    run = await runs_on(pr, depot)
    depot.faults.arrange(EndsFirst(depot, run.run_id), method)
    await pr.says("alice", f"/depot {command}")
    text = pr.reply()
    if command == "cancel":
        assert text.startswith(f"Nothing to cancel. {name_of(run)}: ✅ passed.")
    else:
        name = name_of(run).replace("Run", "run", 1)
        assert text == f"Nothing to cancel: `test` of {name} is ✅ passed."
    assert reason(pr) == "already-over"
    await pr.passes(60)
    first, _ = stands(pr)
    assert first.startswith(f"{name_of(run)}: ✅ passed in")


async def test_no_run_at_all(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot cancel")
    assert pr.reply() == "There is no run on this pull request's head. `/depot run` starts one."
    assert reason(pr) == "no-run"
    assert changes(depot) == []


@pytest.mark.parametrize("command", ["cancel {run}", "cancel {run} job=test"])
async def test_a_run_of_another_repository(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    await refuses_others_runs(pr, depot, command)


@pytest.mark.parametrize(
    ("login", "has"),
    [("rita", "read"), ("trudy", "triage"), ("alice", ""), ("maya", ""), ("ada", "")],
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    run = await runs_on(pr, depot)
    await pr.says(login, "/depot cancel")
    if has:
        assert pr.reply().startswith(not_permitted("cancel", "write", has))
        assert reason(pr) == "not-a-writer"
    else:
        assert pr.reply().startswith(f"{name_of(run)}: 🚫 cancelled")
        await pr.passes(60)
        stands(pr)
    assert run.status == ("running" if has else "cancelled")


async def test_a_refusal_of_depots(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    depot.faults.refuse("CancelRun", "permission_denied", message="not yours, @octocat")
    await pr.says("alice", "/depot cancel")
    assert pr.reply() == (
        "Depot does not let this bot's token do that. Depot answered `permission_denied`:\n\n"
        "```\nnot yours, @octocat\n```"
    )
    assert reason(pr) == "depot-permission_denied"
    assert run.status == "running"


# --- the answer is lost --------------------------------------------------------------------------


@pytest.mark.parametrize("doubt", DOUBTS)
@pytest.mark.parametrize(
    ("command", "method"), [("cancel", "CancelRun"), ("cancel job=test", "CancelJob")]
)
async def test_an_unknown_outcome(
    pr: Conversation, depot: SimulatedDepot, command: str, method: str, doubt: str
) -> None:
    run = await runs_on(pr, depot)
    DOUBTS[doubt](depot, method)
    await pr.says("alice", f"/depot {command}")
    assert pr.reply() == refusals.trying("Depot")
    await pr.passes(60)
    first, second = stands(pr)
    assert reason(pr) == "cancelled"
    assert "| `test` | 🚫 cancelled |" in first
    assert second == linked(run, state="🚫 cancelled" if command == "cancel" else "⏳ running")
    done = [call for call in depot.calls_of(method) if call.status == 200]
    assert len(done) <= 1
    assert len(depot.calls_of(method)) == (1 if doubt.startswith("accepted") else 2)
    assert run.status == ("cancelled" if command == "cancel" else "running")


async def test_a_run_that_ended_by_itself_is_not_called_cancelled(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    depot.faults.refuse("CancelRun")
    await pr.says("alice", "/depot cancel")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    depot.finish(run.run_id)
    await pr.passes(60)
    stands(pr)
    assert reason(pr) == "already-over"
