"""`retry:` in a repository's config: failed jobs go again by themselves."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from tests.engine.test_announcements import reactions
from tests.support.commands import attempts, facts, said, stands
from tests.support.conversation import Conversation
from tests.support.pull_requests import hears_all, rules
from tests.support.sentences import name_of

pytestmark = pytest.mark.anyio

RULE = "retry: [{workflow: ci.yml, job: 'te*', attempts: 2}]\n"


async def runs_ci(pr: Conversation, command: str = "run ci.yml", seconds: float = 120) -> str:
    """A run with all that comes of it by itself: its reply at the end."""
    await pr.says("alice", f"/depot {command}")
    pr.reply()
    await pr.passes(seconds)
    return stands(pr)[-1]


async def test_a_failed_job_goes_again_and_passes(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, RULE)
    depot.plan(job="test", attempt=1, outcome="failed")
    text = await runs_ci(pr)
    (run,) = depot.runs
    assert text.startswith(f"{name_of(run)}: ✅ passed (attempt 2, asked for by `a rule`).")
    assert "- Attempt 1: ❌ failed: `test`, 2 passed" in text
    assert "<summary>Why attempt 1 failed</summary>" in text
    assert attempts(run) == {"build": 1, "lint": 1, "test": 2}
    assert facts(said(pr)[0])["commands"][0]["runs"][0]["attempts"] == snapshot(
        [{"state": "failed", "asked_by": "", "failed": ["test"]}]
    )


async def test_it_counts_as_one_run_for_whoever_asked(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, RULE)
    depot.plan(job="test", attempt=1, outcome="failed")
    comment = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(100)
    hears_all(pr)
    assert reactions(comment) == ["eyes", "hooray"]
    assert pr.mentions() == []


async def test_several_retries_count_as_one_run_too(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, RULE.replace("2", "3") + "notify: {on: always}\n")
    for attempt in (1, 2):
        depot.plan(job="test", attempt=attempt, outcome="failed")
    comment = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(100)
    hears_all(pr)
    assert reactions(comment) == ["eyes", "hooray"]
    (told,) = pr.mentions()
    assert "✅ passed (attempt 3, asked for by `a rule`)" in told


async def test_no_more_attempts_than_the_rule_says(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, RULE.replace("2", "3"))
    depot.plan(job="test", outcome="failed")
    text = await runs_ci(pr, seconds=300)
    (run,) = depot.runs
    assert text.startswith(f"{name_of(run)}: ❌ failed (attempt 3, asked for by `a rule`)")
    assert attempts(run)["test"] == 3
    assert len(pr.mentions()) == 1


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "retry: [{workflow: nightly.yaml}]\n",
        "retry: [{workflow: ci.yml, job: 'build'}]\n",
        "retry: [{workflow: ci.yml, job: 'build*'}, {workflow: other.yml, job: test}]\n",
    ],
)
async def test_a_job_without_a_rule_stays_failed(
    pr: Conversation, depot: SimulatedDepot, rule: str
) -> None:
    await rules(pr, rule)
    depot.plan(job="test", attempt=1, outcome="failed")
    text = await runs_ci(pr)
    assert text.startswith(f"{name_of(depot.runs[0])}: ❌ failed: `test`")


async def test_three_an_hour_under_one_pull_request(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, RULE)
    depot.plan(job="test", attempt=1, outcome="failed")
    ends = [await runs_ci(pr) for _ in range(4)]
    assert ["✅ passed" in text.partition("\n")[0] for text in ends] == [True, True, True, False]
    await pr.passes(3600)
    assert "✅ passed" in await runs_ci(pr)


async def test_one_that_depot_refuses_stays_failed(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, RULE)
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.faults.refuse("RetryJob", "failed_precondition")
    text = await runs_ci(pr)
    assert text.startswith(f"{name_of(depot.runs[0])}: ❌ failed: `test`")
    assert len(pr.mentions()) == 1


async def test_one_whose_answer_is_lost_is_retried_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, RULE)
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.faults.drop("RetryJob")
    text = await runs_ci(pr)
    assert "✅ passed (attempt 2" in text
    assert attempts(depot.runs[0])["test"] == 2


async def test_a_retry_by_somebody_is_not_repeated_by_the_rule(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, RULE)
    depot.plan(job="test", outcome="failed")
    await runs_ci(pr)
    await pr.says("maya", "/depot retry")
    pr.reply()
    await pr.passes(120)
    stands(pr)
    assert attempts(depot.runs[0])["test"] == 3


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("retry: [{job: test}]\n", "'workflow' is missing"),
        ("retry: [{workflow: ci.yml, attempts: 9}]\n", "none of 2, 3, 4, 5"),
        ("retry: [{workflow: .github/workflows/ci.yml}]\n", "can match no workflow"),
        ("retry: [{workflow: ci.yml, job: '[a-'}]\n", "retry[0].job"),
    ],
)
async def test_faults(pr: Conversation, rule: str, problem: str) -> None:
    await rules(pr, rule)
    await pr.says("ada", "/depot status")
    assert problem in pr.reply()
