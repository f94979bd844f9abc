"""Conversations about `/depot artifacts`."""

from __future__ import annotations

import re

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from tests.support.commands import not_permitted, ran, reason, refuses_others_runs, stands
from tests.support.conversation import Conversation
from tests.support.sentences import name_of

pytestmark = pytest.mark.anyio

TABLE = "| artifact | job | size |\n|---|---|---|\n"


def without_sizes(text: str) -> str:
    """How large a zip gets is not ours to say."""
    return re.sub(r"\| \d+ B \|", "| SIZE |", text)


async def test_names_and_sizes_without_addresses(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", artifacts={"report": b"x", "a|b @octocat": b"x"})
    run = await ran(pr, depot)
    await pr.says("trudy", "/depot artifacts")
    name = name_of(run).replace("Run", "run", 1)
    assert without_sizes(pr.reply()) == (
        f"Artifacts of {name}, to be had on its page at Depot:\n\n{TABLE}"
        "| `report` | `test` | SIZE |\n"
        "| `a\\|b @octocat` | `test` | SIZE |"
    )
    assert reason(pr) == "answered"
    # An address would let everybody who reads it download.
    assert depot.calls_of("GetArtifactDownloadURL") == []


async def test_those_of_all_attempts(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", artifacts={"report": b"x"})
    await ran(pr, depot, outcome="failed")
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    await pr.says("trudy", "/depot artifacts")
    assert without_sizes(pr.reply()).count("| `report` | `test` | SIZE |") == 2


async def test_more_than_a_table_holds(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", artifacts={f"part-{n}": b"" for n in range(700)})
    await ran(pr, depot)
    await pr.says("trudy", "/depot artifacts")
    text = without_sizes(pr.reply())
    assert text.count("| SIZE |") == 40
    assert text.endswith("\n\nAnd 660 more.")
    assert [call.request.get("pageSize") for call in depot.calls_of("ListArtifacts")] == [500, 500]


async def test_none(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pr.says("trudy", "/depot artifacts")
    assert pr.reply() == f"{name_of(run)} has no artifacts."


async def test_a_typed_run_and_the_newest(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", artifacts={"first": b""})
    old = await ran(pr, depot)
    depot.plan(job="test", artifacts={"second": b""})
    await ran(pr, depot)
    await pr.says("trudy", f"/depot artifacts {old.run_id}")
    assert "| `first` |" in pr.reply()
    await pr.says("trudy", "/depot artifacts")
    assert "| `second` |" in pr.reply()


async def test_no_run_at_all(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("trudy", "/depot artifacts")
    assert pr.reply() == "There is no run on this pull request's head. `/depot run` starts one."


async def test_a_run_of_another_repository(pr: Conversation, depot: SimulatedDepot) -> None:
    await refuses_others_runs(pr, depot, "artifacts {run}")


@pytest.mark.parametrize(
    ("login", "has"), [("rita", "read"), ("trudy", ""), ("alice", ""), ("maya", "")]
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    await ran(pr, depot)
    await pr.says(login, "/depot artifacts")
    if has:
        assert pr.reply().startswith(not_permitted("artifacts", "triage", has))
        assert reason(pr) == "not-triage"
        assert depot.calls_of("ListArtifacts") == []
    else:
        assert pr.reply().endswith("has no artifacts.")


async def test_depot_is_away_for_a_moment(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot)
    depot.faults.refuse("ListArtifacts")
    await pr.says("trudy", "/depot artifacts")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(30)
    assert stands(pr)[-1].endswith("has no artifacts.")
