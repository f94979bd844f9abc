"""What Prometheus gets."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import __version__
from bot.core.reasons import Reason
from bot.demo.stage import Stage
from bot.ops.metrics import Metrics
from bot.web.app import create_app
from tests.support.conversation import HOOK, REPO, Conversation

pytestmark = pytest.mark.anyio

Sample = tuple[str, tuple[str, ...]]


@pytest.fixture
async def client(pr: Conversation) -> AsyncIterator[httpx.AsyncClient]:
    """Another app on the same services than the one that gets the webhooks."""
    app = create_app(pr.services, run_worker=False)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app),
        base_url="http://localhost",
        auth=("prometheus", pr.services.settings.admin_password),
    ) as client:
        yield client


def samples(text: str) -> dict[Sample, float]:
    """Name and the values of the labels, by the names of those, to value."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


async def read(client: httpx.AsyncClient) -> dict[Sample, float]:
    answer = await client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    return samples(answer.text)


async def test_what_is_counted(pr: Conversation, client: httpx.AsyncClient) -> None:
    before = await read(client)
    assert before["depot_bot_deliveries_total", ("duplicate",)] == 0
    comment = await pr.says("alice", "/depot run ci.yml\n/depot rum")
    await pr.says("rita", "/depot run ci.yml")
    await pr.says("rita", "just talking")
    delivery = next(
        o.delivery
        for o in pr.github.delivery_log
        if o.delivery.event == "issue_comment" and o.delivery.payload["comment"]["id"] == comment.id
    )
    await pr.redelivers(delivery)
    now = await read(client)

    def since(name: str, *labels: str) -> float:
        return now[f"depot_bot_{name}", labels] - before.get((f"depot_bot_{name}", labels), 0)

    assert since("deliveries_total", "queued") == 2
    assert since("deliveries_total", "duplicate") == 1
    assert since("deliveries_total", "ignored") >= 1  # the talk, and what the bot wrote itself
    assert since("decisions_total", "started") == 1
    assert since("decisions_total", "misread") == 1
    assert since("decisions_total", "not-a-writer") == 1
    assert since("upstream_seconds_count", "200", "Run", "depot") == 1
    assert since("upstream_seconds_count", "201", "POST", "github") >= 4
    assert since("upstream_seconds_count", "200", "GET", "github") >= 1
    assert now["depot_bot_runs_followed", ()] == 1
    assert now["depot_bot_commands_undecided", ()] == 0
    assert now["depot_bot_oldest_waiting_seconds", ()] == 0
    assert now["depot_bot_ledger_up", ()] == 1
    assert now["depot_bot_build_info", (__version__,)] == 1
    pr.github.thread(REPO, 1).comments.clear()


async def test_answers_that_never_came(pr: Conversation, client: httpx.AsyncClient) -> None:
    pr.depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(10)
    assert (await read(client))["depot_bot_upstream_seconds_count", ("none", "Run", "depot")] == 1
    pr.github.thread(REPO, 1).comments.clear()


async def test_what_waits(pr: Conversation, client: httpx.AsyncClient, stage: Stage) -> None:
    stage.github.faults.bad_gateway("*", "", times=None)
    await pr.says("alice", "/depot run ci.yml\n/depot list")
    pr.clock.time += 100
    now = await read(client)
    assert now["depot_bot_commands_undecided", ()] == 2
    assert now["depot_bot_requests_due", ()] == 1
    assert now["depot_bot_oldest_waiting_seconds", ()] == 100


async def test_deliveries_that_are_turned_away(pr: Conversation, client: httpx.AsyncClient) -> None:
    await client.post("/webhook", content=b"{}")
    assert (await read(client))["depot_bot_deliveries_total", ("rejected",)] == 1


async def test_a_ledger_that_is_away(
    pr: Conversation, client: httpx.AsyncClient, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("drop table tracked_runs")
        database.commit()
    now = await read(client)
    assert now["depot_bot_ledger_up", ()] == 0
    assert now["depot_bot_runs_followed", ()] != now["depot_bot_runs_followed", ()]  # NaN
    pr.github.comment(REPO, 1, "alice", "/depot help")
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as database:
        database.execute("drop table commands")
        database.commit()
    await pr.github.deliver(HOOK)
    assert (await read(client))["depot_bot_deliveries_total", ("failed",)] == 1


def test_two_side_by_side() -> None:
    one, other = Metrics(), Metrics()
    one.count_decision(Reason.STARTED)
    assert ("depot_bot_decisions_total", ("started",)) in samples(one.text(None).decode())
    assert ("depot_bot_decisions_total", ("started",)) not in samples(other.text(None).decode())
