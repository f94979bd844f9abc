"""`depot-bot check` and `/check`: what is found, well and not."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from bot.demo.stage import Stage
from bot.ops.diagnostics import Finding, database_finding, outside_findings, settings_findings
from bot.ops.settings import load
from bot.ops.variables import SECRETS, VARIABLES
from bot.services import Surroundings, open_clients
from bot.web.app import create_app
from tests.contracts.checks import transport_to
from tests.support.conversation import HOOK, Conversation, ManualClock

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def looking(
    stage: Stage, clock: ManualClock, **environment: str
) -> AsyncIterator[dict[str, Finding]]:
    """What is found outside, by name."""
    settings = load({**stage.environment(database_url="sqlite:///unused.db"), **environment})
    with transport_to(stage.github) as way:
        around = Surroundings(clock=clock, github=way, depot=stage.depot.transport())
        async with open_clients(settings, around) as (github, depot):
            findings = await outside_findings(settings, github, depot, clock.now())
    yield {finding.name: finding for finding in findings}


@pytest.fixture
async def installed(stage: Stage) -> Stage:
    """The App's webhook has an address."""
    stage.github.hooks.url = "https://bot.example/webhook"
    return stage


async def test_all_is_well(installed: Stage, clock: ManualClock) -> None:
    async with looking(installed, clock, PUBLIC_URL="https://bot.example") as found:
        assert [str(finding) for finding in found.values() if not finding.is_well] == []
        assert found["GitHub credentials"].detail == "the bot is depot-bot[bot]"
        assert found["webhook"].detail == "https://bot.example/webhook"


async def test_a_hook_that_goes_elsewhere(installed: Stage, clock: ManualClock) -> None:
    async with looking(installed, clock, PUBLIC_URL="https://other.example") as found:
        assert not found["webhook"].is_well
        assert found["webhook"].detail == "it goes to https://bot.example/webhook"


async def test_an_app_that_may_and_hears_too_little(
    installed: Stage, clock: ManualClock, private_key: str
) -> None:
    less = replace(
        installed.credentials,
        permissions={"metadata": "read", "issues": "read", "contents": "read", "checks": "read"},
        events=("issue_comment",),
    )
    installed.github.access.use_app(less)
    async with looking(installed, clock) as found:
        lacking = found["GitHub App permissions"].detail
        assert lacking == "lacking issues: write, pull_requests: write"
        assert "check_run, pull_request, pull_request_review" in found["GitHub App events"].detail


async def test_credentials_that_nobody_knows(installed: Stage, clock: ManualClock) -> None:
    environment = {"GITHUB_APP_ID": "4711", "DEPOT_TOKEN": "a-token-of-nobody"}
    async with looking(installed, clock, **environment) as found:
        assert list(found) == ["GitHub credentials", "clock", "Depot token"]
        assert not found["GitHub credentials"].is_well
        assert found["Depot token"].detail == "unauthenticated"
        assert "a-token-of-nobody" not in "".join(map(str, found.values()))


async def test_deliveries_that_did_not_arrive(pr: Conversation, clock: ManualClock) -> None:
    pr.github.hook_down = True
    pr.github.comment(pr.repo, pr.number, "alice", "/depot list")
    await pr.github.deliver(HOOK)
    async with looking(pr.stage, clock) as found:
        assert found["webhook deliveries"].detail == "1 of the last day did not arrive"


async def test_the_database(stage: Stage, tmp_path: Path) -> None:
    async def found(name: str) -> Finding:
        url = f"sqlite:///{tmp_path / name}"
        return await database_finding(load(stage.environment(database_url=url)))

    new = await found("ledger.db")
    assert (new.is_well, new.detail) == (
        True,
        "it can be used; its tables are made when the bot starts",
    )
    assert os.listdir(tmp_path) == []
    nowhere = await found("no/ledger.db")
    assert not nowhere.is_well
    assert nowhere.detail.endswith("cannot be made: its folder is missing or not writable")
    await asyncio.to_thread((tmp_path / "text.db").write_text, "this is no database\n" * 100)
    text = await found("text.db")
    assert not text.is_well
    assert "is no SQLite database, and stays as it is" in text.detail


async def test_a_database_that_a_bot_has_open(pr: Conversation, stage: Stage) -> None:
    in_use = load(stage.environment(database_url=str(pr.services.settings.database_url)))
    assert await database_finding(in_use) == Finding("database", True, "it can be read and written")


def test_secrets_are_masked() -> None:
    values = {name: f"value-of-{name}" for name in VARIABLES}
    shown = {finding.name: finding.detail for finding in settings_findings(values)}
    assert set(shown) == set(VARIABLES)
    for name, detail in shown.items():
        assert detail == ("***" if name in SECRETS else values[name])


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
async def test_the_page(pr: Conversation, accept: str) -> None:
    pr.github.hooks.url = HOOK
    app = create_app(pr.services, run_worker=False)
    transport = httpx.ASGITransport(app=app, client=("127.0.0.1", 1))
    auth = ("me", pr.services.settings.admin_password)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", auth=auth
    ) as client:
        answer = await client.get("/check", headers={"accept": accept})
    assert answer.status_code == 200
    assert "the bot is depot-bot[bot]" in answer.text
    assert pr.stage.depot.token not in answer.text
    if accept == "application/json":
        names = [finding["name"] for finding in answer.json()["findings"]]
        assert names[-2:] == ["Depot token", "database"]


async def test_the_page_is_for_the_operator(pr: Conversation) -> None:
    app = create_app(pr.services, run_worker=False)
    transport = httpx.ASGITransport(app=app, client=("203.0.113.9", 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot.test") as client:
        assert (await client.get("/check")).status_code == 401
