"""What a run's reply said stays: each attempt of it is one line more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.model import Run
from tests.support.commands import SLOW, facts, ran, runs_on, said, stands
from tests.support.conversation import Conversation
from tests.support.pull_requests import hears_all
from tests.support.sentences import again, linked, name_of

pytestmark = pytest.mark.anyio


def attempts_shown(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("- Attempt")]


async def retries(pr: Conversation, login: str = "alice") -> None:
    await pr.says(login, "/depot retry")
    pr.reply()
    await pr.passes(60)


async def test_three_retries_keep_three_attempts(pr: Conversation, depot: SimulatedDepot) -> None:
    for attempt in (2, 3):
        depot.plan(job="test", attempt=attempt, outcome="failed", log=[f"Error: try {attempt}"])
    run = await ran(pr, depot, outcome="failed")
    for login in ("alice", "maya", "alice"):
        await retries(pr, login)
    first, *others = stands(pr)
    assert first.startswith(f"{name_of(run)}: ✅ passed (attempt 4, asked for by `alice`).")
    assert attempts_shown(first) == snapshot(
        [
            "- Attempt 1: ❌ failed: `test`, 2 passed, in 2 s",
            "- Attempt 2, asked for by `alice`: ❌ failed: `test`, 2 passed",
            "- Attempt 3, asked for by `maya`: ❌ failed: `test`, 2 passed",
        ]
    )
    for number, word in [(1, ""), (2, "try 2"), (3, "try 3")]:
        _, why = first.split(f"<summary>Why attempt {number} failed</summary>")
        assert word in why.partition("</details>")[0]
    assert others == [linked(run)] * 3
    assert facts(said(pr)[0])["commands"][0]["runs"][0]["attempts"] == snapshot(
        [
            {"state": "failed", "asked_by": "", "failed": ["test"]},
            {"state": "failed", "asked_by": "alice", "failed": ["test"]},
            {"state": "failed", "asked_by": "maya", "failed": ["test"]},
        ]
    )


async def test_what_was_cancelled_stays_cancelled(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("maya", "/depot cancel")
    pr.reply()
    await pr.passes(60)
    await pr.says("alice", "/depot rerun")
    pr.reply()
    await pr.passes(2 * SLOW)
    first, cancel, rerun = stands(pr)
    assert first.startswith(again(run, "✅ passed"))
    (before,) = attempts_shown(first)
    assert before.startswith("- Attempt 1: 🚫 cancelled")
    assert cancel == linked(run, state="🚫 cancelled")
    assert rerun == linked(run)


async def test_after_a_deleted_reply_the_next_shows_its_run(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    for attempt in (2, 3):
        depot.plan(job="test", attempt=attempt, outcome="failed")
    run = await ran(pr, depot, outcome="failed")
    await retries(pr, "maya")
    hears_all(pr)
    pr.github.delete_comment(said(pr)[0])
    await pr.settles()
    await retries(pr, "ada")
    first, second = stands(pr)
    assert first.startswith(f"{name_of(run)}: ❌ failed (attempt 3, asked for by `ada`)")
    assert attempts_shown(first) == [
        "- Attempt 1: ❌ failed: `test`, 2 passed, in 2 s",
        "- Attempt 2, asked for by `maya`: ❌ failed: `test`, 2 passed",
    ]
    assert second == linked(run)
    shown = said(pr)
    assert f"#issuecomment-{shown[0].id}) shows how it goes" in shown[1].body
    await retries(pr, "alice")
    first, *others = stands(pr)
    assert first.startswith(f"{name_of(run)}: ✅ passed (attempt 4, asked for by `alice`).")
    assert len(others) == 2
    assert f"#issuecomment-{shown[0].id}) shows how it goes" in said(pr)[2].body


async def test_a_job_that_is_retried_while_its_run_goes_on(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="lint", seconds=SLOW)
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.plan(job="test", attempt=2, outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(100)
    await pr.says("maya", "/depot retry job=test")
    pr.reply()
    await pr.passes(2 * SLOW)
    assert [said.partition(":")[0] for said in pr.mentions()] == ["@alice", "@maya"]
    await retries(pr, "ada")
    await pr.passes(2 * SLOW)
    first = stands(pr)[0]
    assert first.startswith(again(depot.runs[-1], "✅ passed", by="ada"))
    # It is the attempt that alice asked for.
    assert attempts_shown(first) == ["- Attempt 1: ❌ failed: `test`, 2 passed, in 10 min"]


async def reads_it(pr: Conversation, run: Run) -> None:
    await pr.says("alice", f"/depot status {run.run_id}")
    pr.reply()


async def lists_others(pr: Conversation, _: Run) -> None:
    pr.depot.plan(job="soak", seconds=SLOW)
    for _turn in range(5):
        await pr.says("alice", "/depot run nightly force")
        pr.reply()
    await pr.passes(60)
    await pr.services.steps.look()
    await pr.settles()


async def test_a_check_says_that_a_run_goes_again(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.passes(3600)
    pr.github.check_run_webhooks = True
    depot.retried_elsewhere(run.run_id)
    depot.finish(run.run_id)
    await pr.passes(60)
    first = stands(pr)[0]
    assert first.startswith(f"{name_of(run)}: ✅ passed (attempt 2).")


async def test_checks_of_a_run_that_is_over_cost_one_call_in_half_a_minute(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.passes(3600)
    pr.github.check_run_webhooks = True
    calls = len(depot.calls)
    for turn in range(20):
        pr.github.upsert_check_run(pr.repo, run.sha, f"other {turn}", "completed", "success")
        await pr.settles()
        pr.clock.time += 1
    assert [call.method for call in depot.calls[calls:]] == ["GetRunStatus"]
    pr.clock.time += 8 * 24 * 3600
    pr.github.upsert_check_run(pr.repo, run.sha, "a week later", "completed", "success")
    await pr.settles()
    assert len(depot.calls) == calls + 1


@pytest.mark.parametrize("hears", [reads_it, lists_others])
async def test_an_attempt_begun_at_depot_is_noticed(
    pr: Conversation,
    depot: SimulatedDepot,
    hears: Callable[[Conversation, Run], Awaitable[None]],
) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.passes(3600)
    calls = len(depot.calls)
    depot.plan(job="test", attempt=2, seconds=120)
    depot.retried_elsewhere(run.run_id)
    await pr.passes(5)
    assert len(depot.calls) == calls
    await hears(pr, run)
    await pr.passes(2 * SLOW)
    first = stands(pr)[0]
    assert first.startswith(f"{name_of(run)}: ✅ passed (attempt 2).")
    assert attempts_shown(first) == ["- Attempt 1: ❌ failed: `test`, 2 passed, in 2 s"]
