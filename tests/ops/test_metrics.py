"""What Prometheus gets."""

from __future__ import annotations

import ast
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from math import isnan
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bot import __version__
from bot.core.rate_limit import PER_HOUR
from bot.core.reasons import Reason
from bot.demo.stage import Stage
from bot.depot import client as client_module
from bot.depot.client import METHODS
from bot.ops.metrics import TABLE, Metrics
from bot.web.app import create_app
from tests.support.conversation import HOOK, REPO, Conversation
from tests.support.promtool import promtool

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


def value(metrics: Metrics, name: str, *labels: str) -> float:
    return samples(metrics.text(None).decode())[name, labels]


def test_labels_are_from_fixed_lists() -> None:
    metrics = Metrics()
    metrics.count_request("github", "GET", 200, 0.1)
    metrics.count_request("github", "PROPFIND", 299, 0.1)
    metrics.count_request("depot", "../../evil", None, 0.1)
    name = "depot_bot_upstream_seconds_count"
    assert value(metrics, name, "200", "GET", "github") == 1
    assert value(metrics, name, "other", "other", "github") == 1
    assert value(metrics, name, "none", "other", "depot") == 1
    assert b"evil" not in metrics.text(None)


def test_all_methods_of_depot_have_a_value() -> None:
    path = Path(client_module.__file__ or "")
    called = {
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"_call", "_pages"}
        and isinstance(node.args[0], ast.Constant)
    }
    assert called == METHODS


async def test_what_is_left_at_github(pr: Conversation, client: httpx.AsyncClient) -> None:
    before = await read(client)
    assert before["depot_bot_write_budget_remaining", ()] == PER_HOUR
    await pr.says("rita", "/depot help")
    pr.reply()
    now = await read(client)
    assert now["depot_bot_write_budget_remaining", ()] == PER_HOUR - 2  # a reaction and a reply
    quotas = pr.services.github.rate_limits().values()
    assert len(quotas) > 1
    left = now["depot_bot_github_rate_limit_remaining", ()]
    assert left == min(quota.remaining for quota in quotas) < min(quota.limit for quota in quotas)
    await pr.services.ledger.write_budget.pause_writes("installation 7", 60)
    assert (await read(client))["depot_bot_write_budget_remaining", ()] == 0
    pr.clock.time += 2 * 3600
    now = await read(client)
    assert now["depot_bot_write_budget_remaining", ()] == PER_HOUR
    assert now["depot_bot_github_rate_limit_remaining", ()] == min(q.limit for q in quotas)


async def test_prometheus_finds_no_fault_with_what_it_gets(
    pr: Conversation, client: httpx.AsyncClient
) -> None:
    pr.depot.plan(seconds=5)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)
    answer = await client.get("/metrics")
    assert promtool("check", "metrics", given=answer.content) == ""
    families = {one.name: one for one in text_string_to_metric_families(answer.text)}
    for metric in TABLE:
        family = families[metric.name.removesuffix("_total")]
        assert (family.type, family.documentation) == (
            metric.kind.__name__.lower(),
            metric.meaning,
        )
    ours = {name for name in families if name.startswith("depot_bot_")}
    created = {name for name in ours if name.endswith("_created")}
    assert ours - created == {metric.name.removesuffix("_total") for metric in TABLE}
    pr.reply()
    pr.last_edit()


def test_nothing_is_known_of_what_was_never_asked() -> None:
    metrics = Metrics()
    assert isnan(value(metrics, "depot_bot_write_budget_remaining"))
    assert value(metrics, "depot_bot_decisions_total", "internal-error") == 0
    assert value(metrics, "depot_bot_runs_ended_total", "failed") == 0


def test_two_side_by_side() -> None:
    one, other = Metrics(), Metrics()
    one.count_decision(Reason.STARTED)
    assert ("depot_bot_decisions_total", ("started",)) in samples(one.text(None).decode())
    assert ("depot_bot_decisions_total", ("started",)) not in samples(other.text(None).decode())
