"""What fails for too long is set aside: it blocks nobody, is shown, and can be put back."""

from __future__ import annotations

from pathlib import Path

import anyio.to_thread
import pytest
import sqlalchemy as sa

from bot.cli import main
from bot.core.reasons import Reason
from bot.core.types import RepoName, Sha, WorkItemId
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Comment, SimulatedGitHub
from bot.storage.status_queries import StatusQueries
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import CONFIG_TIME, hears_all

pytestmark = pytest.mark.anyio

BROKEN = {
    "the YAML of a command": "update commands set blocks = '{'",
    "the start of a run": "update start_attempts set request = '[]'",
    "a run": "update tracked_runs set state = 'null'",
    "where it came from": "update work_items set source = 'xx'",
}


async def breaks(pr: Conversation, statement: str) -> None:
    await pr.services.store.transact(lambda db: db.execute(sa.text(statement)))


async def set_aside(pr: Conversation) -> list[str]:
    found = await StatusQueries(pr.services.store).set_aside()
    return [one.work_item_id for one in found]


@pytest.mark.parametrize("what", BROKEN)
async def test_a_row_that_cannot_be_decoded(
    pr: Conversation, depot: SimulatedDepot, what: str
) -> None:
    depot.plan(seconds=100_000.0)
    comment = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await breaks(pr, BROKEN[what])
    calls = len(depot.calls)
    await pr.passes(3600)
    assert await set_aside(pr) == [f"ic-{comment.id}"]
    assert len(depot.calls) == calls
    await pr.says("maya", "/depot run nightly.yaml")
    assert pr.reply() != ""
    hears_all(pr)


async def test_one_that_is_not_decided_keeps_nobody_waiting(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    first = await pr.says("alice", "/depot run ci.yml")
    await breaks(pr, "update commands set blocks = '{'")
    away.lift()
    await pr.passes(5 * 60)
    hears_all(pr)
    assert await set_aside(pr) == [f"ic-{first.id}"]
    await pr.says("maya", "/depot run nightly.yaml")
    assert len(depot.calls_of("Run")) == 1
    # Once it is mended and put back, it goes on by the usual rules: here it is too late.
    await breaks(pr, "update commands set blocks = '[]'")
    await pr.passes(15 * 60)
    assert await pr.services.ledger.queue.put_back() == 1
    await pr.passes(10)
    item = await pr.services.ledger.items.load(_id(first))
    assert item.commands[0].reason in {Reason.TOO_LATE, Reason.COULD_NOT_ASK}
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)


async def test_an_outage_of_a_day_before_anything_is_known(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pr.passes(CONFIG_TIME)
    # Whether a bot's comment is its own, the bot has to ask.
    outage = github.faults.bad_gateway("GET", "^/app$", times=None)
    comment = await pr.says("renovate[bot]", "/depot run ci.yml")
    await pr.passes(25 * 3600)
    assert await set_aside(pr) == [f"ic-{comment.id}"]
    outage.lift()
    assert await pr.services.ledger.queue.put_back(_id(comment)) == 1
    await pr.passes(60)
    assert await set_aside(pr) == []
    hears_all(pr)


async def test_put_back_beside_a_running_bot(
    pr: Conversation,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    comment = await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await breaks(pr, "update tracked_runs set state = 'null'")
    await pr.passes(3600)
    await breaks(
        pr, """update tracked_runs set state = '{"run_id":"x","org_id":"","status":"queued"}'"""
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'ledger.db'}")
    assert await anyio.to_thread.run_sync(main, ["requeue", "ic-1"]) == 1
    assert capsys.readouterr().err == "ic-1 is not set aside.\n"
    assert await anyio.to_thread.run_sync(main, ["requeue", f"ic-{comment.id}"]) == 0
    assert capsys.readouterr().out == "1 put back.\n"
    assert await set_aside(pr) == []
    assert await anyio.to_thread.run_sync(main, ["requeue"]) == 0
    assert capsys.readouterr().out == "0 put back.\n"
    hears_all(pr)


async def test_it_gives_its_start_free_and_is_not_woken(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    depot.faults.refuse("GetRunStatus", "unavailable", times=None)
    first = await pr.says("alice", "/depot run ci.yml")
    await breaks(pr, "update commands set blocks = '{'")
    await pr.passes(300)
    assert await set_aside(pr) == [f"ic-{first.id}"]
    depot.faults.lift()
    await pr.passes(60)
    await pr.says("maya", "/depot run ci.yml force")
    assert len(depot.calls_of("Run")) == 2
    await pr.services.ledger.queue.wake(RepoName(REPO), Sha(pr.head))
    await pr.passes(600)
    assert await set_aside(pr) == [f"ic-{first.id}"]
    hears_all(pr)


@pytest.mark.parametrize("wrong", ["", "ic-1; drop", "\udc80", "x" * 5])
def test_what_is_no_id(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["requeue", wrong]) == 2
    assert "is no id, such as ic-2400012" in capsys.readouterr().err


def test_without_a_ledger(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///none.db")
    assert main(["requeue"]) == 2
    assert capsys.readouterr().err == "depot-bot cannot open its ledger: there is no none.db\n"
    assert list(tmp_path.iterdir()) == []


def _id(comment: Comment) -> WorkItemId:
    return WorkItemId(f"ic-{comment.id}")
