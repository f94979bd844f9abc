"""Conversations about `/depot run` when the same is under way already."""

from __future__ import annotations

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.messages import runs
from tests.support.commands import (
    CI,
    SLOW,
    changes,
    facts,
    pushes,
    ran,
    reason,
    runs_on,
    said,
    stands,
)
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import linked, name_of

pytestmark = pytest.mark.anyio


async def test_the_run_under_way_is_pointed_to(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("maya", "/depot run ci.yml")
    text = pr.reply()
    assert text == f"{linked(run, state='⏳ running')} {runs.already_running()}"
    assert reason(pr) == "already-running"
    assert facts(said(pr)[-1])["commands"][0]["runs"][0]["id"] == run.run_id
    await pr.passes(SLOW)
    first, second = stands(pr)
    assert first.startswith(f"{name_of(run)}: ✅ passed in")
    assert second == text
    assert len(depot.runs) == 1


@pytest.mark.parametrize("typed", ["ci", "ci.yml", ".depot/workflows/ci.yml", "ci sha={}"])
async def test_the_same_however_it_is_typed(
    pr: Conversation, depot: SimulatedDepot, typed: str
) -> None:
    depot.hold()
    await pr.says("alice", "/depot run ci.yml job=test")
    pr.reply()
    await pr.says("alice", f"/depot run {typed.format(pr.head)} job=test")
    assert runs.already_running() in pr.reply()
    await pr.passes(30)
    stands(pr)
    assert len(depot.runs) == 1


async def test_all_workflows(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.hold()
    for _ in range(2):
        await pr.says("alice", "/depot run")
        pr.reply()
    assert reason(pr) == "already-running"
    await pr.passes(30)
    stands(pr)
    assert len(depot.runs) == 1


@pytest.mark.parametrize("force", ["force", "--force", "force=yes"])
async def test_force_starts_another(pr: Conversation, depot: SimulatedDepot, force: str) -> None:
    old = await runs_on(pr, depot)
    await pr.says("alice", f"/depot run ci.yml {force}")
    new = depot.runs[-1]
    assert new.run_id != old.run_id
    assert pr.reply() == f"{name_of(new)}: ⏸ queued."
    assert reason(pr) == "started"
    await pr.passes(60)
    stands(pr)
    # It is a word of ours: Depot is told nothing of it.
    assert changes(depot)[0] == changes(depot)[1]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("run ci.yml", "run ci.yml job=test"),
        ("run", "run ci.yml"),
        ("run", "run ci.yml job=test"),
    ],
)
async def test_what_is_part_of_a_run_under_way_is_not_started(
    pr: Conversation, depot: SimulatedDepot, first: str, second: str
) -> None:
    depot.hold()
    await pr.says("alice", f"/depot {first}")
    pr.reply()
    await pr.says("maya", f"/depot {second}")
    assert runs.already_running() in pr.reply()
    assert reason(pr) == "already-running"
    await pr.passes(30)
    stands(pr)
    assert len(depot.runs) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("run ci.yml", "run nightly"),
        ("run ci.yml job=test", "run ci.yml job=lint"),
        ("run ci.yml", "run"),
        ("run ci.yml", "dispatch nightly"),
    ],
)
async def test_something_else_is_started(
    pr: Conversation, depot: SimulatedDepot, first: str, second: str
) -> None:
    depot.hold()
    for command in (first, second):
        await pr.says("alice", f"/depot {command}")
        pr.reply()
        assert reason(pr) == "started"
    await pr.passes(30)
    stands(pr)
    assert len(depot.runs) == 2


async def test_a_run_that_is_over_counts_no_more(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot)
    await ran(pr, depot)
    assert len(depot.runs) == 2


async def test_nor_one_that_ended_since_the_last_look(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    old = await runs_on(pr, depot)
    depot.finish(old.run_id)
    await pr.says("alice", "/depot run ci.yml")
    new = depot.runs[-1]
    assert new is not old
    assert pr.reply() == f"{name_of(new)}: ⏸ queued."
    await pr.passes(60)
    stands(pr)


async def test_nor_one_on_an_older_head(pr: Conversation, depot: SimulatedDepot) -> None:
    await runs_on(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == f"{name_of(depot.runs[-1])}: ⏸ queued."
    await pr.passes(60)
    stands(pr)
    assert len(depot.runs) == 2


async def test_nor_one_that_somebody_else_started(pr: Conversation, depot: SimulatedDepot) -> None:
    """Depot's list does not say which workflow or job it runs."""
    depot.hold()
    depot.foreign_run(REPO, pr.head, CI)
    await pr.says("alice", "/depot run ci.yml")
    assert reason(pr) == "started"
    pr.reply()
    await pr.passes(30)
    stands(pr)


async def test_a_retried_run_is_under_way_again(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.plan(job="test", attempt=2, seconds=SLOW)
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.says("alice", "/depot run ci.yml")
    assert runs.already_running() in pr.reply()
    await pr.passes(30)
    stands(pr)
    assert depot.runs == [run]


async def test_twice_in_one_comment(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.hold()
    await pr.says("alice", "/depot run ci.yml\n/depot run ci.yml")
    text = pr.reply()
    assert text.count(depot.runs[0].run_id) == 4
    assert text.count(runs.already_running()) == 1
    await pr.passes(30)
    stands(pr)
    assert len(depot.runs) == 1


async def test_a_cancelled_run_is_not_pointed_to(pr: Conversation, depot: SimulatedDepot) -> None:
    await runs_on(pr, depot)
    await pr.says("alice", "/depot cancel")
    pr.reply()
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == f"{name_of(depot.runs[-1])}: ⏸ queued."
    await pr.passes(60)
    stands(pr)
    assert len(depot.runs) == 2
