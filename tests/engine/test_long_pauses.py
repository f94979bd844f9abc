"""Whatever pause GitHub or Depot ask for: nothing runs later than a quarter of an hour."""

from __future__ import annotations

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

TWO_HOURS = {"retry-after": "7200"}


def last_words(pr: Conversation) -> str:
    text = pr.github.thread(REPO, 1).comments[-1].body
    hears_all(pr)
    return text


@pytest.mark.parametrize("method", ["ListRuns", "Run"])
async def test_depot_asks_for_two_hours(
    pr: Conversation, depot: SimulatedDepot, method: str
) -> None:
    depot.faults.refuse(method, "unavailable", times=1, retry_after=7200)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(16 * 60)
    started = len(depot.calls_of("Run"))
    last_words(pr)
    await pr.says("maya", "/depot run nightly.yaml force")
    assert len(depot.runs) >= 1  # nobody waits for the pause that another command was asked for
    await pr.passes(3 * 3600)
    assert len(depot.calls_of("Run")) <= started + 1
    hears_all(pr)


async def test_github_asks_for_two_hours(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.answer("GET", r"/pulls/1$", 429, "{}", times=1, headers=TWO_HOURS)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(3 * 3600)
    assert depot.calls_of("Run") == []
    said = "GitHub asks for a pause of 120 minutes, so this was given up and nothing was run."
    assert said in last_words(pr)


async def test_what_waited_for_another_is_too_late(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    await pr.says("alice", "/depot run ci.yml")
    await pr.says("maya", "/depot run nightly.yaml")
    await pr.passes(16 * 60)
    away.lift()
    await pr.passes(3600)
    assert depot.calls_of("Run") == []
    assert "nothing was run" in last_words(pr)
