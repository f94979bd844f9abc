"""What the tests of several commands begin with, and what they all ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.demo.simulators.depot import Run, SimulatedDepot
from bot.demo.simulators.depot.plans import Outcome
from bot.demo.simulators.github import Comment
from bot.messages.markdown import find_hidden
from bot.messages.mentions import announces
from tests.support.conversation import FILES, Conversation, visible

CI = ".depot/workflows/ci.yml"
SLOW = 600.0
"""Seconds that a run takes which must not end while a test looks at it."""

OTHER = "octo/other"
"""Another repository of the same organisation."""

CHANGES = frozenset(
    {
        "Run",
        "DispatchWorkflow",
        "RetryJob",
        "RetryFailedJobs",
        "RerunWorkflow",
        "CancelRun",
        "CancelWorkflow",
        "CancelJob",
    }
)
"""The methods that change something (bot/depot/README.md, "Run" to "Cancel")."""

NEEDS = """\
name: CI
on: push
jobs:
  build:
    runs-on: depot-ubuntu-latest
    steps: [{run: make build}]
  test:
    needs: build
    runs-on: depot-ubuntu-latest
    steps: [{run: make test}]
  deploy:
    needs: [test]
    runs-on: depot-ubuntu-latest
    steps: [{run: make deploy}]
"""
MATRIX = """\
name: CI
on: push
jobs:
  lint:
    runs-on: depot-ubuntu-latest
    steps: [{run: make lint}]
  test:
    runs-on: depot-ubuntu-latest
    strategy: {matrix: {python: ["3.11", "3.12"]}}
    steps: [{run: make test}]
"""


async def ran(
    pr: Conversation,
    depot: SimulatedDepot,
    command: str = "run ci.yml",
    outcome: Outcome = "finished",
    job: str = "test",
) -> Run:
    """A run that the bot started and that is over by now; all that was said of it is read.

    Its first attempt at *job* has this outcome, later ones are green.
    """
    depot.plan(job=job, attempt=1, outcome=outcome)
    await pr.says("alice", f"/depot {command}")
    pr.reply()
    await pr.passes(60)
    pr.last_edit()
    run = depot.runs[-1]
    assert run.over
    return run


async def runs_on(
    pr: Conversation, depot: SimulatedDepot, command: str = "run ci.yml", seconds: float = SLOW
) -> Run:
    """A run that the bot started and that goes on; all that was said of it so far is read."""
    depot.plan(seconds=seconds)
    await pr.says("alice", f"/depot {command}")
    pr.reply()
    await pr.passes(60)
    pr.last_edit()
    run = depot.runs[-1]
    assert run.status == "running"
    return run


async def pushes(pr: Conversation, files: Mapping[str, str]) -> None:
    """The author pushes, and a minute passes."""
    pr.github.push(pr.repo, pr.number, files)
    await pr.passes(60)


def other_repository_run(pr: Conversation, depot: SimulatedDepot) -> Run:
    """A run that is over, in another repository of the same organisation."""
    pr.github.repository(OTHER, FILES, internal=True)
    sha = pr.github.branch_head(OTHER, "HEAD")
    assert sha is not None
    run = depot.foreign_run(OTHER, sha, CI)
    depot.finish(run.run_id, "failed")
    return run


async def refuses_others_runs(pr: Conversation, depot: SimulatedDepot, command: str) -> None:
    """A run of another repository gets the words that an unknown one gets, and is not touched."""
    run = other_repository_run(pr, depot)
    await pr.says("maya", f"/depot {command.format(run=run.run_id)}")
    assert pr.reply() == no_such_run(run.run_id)
    await pr.says("maya", f"/depot {command.format(run='nosuchrun0')}")
    assert pr.reply() == no_such_run("nosuchrun0")
    assert [reasons(comment) for comment in said(pr)] == [["unknown-run"]] * 2
    assert {call.method for call in depot.calls} <= {"GetRun", "GetRunStatus"}


def no_such_run(run_id: str) -> str:
    return f"There is no run `{run_id}` in this repository."


def not_permitted(verb: str, needs: str, has: str) -> str:
    return f"`{verb}` needs the `{needs}` role in this repository; you have `{has}`."


def changes(depot: SimulatedDepot, since: int = 0) -> list[tuple[str, dict[str, Any]]]:
    """The calls that change something, from the one with this place on: method and body."""
    made = [call for call in depot.calls if call.method in CHANGES]
    return [(call.method, dict(call.request)) for call in made[since:]]


def attempts(run: Run) -> dict[str, int]:
    """How many attempts each job has had, by its key."""
    return {job.spec.key: len(job.attempts) for job in run.jobs}


def workflow_id(run: Run) -> str:
    (workflow,) = run.workflows
    return workflow.workflow_id


def job_id(run: Run, key: str) -> str:
    return next(job.job_id for job in run.jobs if job.spec.key == key)


def said(pr: Conversation) -> list[Comment]:
    """The bot's replies, oldest first."""
    comments = pr.github.comments(pr.repo, pr.number)
    by_bot = [comment for comment in comments if comment.author.login == "depot-bot[bot]"]
    return [comment for comment in by_bot if announces(comment.body) is None]


def stands(pr: Conversation) -> list[str]:
    """What each reply says by now, oldest first. All edits up to here count as read."""
    while pr.unread():
        pr.edited()
    return [visible(comment.body) for comment in said(pr)]


def facts(comment: Comment) -> dict[str, Any]:
    """The hidden JSON of a reply."""
    value = find_hidden("depot-bot", comment.body)
    assert isinstance(value, dict)
    return value


def reasons(comment: Comment) -> list[str]:
    """The reason codes of a reply, one for each command."""
    return [command["reason"] for command in facts(comment)["commands"]]


def reason(pr: Conversation) -> str:
    """The reason code of the newest reply, which answers one command."""
    (only,) = reasons(said(pr)[-1])
    return str(only)


def asked_of(pr: Conversation, service: str) -> int:
    """How many requests the bot has sent to GitHub or Depot."""
    label = f'service="{service}"'
    lines = pr.services.metrics.text(None).decode().splitlines()
    return sum(
        int(float(one.rpartition(" ")[2]))
        for one in lines
        if label in one and "_seconds_count{" in one
    )
