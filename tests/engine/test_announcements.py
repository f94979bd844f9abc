"""Whoever asked for a run hears of its end: by a reaction, and by a comment that mentions them."""

from __future__ import annotations

import anyio
import pytest
from inline_snapshot import snapshot

from bot.core.models import Claim
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Comment, SimulatedGitHub
from bot.messages.mentions import can_mention
from tests.support.commands import SLOW, ran, runs_on, stands
from tests.support.conversation import HOOK, Conversation
from tests.support.pull_requests import hears_all, rules

pytestmark = pytest.mark.anyio


def reactions(comment: Comment) -> list[str]:
    return [one.content for one in comment.reactions]


async def asks(
    pr: Conversation, command: str = "run ci.yml", login: str = "alice", seconds: float = 60
) -> Comment:
    """Somebody asks for something, and time passes."""
    comment = await pr.says(login, f"/depot {command}")
    pr.reply()
    await pr.passes(seconds)
    hears_all(pr)
    return comment


async def test_a_quick_green_run_is_worth_a_reaction(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    comment = await asks(pr)
    assert reactions(comment) == ["eyes", "hooray"]
    assert pr.mentions() == []


async def test_a_failed_run_is_worth_a_mention(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    comment = await asks(pr)
    assert reactions(comment) == ["eyes", "confused"]
    assert pr.mentions() == snapshot(
        [
            "@alice: Run [`k91m7mdniv`](https://depot.dev/orgs/k3v9c0t1xa/workflows/k91m7mdniv) of `ci.yml` on `b9a9bdd`: ❌ failed: `test`, 2 passed, in 2 s. [The reply](https://github.com/octo/hello/pull/1#issuecomment) has more."
        ]
    )


@pytest.mark.parametrize(("seconds", "mentioned"), [(100, 0), (SLOW, 1)])
async def test_a_long_run_is_worth_a_mention(
    pr: Conversation, depot: SimulatedDepot, seconds: float, mentioned: int
) -> None:
    depot.plan(job="test", attempt=1, seconds=seconds)
    comment = await asks(pr, seconds=2 * SLOW)
    assert reactions(comment) == ["eyes", "hooray"]
    assert len(pr.mentions()) == mentioned


@pytest.mark.parametrize(
    ("notify", "outcome", "seconds", "mentioned"),
    [
        ("{on: never}", "failed", SLOW, 0),
        ("{on: always}", "finished", 1, 1),
        ("{on: failure}", "finished", SLOW, 0),
        ("{on: failure}", "failed", 1, 1),
        ("{after: 5s}", "finished", 10, 1),
        ("{after: 90m}", "finished", SLOW, 0),
    ],
)
async def test_the_repository_says_when(
    pr: Conversation,
    depot: SimulatedDepot,
    notify: str,
    outcome: str,
    seconds: float,
    mentioned: int,
) -> None:
    await rules(pr, f"notify: {notify}")
    depot.plan(job="test", attempt=1, seconds=seconds)
    if outcome == "failed":
        depot.plan(job="test", attempt=1, seconds=seconds, outcome="failed")
    comment = await asks(pr, seconds=2 * SLOW)
    assert len(pr.mentions()) == mentioned
    assert reactions(comment)[1:] == ["confused" if outcome == "failed" else "hooray"]


async def test_silence_of_reactions(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, "silence: [reactions]")
    depot.plan(job="test", attempt=1, outcome="failed")
    comment = await asks(pr)
    assert reactions(comment) == []
    assert len(pr.mentions()) == 1


async def test_nothing_of_a_cancelled_run(pr: Conversation, depot: SimulatedDepot) -> None:
    await runs_on(pr, depot)
    comment = await asks(pr, "cancel", "maya", seconds=2 * SLOW)
    assert reactions(comment) == ["eyes"]
    assert pr.mentions() == []


async def test_who_retries_hears_of_that_attempt(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.plan(job="test", attempt=2, outcome="failed")
    first = await asks(pr)
    second = await asks(pr, "retry", "maya")
    third = await asks(pr, "retry", "ada")
    assert [said.partition(":")[0] for said in pr.mentions()] == ["@alice", "@maya"]
    assert [reactions(one)[1:] for one in (first, second, third)] == [
        ["confused"],
        ["confused"],
        ["hooray"],
    ]
    # A mention of another's run leads to the reply that shows it.
    assert "[The reply]" in pr.mentions()[1]


async def test_an_end_that_was_not_seen_before_the_next_attempt(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    for attempt in (1, 2, 3):
        depot.plan(job="test", attempt=attempt, seconds=SLOW)
    first = await asks(pr, seconds=300)
    depot.finish(depot.runs[-1].run_id, "failed")
    second = await asks(pr, "retry", "maya", seconds=300)
    assert reactions(first) == ["eyes", "confused"]
    depot.finish(depot.runs[-1].run_id, "failed")
    third = await asks(pr, "retry", "ada", seconds=2 * SLOW)
    assert [reactions(one)[1:] for one in (first, second, third)] == [
        ["confused"],
        ["confused"],
        ["hooray"],
    ]
    # Neither how its next attempt stands meanwhile, nor how that ended.
    assert [said.partition(": ")[0] for said in pr.mentions()] == ["@alice", "@maya", "@ada"]
    assert [said.split(": ")[2].partition(". ")[0] for said in pr.mentions()] == snapshot(
        ["❌ failed", "❌ failed", "✅ passed"]
    )


async def test_a_mention_that_comes_late_tells_of_its_own_attempt(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    github.lock(pr.repo, pr.number)
    first = await pr.says("alice", "/depot run ci.yml")
    await pr.passes(600)
    second = await pr.says("maya", "/depot retry")
    await pr.passes(600)
    github.thread(pr.repo, pr.number).locked = False
    await pr.passes(3600)
    hears_all(pr)
    assert [reactions(one)[1:] for one in (first, second)] == [["confused"], ["hooray"]]
    told = {said.partition(":")[0]: said for said in pr.mentions()}
    assert "❌ failed. [The reply]" in told["@alice"]
    assert "✅ passed. [The reply]" in told["@maya"]


@pytest.mark.parametrize("where", ["its reply is posted", "another run is retried"])
async def test_an_attempt_that_ends_before_the_step_of_its_command(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, where: str
) -> None:
    depot.plan(attempt=1, outcome="failed")
    await asks(pr, "run ci.yml nightly")
    go = anyio.Event()
    if where == "its reply is posted":
        github.faults.hold("POST", "/issues/1/comments$", go)
    else:
        depot.faults.late("RetryFailedJobs")
        depot.faults.late("RetryFailedJobs", until=go)
    comment = github.comment(pr.repo, pr.number, "maya", "/depot retry")
    await github.deliver(HOOK)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pr.services.worker.drain)
        polls: list[Claim] = []
        with anyio.fail_after(20):
            while len(depot.calls_of("RetryFailedJobs")) < 2 or not polls:
                polls = await pr.services.ledger.queue.claim(0, 10)
                await anyio.sleep(0.01)
        for claim in polls:
            await pr.services.steps.step(claim)
        pr.clock.time += 4
        for claim in await pr.services.ledger.queue.claim(0, 10):
            await pr.services.steps.step(claim)
        go.set()
    await pr.passes(120)
    hears_all(pr)
    assert reactions(comment) == ["eyes", "hooray"]


async def test_who_repeats_a_command_hears_nothing(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", attempt=1, seconds=SLOW, outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    second = await asks(pr, "run ci.yml", "maya", seconds=2 * SLOW)
    assert reactions(second) == ["eyes"]
    assert [said.partition(":")[0] for said in pr.mentions()] == ["@alice"]


async def test_one_mention_for_all_runs_of_a_comment(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    depot.plan(job="soak", seconds=SLOW)
    comment = await asks(pr, "run ci.yml job=test\n/depot run nightly", seconds=100)
    assert pr.mentions() == []
    await pr.passes(2 * SLOW)
    hears_all(pr)
    assert pr.mentions() == snapshot(
        [
            "@alice: 1 of 2 runs: ❌ failed. [The reply](https://github.com/octo/hello/pull/1#issuecomment) has more."
        ]
    )
    assert reactions(comment) == ["eyes", "confused"]


async def test_a_mention_whose_answer_is_lost_is_posted_once(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    github.faults.drop("POST", "/issues/1/comments$")
    await pr.passes(300)
    hears_all(pr)
    assert len(pr.mentions()) == 1


async def test_a_mention_that_was_not_written_is_posted_again(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    comment = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    github.faults.bad_gateway("POST", "/issues/1/comments$", times=3)
    await pr.passes(600)
    hears_all(pr)
    assert len(pr.mentions()) == 1
    assert reactions(comment) == ["eyes", "confused"]


@pytest.mark.parametrize("status", [403, 404, 410, 422])
async def test_a_mention_that_is_refused_is_let_be(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, status: int
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    github.faults.answer("POST", "/issues/1/comments$", status, "{}", times=None)
    await pr.passes(3600)
    hears_all(pr)
    assert pr.mentions() == []


async def test_a_later_attempt_is_news_for_nobody_else(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    await pr.passes(60)
    pr.github.check_run_webhooks = True
    depot.retried_elsewhere(run.run_id)
    await pr.passes(SLOW)
    stands(pr)
    assert [said.partition(":")[0] for said in pr.mentions()] == ["@alice"]


def test_only_what_is_a_login_is_mentioned() -> None:
    assert all(map(can_mention, ["zoe", "a", "octo-cat", "zoe_corp"]))
    assert not any(map(can_mention, ["", "zoe[bot]", "zoe everyone", "a/b", "@zoe", "-a"]))
