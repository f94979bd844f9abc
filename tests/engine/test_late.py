"""A command's run begins within a quarter of an hour of its being written, or not at all."""

from __future__ import annotations

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from tests.support.commands import changes, ran, reasons, said
from tests.support.conversation import REPO, Conversation, ManualClock
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

MINUTE = 60.0


async def test_late_on_its_way_and_then_in_trouble(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    github.comment(REPO, 1, "alice", "/depot run ci.yml")
    pending = github.hooks.pending[:]
    github.hooks.pending.clear()
    await pr.passes(14 * MINUTE)
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    github.hooks.pending += pending
    await pr.settles()
    await pr.passes(5 * MINUTE)
    away.lift()
    await pr.passes(MINUTE)
    assert depot.calls_of("Run") == []
    hears_all(pr)


async def test_the_second_of_two_commands_after_an_hour(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, clock: ManualClock
) -> None:
    file = r"/contents/\.depot/workflows/nightly\.yaml$"
    away = github.faults.bad_gateway("GET", file, times=None)
    await pr.says("alice", "/depot run ci.yml\n/depot run nightly.yaml job=soak")
    assert len(depot.calls_of("Run")) == 1
    clock.time += 60 * MINUTE  # the bot is away
    away.lift()
    await pr.passes(MINUTE)
    assert len(depot.calls_of("Run")) == 1
    assert reasons(said(pr)[0]) == ["started", "too-late"]
    hears_all(pr)


async def test_the_second_of_two_workflows_after_an_hour(
    pr: Conversation, depot: SimulatedDepot, clock: ManualClock
) -> None:
    depot.faults.refuse("Run", "unauthenticated", times=None, every=2)
    await pr.says("alice", "/depot run ci.yml nightly.yaml")
    assert len(depot.runs) == 1
    clock.time += 60 * MINUTE
    depot.faults.lift()
    await pr.passes(MINUTE)
    assert len(depot.runs) == 1
    assert "so nothing more was run" in said(pr)[0].body
    assert depot.runs[0].run_id in said(pr)[0].body
    hears_all(pr)


async def test_a_retry_that_was_not_taken_is_not_made_an_hour_later(
    pr: Conversation, depot: SimulatedDepot, clock: ManualClock
) -> None:
    await ran(pr, depot, outcome="failed")
    depot.faults.refuse("RetryFailedJobs", "unavailable", times=None)
    await pr.says("alice", "/depot retry")
    clock.time += 60 * MINUTE
    depot.faults.lift()
    made = len(changes(depot))
    await pr.passes(MINUTE)
    assert len(changes(depot)) == made
    assert "so nothing more was run" in said(pr)[-1].body
    hears_all(pr)


async def test_a_lost_start_is_not_sent_again_after_a_quarter_of_an_hour(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(14 * MINUTE)
    depot.faults.refuse("Run", "unavailable", retry_after=200)
    away.lift()
    await pr.passes(60 * MINUTE)
    assert len(depot.calls_of("Run")) <= 1
    hears_all(pr)


# --- who keeps whom waiting ----------------------------------------------------------------------


async def test_persons_whom_github_does_not_know_keep_nobody_waiting(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    github.faults.answer("GET", "/ghost[0-9]/permission$", 404, "{}", times=None)
    for number in range(5):
        github.comment(REPO, 1, f"ghost{number}", "/depot run ci.yml")
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(2)
    assert len(depot.calls_of("Run")) == 1
    await pr.passes(120)
    hears_all(pr)


async def test_a_bot_whose_rules_cannot_be_read_keeps_nobody_waiting(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    away = github.faults.bad_gateway("GET", "/contents/", times=None)
    await pr.passes(61)
    await pr.says("renovate[bot]", "/depot run ci.yml")
    await pr.passes(5)
    away.lift()
    await pr.says("alice", "/depot run ci.yml")
    assert len(depot.calls_of("Run")) == 1
    await pr.passes(120)
    hears_all(pr)
