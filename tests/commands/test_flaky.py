"""Conversations about `/depot flaky`."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import Run, SimulatedDepot
from bot.storage.job_failures import KNOWN_SECONDS
from tests.support.commands import not_permitted, reason
from tests.support.conversation import Conversation
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio


async def flakes(pr: Conversation, *jobs: str) -> Run:
    """These jobs fail, and pass when they are retried."""
    before = len(pr.depot.runs)
    await pr.says("alice", "/depot run ci.yml force")
    run = pr.depot.runs[before]
    for job in jobs:
        pr.depot.plan(run_id=run.run_id, job=job, attempt=1, outcome="failed")
    await pr.passes(60)
    await pr.says("alice", f"/depot retry {run.run_id}")
    await pr.passes(60)
    hears_all(pr)
    assert pr.depot.run(run.run_id).status == "finished"
    return run


def page(run: Run) -> str:
    return f"[`{run.run_id}`](https://depot.dev/orgs/{run.org_id}/workflows/{run.run_id})"


async def test_nothing_yet(pr: Conversation) -> None:
    await pr.says("trudy", "/depot flaky")
    assert pr.reply() == snapshot(
        "No job has failed and then passed on the same commit in the last 30 days, in the runs that were followed here."
    )
    assert reason(pr) == "answered"


async def test_how_often_and_where(pr: Conversation) -> None:
    first = await flakes(pr, "test")
    second = await flakes(pr, "lint", "test")
    await pr.says("trudy", "/depot flaky")
    heading, table = pr.reply().split("\n\n")
    assert heading == (
        "Failed and then passed on the same commit in the last 30 days, in the runs that were "
        "followed here:"
    )
    rows = table.split("\n")
    assert rows[0] == "| job | workflow | how often | last | newest runs |"
    assert [row.split(" | ")[0:3] for row in rows[2:]] == [
        ["| `test`", "`ci.yml`", "2 times"],
        ["| `lint`", "`ci.yml`", "once"],
    ]
    assert rows[2].endswith(f" UTC | {page(second)}, {page(first)} |")
    assert rows[3].endswith(f" UTC | {page(second)} |")


async def test_one_job(pr: Conversation) -> None:
    await flakes(pr, "lint", "test")
    await pr.says("trudy", "/depot flaky lint")
    text = pr.reply()
    assert "| `lint` |" in text
    assert "`test`" not in text
    await pr.says("trudy", "/depot flaky job=build")
    assert pr.reply().startswith("No job that `build` names has failed and then passed ")


async def test_what_failed_for_good_is_not_flaky(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)
    await pr.says("alice", "/depot retry")
    await pr.passes(60)
    hears_all(pr)
    await pr.says("trudy", "/depot flaky")
    assert pr.reply().startswith("No job has failed ")


async def test_what_is_long_ago_does_not_count(pr: Conversation) -> None:
    await flakes(pr, "test")
    pr.clock.time += KNOWN_SECONDS
    await pr.says("trudy", "/depot flaky")
    assert pr.reply().startswith("No job has failed ")


async def test_another_repository_has_its_own(pr: Conversation) -> None:
    await flakes(pr, "test")
    await pr.services.store.transact(
        lambda db: db.exec_driver_sql("update job_failures set repo = 'octo/other'")
    )
    await pr.says("trudy", "/depot flaky")
    assert pr.reply().startswith("No job has failed ")


@pytest.mark.parametrize(("login", "has"), [("rita", "read"), ("trudy", ""), ("maya", "")])
async def test_who_may(pr: Conversation, login: str, has: str) -> None:
    await pr.says(login, "/depot flaky")
    said = pr.reply()
    assert said.startswith(not_permitted("flaky", "triage", has) if has else "No job has failed")


async def test_depot_is_not_asked(pr: Conversation, depot: SimulatedDepot) -> None:
    await flakes(pr, "test")
    depot.calls.clear()
    await pr.says("trudy", "/depot flaky")
    assert "| `test` | `ci.yml` | once | " in pr.reply()
    assert depot.calls == []
