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

from bot.demo.simulators.github.access import PERMISSIONS
from bot.demo.stage import Stage
from bot.ops.diagnostics import (
    MAX_NAMED,
    Finding,
    database_finding,
    outside_findings,
    settings_findings,
    warnings,
)
from bot.ops.settings import load
from bot.ops.variables import TABLE, VARIABLES
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
        async with open_clients(settings, around) as (github, organisations):
            findings = await outside_findings(settings, github, organisations, clock.now())
    # What is well needs no step, and what is not has one.
    assert [one for one in findings if one.is_well is bool(one.next_step)] == []
    yield {finding.name: finding for finding in findings}


@pytest.fixture
async def installed(stage: Stage) -> Stage:
    """The App is installed, and its webhook has an address."""
    stage.github.hooks.url = "https://bot.example/webhook"
    return stage


async def test_all_is_well(installed: Stage, clock: ManualClock) -> None:
    async with looking(installed, clock, PUBLIC_URL="https://bot.example") as found:
        assert [str(finding) for finding in found.values() if not finding.is_well] == []
        assert found["GitHub credentials"].detail == "the bot is depot-bot[bot]"
        assert found["webhook"].detail == "https://bot.example/webhook"
        assert found["GitHub App installations"].detail == "on octo"
        assert str(found["clock"]) == "ok    clock: as GitHub's"


async def test_a_hook_that_goes_elsewhere(installed: Stage, clock: ManualClock) -> None:
    async with looking(installed, clock, PUBLIC_URL="https://other.example") as found:
        assert not found["webhook"].is_well
        assert found["webhook"].detail == "it goes to https://bot.example/webhook"
        assert found["webhook"].next_step == (
            "set this right at https://github.com/settings/apps/depot-bot; its address is "
            "https://other.example/webhook"
        )


async def test_an_app_that_may_and_hears_too_little(
    installed: Stage, clock: ManualClock, private_key: str
) -> None:
    less = replace(
        installed.credentials,
        permissions={"metadata": "read", "issues": "read", "contents": "read", "checks": "read"},
        events=("issue_comment",),
    )
    installed.github.user("octo-inc", "Organization")
    installed.github.access.use_app(less, owner="octo-inc")
    installed.github.install("octo")
    async with looking(installed, clock) as found:
        lacking = found["GitHub App permissions"]
        assert lacking.detail == "lacking issues: write, pull_requests: write"
        page = "https://github.com/organizations/octo-inc/settings/apps/depot-bot/permissions"
        assert page in lacking.next_step
        assert "check_run, pull_request, pull_request_review" in found["GitHub App events"].detail
        assert page in found["GitHub App events"].next_step
        # It is told once: the installation has all that the App asks for.
        assert found["GitHub App installations"].is_well


async def test_an_app_that_is_installed_nowhere(stage: Stage, clock: ManualClock) -> None:
    stage.github.uninstall("octo")
    async with looking(stage, clock) as found:
        assert found["GitHub App installations"].detail == "it is installed nowhere"
        assert found["GitHub App installations"].next_step == (
            "install it at https://github.com/apps/depot-bot/installations/new"
        )


async def test_a_suspended_installation(installed: Stage, clock: ManualClock) -> None:
    installed.github.suspend("octo")
    async with looking(installed, clock) as found:
        one = found["GitHub App on octo"]
        assert one.detail.startswith("suspended since 2026-11-24T")
        assert "https://github.com/settings/installations/" in one.next_step
    installed.github.unsuspend("octo")
    async with looking(installed, clock) as found:
        assert found["GitHub App installations"].is_well


async def test_permissions_that_an_owner_has_to_accept(
    installed: Stage, clock: ManualClock
) -> None:
    github = installed.github
    whole = dict(PERMISSIONS)
    github.change_app(permissions={k: v for k, v in whole.items() if k != "checks"})
    github.accept("octo")
    async with looking(installed, clock) as found:
        assert found["GitHub App permissions"].detail == "lacking checks: read"
    github.change_app(permissions=whole)
    async with looking(installed, clock) as found:
        assert found["GitHub App permissions"].is_well
        one = found["GitHub App on octo"]
        assert one.detail == (
            "its owner has not accepted the App's new permissions yet: checks: read"
        )
        assert one.next_step.startswith("an owner of octo accepts them at https://github.com/")
    github.accept("octo")
    async with looking(installed, clock) as found:
        assert found["GitHub App installations"].is_well


async def test_many_troubled_installations_are_not_all_named(
    installed: Stage, clock: ManualClock
) -> None:
    for number in range(MAX_NAMED + 2):
        installed.github.install(f"owner-{number}")
    async with looking(installed, clock) as found:
        assert found["GitHub App installations"].detail.endswith(" and 3 more")
    for number in range(MAX_NAMED + 2):
        installed.github.suspend(f"owner-{number}")
    async with looking(installed, clock) as found:
        named = [name for name in found if name.startswith("GitHub App on ")]
        assert len(named) == MAX_NAMED
        assert found["GitHub App installations"].detail == "the same of 2 more"


async def test_credentials_that_nobody_knows(installed: Stage, clock: ManualClock) -> None:
    environment = {"GITHUB_APP_ID": "4711", "DEPOT_TOKEN": "a-token-of-nobody"}
    async with looking(installed, clock, **environment) as found:
        assert list(found) == ["GitHub credentials", "clock", "Depot token"]
        assert not found["GitHub credentials"].is_well
        assert "compare GITHUB_APP_ID" in found["GitHub credentials"].next_step
        assert found["Depot token"].detail == "unauthenticated"
        assert "put it into DEPOT_TOKEN" in found["Depot token"].next_step
        assert "a-token-of-nobody" not in "".join(map(str, found.values()))


async def test_the_token_of_an_organisation_of_its_own(
    installed: Stage, clock: ManualClock, tmp_path: Path
) -> None:
    config = tmp_path / "bot.toml"
    config.write_text('[depot."Octo-Org"]\ntoken = "DEPOT_TOKEN_OCTO"\n')
    environment = {"BOT_CONFIG": str(config), "DEPOT_TOKEN_OCTO": "a-token-of-nobody"}
    async with looking(installed, clock, **environment) as found:
        assert found["Depot token"].is_well
        assert found["Depot token of octo-org"].detail == "unauthenticated"
        assert '[depot."octo-org"] names' in found["Depot token of octo-org"].next_step
    installed.depot.add_organisation("o2", "a-token-of-nobody")
    async with looking(installed, clock, **environment) as found:
        assert found["Depot token of octo-org"].is_well


async def test_a_service_that_does_not_answer(installed: Stage, clock: ManualClock) -> None:
    installed.github.faults.drop("GET", "/app/installations")
    installed.depot.faults.drop("ListRuns")
    async with looking(installed, clock) as found:
        assert "https://api.github.com answers" in found["GitHub App installations"].next_step
        # What else is known is told.
        assert found["GitHub App permissions"].is_well
        assert found["webhook"].is_well
        assert found["Depot token"].detail.startswith("Depot does not answer as it should: unavail")
        assert "DEPOT_API_URL answers" in found["Depot token"].next_step
    installed.github.faults.drop("GET", "/app")
    async with looking(installed, clock) as found:
        assert "https://api.github.com answers" in found["GitHub credentials"].next_step
        # Without an answer nothing is known of GitHub's clock.
        assert "clock" not in found


async def test_an_app_without_a_webhook(installed: Stage, clock: ManualClock) -> None:
    installed.github.faults.answer("GET", "/app/hook/config", 404, '{"message": "Not Found"}')
    async with looking(installed, clock, PUBLIC_URL="https://bot.example") as found:
        assert found["webhook"].detail == "the App has none"
        assert found["webhook"].next_step.endswith("its address is https://bot.example/webhook")


async def test_deliveries_that_did_not_arrive(pr: Conversation, clock: ManualClock) -> None:
    pr.github.hook_down = True
    pr.github.comment(pr.repo, pr.number, "alice", "/depot list")
    await pr.github.deliver(HOOK)
    async with looking(pr.stage, clock) as found:
        deliveries = found["webhook deliveries"]
        assert deliveries.detail == (
            "1 of the last day did not arrive: 1 × failed to connect to host (502)"
        )
        assert "reached from the internet" in deliveries.next_step


async def test_deliveries_that_were_signed_with_another_secret(
    pr: Conversation, clock: ManualClock
) -> None:
    pr.github.hooks.secret = "another"
    for _ in range(2):
        pr.github.comment(pr.repo, pr.number, "alice", "/depot list")
        await pr.github.deliver(HOOK)
    async with looking(pr.stage, clock) as found:
        deliveries = found["webhook deliveries"]
        assert deliveries.detail.endswith(
            "2 of the last day did not arrive: 2 × Invalid HTTP Response: 401"
        )
        assert deliveries.next_step.startswith("set GITHUB_WEBHOOK_SECRET to the secret that")


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
    secrets = {one.name for one in TABLE if one.secret}
    for name, detail in shown.items():
        assert detail == ("***" if name in secrets else values[name])


def test_what_is_doubtful_is_told(stage: Stage) -> None:
    environment = stage.environment(database_url="sqlite:///unused.db")
    assert warnings(load(environment)) == []
    (found,) = warnings(load({**environment, "GITHUB_WEBHOOK_SECRET": "two words"}))
    assert found.is_well
    assert "GITHUB_WEBHOOK_SECRET_OLD" in found.detail


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
