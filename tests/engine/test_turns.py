"""Who waits for whom: only commands that start or change runs, and nobody for a hanging service."""

from __future__ import annotations

import anyio
import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.engine import worker
from tests.support.commands import said
from tests.support.conversation import HOOK, REPO, Conversation
from tests.support.pull_requests import hears_all, reactions

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "words",
    [
        *("/depot help", "/depot list", "/depot can-i run", "/depot help\n/depot list"),
        *("Let me see:\n\n/depot help", "> quoted\n\n/depot list"),
    ],
)
async def test_nobody_waits_for_a_command_in_trouble(
    pr: Conversation, depot: SimulatedDepot, words: str
) -> None:
    depot.faults.refuse("ListRuns", "unavailable", times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == "Depot does not answer right now; still trying."
    comment = await pr.says("rita", words)
    assert reactions(comment) == ["eyes"]
    assert pr.reply() != ""
    await pr.passes(1)
    pr.assert_said_nothing_else()


@pytest.mark.parametrize(
    "words", ["/depot cancel", "Please\n\n/depot cancel", "/depot help\n/depot retry", "/depot e2e"]
)
async def test_what_may_change_runs_waits_its_turn(
    pr: Conversation, depot: SimulatedDepot, words: str
) -> None:
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == "Depot does not answer right now; still trying."
    comment = await pr.says("alice", words)
    await pr.passes(120)
    assert reactions(comment) == []
    pr.assert_said_nothing_else()
    away.lift()
    await pr.passes(120)
    assert reactions(comment) == ["eyes"]
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)


async def test_nothing_waits_for_a_reaction(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    never = anyio.Event()
    github.faults.hold("POST", "/reactions$", never, times=None)
    with anyio.fail_after(10):
        comment = await pr.says("alice", "/depot run ci.yml")
    assert len(depot.calls_of("Run")) == 1
    assert pr.reply() != ""
    assert reactions(comment) == []
    await pr.passes(120)
    assert "✅ passed" in pr.last_edit()


async def test_depot_hangs_for_more_commands_than_there_are_slots(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    other = github.pull_request(REPO, "alice", files={"change.txt": "two\n"})
    await pr.passes(60)
    let_go = anyio.Event()
    depot.faults.late("ListRuns", until=let_go, times=None)
    for _ in range(worker.COMMAND_SLOTS // 4 + 1):
        for login in ("ada", "maya", "alice", "trudy", "rita"):
            github.comment(REPO, 1, login, "/depot status")
    github.comment(REPO, other.number, "rita", "/depot help")
    await github.deliver(HOOK)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pr.services.worker.run)
        with anyio.fail_after(20):
            while len(github.thread(REPO, other.number).comments) < 2:  # noqa: ASYNC110
                await anyio.sleep(0.05)
        assert said(pr) == []
        let_go.set()
        pr.services.worker.stop()
    hears_all(pr)
