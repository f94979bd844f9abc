"""Conversations about `/depot can-i`."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.commands import COMMANDS
from bot.core.types import Permission
from bot.demo.simulators.github import SimulatedGitHub
from bot.messages import refusals
from tests.support.commands import reason
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import opens_fork, rules, sha

pytestmark = pytest.mark.anyio

ROLES = ["read", "triage", "write", "maintain", "admin"]


def answers(said: str) -> dict[str, str]:
    """The table: what stands against each command, empty for nothing."""
    rows = [line.strip("| ").split(" | ") for line in said.splitlines() if line.startswith("| `")]
    assert all((row[1] == "yes") == (len(row) == 2) for row in rows)
    return {row[0].strip("`"): row[2] if len(row) == 3 else "" for row in rows}


@pytest.mark.parametrize(
    ("login", "role"),
    [
        ("rita", "read"),
        ("trudy", "triage"),
        ("alice", "write"),
        ("maya", "maintain"),
        ("ada", "admin"),
    ],
)
async def test_it_is_told_for_each_role(pr: Conversation, login: str, role: str) -> None:
    await pr.says(login, "/depot can-i")
    said = pr.reply()
    assert said.startswith(f"`{login}` has the `{role}` role in this repository.\n\n")
    has = Permission.from_role(role)
    told = answers(said)
    assert list(told) == [*COMMANDS, "run times="]
    assert told["run times="] == (
        ""
        if has >= Permission.MAINTAIN
        else refusals.not_permitted("times=", Permission.MAINTAIN, has, ())
    )
    for verb, command in COMMANDS.items():
        why = (
            ""
            if has >= command.required_permission
            else refusals.not_permitted(verb, command.required_permission, has, ())
        )
        assert told[verb] == why
    assert "On the head as it is now" not in said
    assert reason(pr) == "answered"
    assert pr.depot.calls == []


async def test_somebody_without_a_role_has_none(pr: Conversation, github: SimulatedGitHub) -> None:
    github.role(REPO, "nora", "security-lead", base="none")
    await pr.says("nora", "/depot can-i")
    said = pr.reply()
    assert said.startswith("`nora` has no role in this repository.")
    assert {verb for verb, why in answers(said).items() if not why} == {
        verb for verb, command in COMMANDS.items() if command.required_permission is Permission.NONE
    }


async def test_the_repositorys_rules_are_in_it(pr: Conversation) -> None:
    await rules(pr, "permissions: {rerun: nobody, cancel: admin, logs: read}\n")
    await pr.says("alice", "/depot can-i")
    told = answers(pr.reply())
    assert told["rerun"] == snapshot(
        "This repository does not allow `rerun` (see `.github/depot-bot.yml`)."
    )
    assert told["cancel"] == snapshot(
        "`cancel` needs the `admin` role in this repository; you have `write`."
    )
    assert told["logs"] == ""
    await pr.says("rita", "/depot can-i")
    assert answers(pr.reply())["logs"] == ""


async def test_what_it_promises_is_so(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: triage}\n")
    await pr.says("trudy", "/depot can-i")
    told = answers(pr.reply())
    await pr.says("trudy", "/depot run nope.yml")
    pr.reply()
    assert (told["run"] == "") == (reason(pr) == "unknown-workflow")


async def test_can_i_itself_may_be_forbidden(pr: Conversation) -> None:
    await rules(pr, "permissions: {can-i: nobody}\n")
    await pr.says("ada", "/depot can-i")
    assert pr.reply() == snapshot(
        "This repository does not allow `can-i` (see `.github/depot-bot.yml`)."
    )


async def test_a_head_that_is_too_new_is_told(pr: Conversation, github: SimulatedGitHub) -> None:
    github.push(REPO, 1, {"change.txt": "two\n"})
    await pr.says("alice", "/depot can-i")
    said = pr.reply()
    assert "On the head as it is now: The head is" in said
    assert f"`{pr.head[:7]}`" in said


async def test_a_closed_pull_request_is_told(pr: Conversation, github: SimulatedGitHub) -> None:
    github.close(REPO, 1)
    await pr.says("alice", "/depot can-i")
    assert pr.reply().endswith(f"On the head as it is now: {refusals.pull_request_closed()}")
    await pr.says("rita", "/depot can-i")  # she may not run in any case
    assert "On the head as it is now" not in pr.reply()


async def test_a_fork_is_told(pr: Conversation) -> None:
    _, pull = opens_fork(pr)
    await pr.passes(60)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)
    await theirs.says("alice", "/depot can-i")
    assert theirs.reply().endswith(f"On the head as it is now: {refusals.fork_refused()}")


async def test_a_fork_that_may_run_gives_the_line_to_copy(pr: Conversation) -> None:
    await rules(pr, "forks: pinned\n")
    _, pull = opens_fork(pr)
    await pr.passes(60)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)
    await theirs.says("alice", "/depot can-i")
    assert f"`/depot run sha={sha(theirs)}`" in theirs.reply()
