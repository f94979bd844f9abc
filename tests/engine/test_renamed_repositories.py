"""A repository that is renamed keeps its work, and its new name is kept."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from bot.core.types import RunId, WorkItemId
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Comment, SimulatedGitHub
from bot.messages import runs
from tests.support.conversation import HOOK, REPO, Conversation
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

NEW = "octo/bonjour"


def thread(pr: Conversation) -> list[Comment]:
    return pr.github.thread(NEW, 1).comments


def renames(pr: Conversation) -> None:
    pr.github.rename(REPO, "bonjour")
    pr.repo = NEW


async def name_of(pr: Conversation, comment: Comment) -> str:
    return (await pr.services.ledger.items.load(WorkItemId(f"ic-{comment.id}"))).comment.repo


async def test_while_a_run_is_followed(pr: Conversation, depot: SimulatedDepot) -> None:
    asked = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    renames(pr)
    await pr.passes(600)
    assert "✅ passed" in thread(pr)[-1].body
    assert await name_of(pr, asked) == NEW
    found = await pr.services.ledger.items.find_run(RunId(depot.runs[0].run_id))
    assert found is not None
    assert found.repo == NEW
    hears_all(pr)


async def test_before_a_command_is_decided(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.comment(REPO, 1, "alice", "/depot run ci.yml")
    pending = github.hooks.pending[:]
    github.hooks.pending.clear()
    renames(pr)
    github.hooks.pending += pending  # it names the repository as it was called
    await pr.settles()
    (run,) = depot.runs
    assert run.run_id in thread(pr)[-1].body
    await pr.passes(600)
    assert "✅ passed" in thread(pr)[-1].body
    hears_all(pr)


async def test_what_comes_in_under_the_new_name(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    first = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(60)
    renames(pr)
    second = await pr.says("alice", "/depot run nightly.yaml")
    assert await name_of(pr, first) == NEW
    assert await name_of(pr, second) == NEW
    away.lift()
    await pr.passes(300)
    # In their order, on the head that was heard of under the old name.
    assert [run.repo for run in depot.runs] == [NEW, NEW]
    hears_all(pr)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("run ci.yml", "It was under way already"),
        ("cancel", "🚫 cancelled"),
        ("cancel {run}", "🚫 cancelled"),
        ("status {run}", "⏳ running"),
    ],
)
async def test_commands_about_runs_that_were_started_before(
    pr: Conversation, depot: SimulatedDepot, words: str, said: str
) -> None:
    """Depot may know the repository by its old name."""
    depot.plan(seconds=3000.0)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)
    renames(pr)
    await pr.says("alice", "/depot help")
    await pr.says("alice", "/depot " + words.format(run=depot.runs[0].run_id))
    await pr.passes(60)
    assert said in thread(pr)[-1].body
    assert len(depot.runs) == 1
    hears_all(pr)


async def test_an_old_webhook_does_not_bring_the_old_name_back(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    old = await pr.says("alice", "/depot help")
    pr.reply()
    old_delivery = next(
        one.delivery for one in github.delivery_log if one.delivery.event == "issue_comment"
    )
    await pr.passes(60)
    renames(pr)
    new = await pr.says("alice", "/depot help run")
    await pr.passes(60)
    await pr.redelivers(old_delivery)
    assert [await name_of(pr, one) for one in (old, new)] == [NEW, NEW]
    hears_all(pr)


async def test_another_repository_takes_the_old_name(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    renames(pr)
    await pr.says("alice", "/depot help")
    github.repository(REPO, internal=True)
    github.role(REPO, "alice", "write")
    github.pull_request(REPO, "alice", files={"change.txt": "another\n"})
    await pr.passes(60)
    github.comment(REPO, 1, "alice", "/depot help run")
    await pr.passes(600)
    assert len(thread(pr)[1].versions) > 1
    assert len(github.thread(REPO, 1).comments) == 2
    hears_all(pr)


async def test_while_depot_is_asked_to_start(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    let_go = anyio.Event()
    depot.faults.late("Run", until=let_go)
    github.comment(REPO, 1, "alice", "/depot run ci.yml")
    await github.deliver(HOOK)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pr.services.worker.drain)
        while not depot.calls_of("Run"):  # noqa: ASYNC110
            await anyio.sleep(0.01)
        renames(pr)
        github.comment(NEW, 1, "alice", "/depot help")
        await github.deliver(HOOK)
        let_go.set()
    found = await pr.services.ledger.items.find_run(RunId(depot.runs[0].run_id))
    assert found is not None
    assert found.repo == NEW
    await pr.passes(600)
    hears_all(pr)


@pytest.mark.parametrize("depot_says", [REPO, NEW])
async def test_a_run_whose_start_is_in_doubt(
    pr: Conversation, depot: SimulatedDepot, depot_says: str
) -> None:
    """It is looked for under both names: nobody knows by which Depot lists it."""
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    (run,) = depot.runs
    run.order = replace(run.order, repo=depot_says)
    renames(pr)
    await pr.says("alice", "/depot help")
    await pr.passes(600)
    assert len(depot.calls_of("Run")) == 1
    assert "✅ passed" in thread(pr)[1].body
    hears_all(pr)


async def test_a_start_that_left_no_trace(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.refuse("Run", "unavailable")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    renames(pr)
    await pr.says("alice", "/depot help")
    await pr.passes(600)
    assert [call.request["repo"] for call in depot.calls_of("Run")] == [REPO, NEW]
    assert "✅ passed" in thread(pr)[1].body
    hears_all(pr)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("where", ["https://evil.example/repositories/1", "//evil.example/x", ""])
async def test_no_credentials_go_to_another_host(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, status: int, where: str
) -> None:
    github.faults.answer("GET", "/pulls/1$", status, "{}", {"location": where})
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == "GitHub does not answer right now; still trying."
    await pr.passes(60)
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)


async def test_a_circle_of_redirects_ends(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    here = f"{github.bodies.api}/repos/{REPO}/pulls/1"
    fault = github.faults.answer("GET", "/pulls/1$", 301, "{}", {"location": here}, times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == "GitHub does not answer right now; still trying."
    assert fault.hits <= 8
    hears_all(pr)
