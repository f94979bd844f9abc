"""Conversations about `/depot dispatch`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from inline_snapshot import snapshot
from starlette.responses import Response

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import LostResponse, Work
from bot.demo.simulators.github import SimulatedGitHub
from bot.engine.runs import WINDOW_SECONDS
from bot.messages import runs
from tests.support.commands import changes, facts, not_permitted, pushes, reason, said
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import NO_EDITS, name_of, queued

pytestmark = pytest.mark.anyio

DEPLOY = """\
name: Deploy
on:
  push:
  workflow_dispatch:
    inputs:
      environment: {type: choice, options: [staging, production], required: true}
      verbose: {type: boolean, default: false}
      count: {type: number, default: 1}
      note: {}
jobs:
  deploy:
    runs-on: depot-ubuntu-latest
    steps: [{run: make deploy}]
"""
FILE = ".depot/workflows/deploy.yml"


@dataclass
class Before:
    """Something happens just before a call is looked at; its answer may be lost."""

    do: Callable[[], object]
    loses: bool = False

    async def answer(self, work: Work) -> Response:
        self.do()
        reply = work()
        return LostResponse() if self.loses else reply.response()


@pytest.mark.parametrize("typed", ["nightly", "nightly.yaml", ".depot/workflows/nightly.yaml"])
async def test_without_inputs(pr: Conversation, depot: SimulatedDepot, typed: str) -> None:
    await pr.says("alice", f"/depot dispatch {typed}")
    (run,) = depot.runs
    assert pr.reply() == queued(run, "`nightly.yaml`")
    assert reason(pr) == "started"
    branch = pr.github.pull(REPO, 1).head_branch
    body = {"repo": REPO, "workflow": "nightly.yaml", "ref": branch}
    assert changes(depot) == [("DispatchWorkflow", body)]
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(run, '`nightly.yaml`')}: ✅ passed in")
    assert run.trigger == "workflow_dispatch"


async def test_inputs_go_as_strings(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {FILE: DEPLOY})
    await pr.says(
        "alice",
        '/depot dispatch deploy environment=staging verbose=true --count 3 note="2 words"',
    )
    pr.reply()
    ((_, body),) = changes(depot)
    assert body["workflow"] == "deploy.yml"
    assert body["inputs"] == {
        "environment": "staging",
        "verbose": "true",
        "count": "3",
        "note": "2 words",
    }
    await pr.passes(60)
    pr.last_edit()


async def test_the_exact_bytes(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {FILE: DEPLOY})
    await pr.says("alice", "/depot dispatch deploy.yml environment=staging")
    pr.reply()
    (call,) = depot.calls_of("DispatchWorkflow")
    branch = pr.github.pull(REPO, 1).head_branch.encode()
    assert call.body == (
        b'{"repo":"octo/hello","workflow":"deploy.yml","ref":"' + branch + b'",'
        b'"inputs":{"environment":"staging"}}'
    )
    assert call.headers["connect-protocol-version"] == "1"
    assert "x-depot-org" not in call.headers
    await pr.passes(60)
    pr.last_edit()


async def test_two_dispatches_are_two_runs(pr: Conversation, depot: SimulatedDepot) -> None:
    """A dispatch has inputs, so no two are the same; nothing is pointed to."""
    depot.hold()
    for _ in range(2):
        await pr.says("alice", "/depot dispatch nightly")
        pr.reply()
    assert len(depot.runs) == 2
    await pr.passes(30)
    while pr.unread():
        pr.edited()


# --- refusals ------------------------------------------------------------------------------------


async def test_an_input_that_is_not_there(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {FILE: DEPLOY})
    await pr.says("alice", "/depot dispatch deploy enviroment=staging")
    assert pr.reply() == (
        "`deploy.yml` has no input `enviroment`; did you mean `environment`? "
        "It has: `environment`, `verbose`, `count`, `note`."
    )
    assert reason(pr) == "unknown-input"
    assert changes(depot) == []


async def test_an_input_of_a_workflow_that_has_none(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("alice", "/depot dispatch nightly environment=staging")
    assert pr.reply() == "`nightly.yaml` has no input `environment`. It has none."
    assert changes(depot) == []


async def test_no_workflow_dispatch(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot dispatch ci.yml")
    assert pr.reply() == (
        "`ci.yml` has no `workflow_dispatch` trigger at the head. `/depot run ci.yml` needs none."
    )
    assert reason(pr) == "not-dispatchable"
    assert changes(depot) == []


@pytest.mark.parametrize(
    ("typed", "hint"), [("nightly.yml", "; did you mean"), ("deploy", "")], ids=["near", "far"]
)
async def test_an_unknown_workflow(
    pr: Conversation, depot: SimulatedDepot, typed: str, hint: str
) -> None:
    await pr.says("alice", f"/depot dispatch {typed}")
    near = " Did you mean `nightly.yaml`?" if hint else ""
    assert pr.reply() == (
        f"There is no workflow `{typed}` at `{pr.head[:7]}`.{near} "
        "There are: `ci.yml`, `nightly.yaml`."
    )
    assert reason(pr) == "unknown-workflow"
    assert changes(depot) == []


async def test_no_workflow_named(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot dispatch")
    assert pr.reply() == (
        f"`dispatch` needs `WORKFLOW`. Usage: `/depot dispatch WORKFLOW [NAME=VALUE …]`. {NO_EDITS}"
    )
    assert reason(pr) == "misread"


async def test_an_input_given_twice(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot dispatch nightly a=1 a=2")
    assert pr.reply().startswith("`a` is given twice.")


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ("", "`deploy.yml` needs `environment` as well: add `environment=VALUE`."),
        (
            "environment=stagin",
            "`environment` cannot be `stagin`: it takes one of the values that the workflow lists. "
            "Did you mean `staging`? They are: `staging`, `production`.",
        ),
        (
            "environment=staging verbose=maybe",
            "`verbose` cannot be `maybe`: it takes `true` or `false`.",
        ),
    ],
)
async def test_the_values_are_checked_before_depot_is_asked(
    pr: Conversation, depot: SimulatedDepot, inputs: str, message: str
) -> None:
    await pushes(pr, {FILE: DEPLOY})
    await pr.says("alice", f"/depot dispatch deploy {inputs}")
    assert pr.reply() == message
    assert reason(pr) == "bad-input"
    assert depot.calls_of("DispatchWorkflow") == []


@pytest.mark.parametrize("pinned", [False, True])
async def test_a_head_in_a_fork(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, pinned: bool
) -> None:
    fork = github.fork(REPO, "mallory")
    number = github.pull_request(REPO, "mallory", fork=fork).number
    await pr.passes(60)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, number)
    sha = f" sha={theirs.head}" if pinned else ""
    await theirs.says("maya", f"/depot dispatch nightly{sha}")
    assert theirs.reply() == (
        "The head branch is in a fork, and a dispatch takes a branch of this repository. "
        "`/depot run` can run a fork's commit."
    )
    assert reason(theirs) == "fork-dispatch"
    assert changes(depot) == []
    theirs.assert_said_nothing_else()


async def test_a_closed_pull_request(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.close(REPO, 1)
    await pr.says("alice", "/depot dispatch nightly")
    assert pr.reply() == ("This pull request is closed. Reopen it to run anything on its head.")
    assert changes(depot) == []


@pytest.mark.parametrize(
    ("login", "has"), [("rita", "read"), ("trudy", "triage"), ("alice", ""), ("maya", "")]
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    await pr.says(login, "/depot dispatch nightly")
    if has:
        assert pr.reply().startswith(not_permitted("dispatch", "write", has))
        assert reason(pr) == "not-a-writer"
        assert depot.calls == []
    else:
        assert pr.reply() == queued(depot.runs[0], "`nightly.yaml`")
        await pr.passes(60)
        pr.last_edit()


# --- which commit runs ---------------------------------------------------------------------------


async def test_the_commit_that_ran_is_shown_when_the_branch_moved(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    """Between the last look and the call: a dispatch takes a branch, not a commit."""
    old = pr.head
    depot.faults.arrange(Before(lambda: github.push(REPO, 1, {"a": "b"})), "DispatchWorkflow")
    await pr.says("alice", "/depot dispatch nightly")
    (run,) = depot.runs
    assert run.sha == pr.head != old
    assert pr.reply() == queued(run, "`nightly.yaml`")
    (shown,) = facts(said(pr)[0])["commands"][0]["runs"]
    assert shown["sha"] == run.sha
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(run, '`nightly.yaml`')}: ✅ passed")


# --- the answer is lost --------------------------------------------------------------------------


async def test_a_lost_answer_is_adopted(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.drop("DispatchWorkflow")
    await pr.says("alice", "/depot dispatch nightly")
    assert pr.reply() == snapshot(
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is not started twice."
    )
    await pr.passes(60)
    (run,) = depot.runs
    done = pr.last_edit()
    assert done.startswith(f"{name_of(run, '`nightly.yaml`')}: ✅ passed")
    assert runs.adopted() in done
    assert len(depot.calls_of("DispatchWorkflow")) == 1


async def test_a_lost_answer_after_the_branch_moved(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.faults.arrange(
        Before(lambda: github.push(REPO, 1, {"a": "b"}), loses=True), "DispatchWorkflow"
    )
    await pr.says("alice", "/depot dispatch nightly")
    assert pr.reply() == snapshot(
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is not started twice."
    )
    await pr.passes(60)
    (run,) = depot.runs
    assert run.sha == pr.head
    assert pr.last_edit().startswith(f"{name_of(run, '`nightly.yaml`')}: ✅ passed")


async def test_refused_before_it_was_accepted(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.refuse("DispatchWorkflow")
    await pr.says("alice", "/depot dispatch nightly")
    assert pr.reply() == snapshot(
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is not started twice."
    )
    await pr.passes(WINDOW_SECONDS + 60)
    (run,) = depot.runs
    done = pr.last_edit()
    assert runs.started_again() in done
    assert done.startswith(f"{name_of(run, '`nightly.yaml`')}: ✅ passed")
    assert len(depot.calls_of("DispatchWorkflow")) == 2


async def test_two_that_could_be_it(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.drop("DispatchWorkflow")
    path = ".depot/workflows/nightly.yaml"
    await pr.says("alice", "/depot dispatch nightly")
    depot.foreign_run(REPO, pr.head, path, trigger="workflow_dispatch")
    assert pr.reply() == snapshot(
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is not started twice."
    )
    await pr.passes(60)
    _new, _old = (run.run_id for run in reversed(depot.runs))
    assert pr.last_edit() == snapshot(
        "Depot's answer to the start was lost, and more than one run could be the one: `1q5cskslca`, `k91m7mdniv`. Nothing more was started."
    )
    assert reason(pr) == "start-ambiguous"
    assert len(depot.calls_of("DispatchWorkflow")) == 1
