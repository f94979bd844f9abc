"""SIGHUP: settings that are read again while the bot runs."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from pathlib import Path

import httpx
import msgspec
import pytest
import structlog

from bot.demo.simulators.github import generate_private_key
from bot.demo.simulators.github.webhooks import signatures
from bot.demo.stage import Stage
from bot.ops.settings import Settings, SettingsError, load
from bot.ops.variables import CREDENTIALS, VARIABLES
from bot.web.auth import Access
from bot.web.reload import reload
from tests.crash.harness import Bot, running
from tests.crash.harness import scene as crash_scene
from tests.support.conversation import REPO, Conversation
from tests.web.test_setup import form_of

pytestmark = pytest.mark.anyio

PATIENCE = 30.0
"""Seconds in which something has to stand in a log, on a machine with much to do."""


def changed(stage: Stage, pr: Conversation, **changes: str) -> Settings:
    """The settings that the bot runs on, with these changes."""
    database = str(pr.services.settings.database_url)
    return load({**stage.environment(database_url=database), **changes})


async def reread(pr: Conversation, settings: Settings, access: Access | None = None) -> None:
    await reload(pr.services, access or Access.with_password("x"), lambda: settings)


async def test_the_webhooks_secret_is_replaced_without_a_gap(
    pr: Conversation, stage: Stage
) -> None:
    old = stage.credentials.webhook_secret
    both = {"GITHUB_WEBHOOK_SECRET": "the new one", "GITHUB_WEBHOOK_SECRET_OLD": old}
    await reread(pr, changed(stage, pr, **both))
    for secret in (old, "the new one"):
        stage.github.hooks.secret = secret
        await pr.says("alice", "/depot help")
        pr.reply()
    await reread(pr, changed(stage, pr, GITHUB_WEBHOOK_SECRET="the new one"))
    stage.github.hooks.secret = old
    stage.github.comment(REPO, 1, "alice", "/depot help")
    (outcome,) = await pr.settles()
    assert outcome.status_code == 401
    stage.github.hooks.secret = "the new one"


async def test_a_token_of_depot_that_is_rotated(pr: Conversation, stage: Stage) -> None:
    stage.depot.add_organisation(stage.depot.org_id, "rotated")
    await reread(pr, changed(stage, pr, DEPOT_TOKEN="rotated"))
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    sent = {call.headers["authorization"] for call in stage.depot.calls}
    assert sent == {"Bearer rotated"}
    await pr.passes(120)
    pr.edited()


async def test_a_key_of_the_app_that_is_replaced(pr: Conversation, stage: Stage) -> None:
    await reread(pr, changed(stage, pr, GITHUB_PRIVATE_KEY=generate_private_key()))
    # GitHub does not know it: what is asked from now on goes by the new one.
    await pr.services.readiness.look()
    await pr.services.readiness.look()
    assert list(pr.services.readiness.problems) == ["github"]
    await reread(pr, changed(stage, pr))
    await pr.services.readiness.look()
    assert pr.services.readiness.problems == {}


async def test_bounds_of_the_operator(pr: Conversation, stage: Stage, tmp_path: Path) -> None:
    config = tmp_path / "bot.toml"
    config.write_text("[limits]\nper_person = 1\n")
    await pr.says("alice", "/depot help")
    pr.reply()
    await reread(pr, changed(stage, pr, BOT_CONFIG=str(config)))
    await pr.says("alice", "/depot list")
    assert "in the last hour" in pr.reply()


async def test_an_organisation_that_is_added_and_taken_away(
    pr: Conversation, stage: Stage, tmp_path: Path
) -> None:
    stage.depot.add_organisation("o2", "of-octo")
    config = tmp_path / "bot.toml"
    config.write_text('[depot."Octo"]\ntoken = "OF_OCTO"\n')
    of_octo = changed(stage, pr, BOT_CONFIG=str(config), OF_OCTO="of-octo")
    for settings, token in ((of_octo, "of-octo"), (changed(stage, pr), stage.depot.token)):
        await reread(pr, settings)
        stage.depot.calls.clear()
        await pr.says("alice", "/depot status")
        pr.reply()
        sent = {call.headers["authorization"] for call in stage.depot.calls}
        assert sent == {f"Bearer {token}"}


async def test_the_password(pr: Conversation, stage: Stage) -> None:
    access = Access.with_password("")
    made, cookie = access.password, access.cookie
    await reread(pr, changed(stage, pr, ADMIN_PASSWORD="another-password"), access)
    assert access.password == "another-password"
    # Without one in the settings, the old one stays.
    await reread(pr, changed(stage, pr, ADMIN_PASSWORD=""), access)
    assert access.password == "another-password"
    assert not access.is_made
    assert not access.logs_in(made)
    assert not access.allows({"cookie": f"depot-bot-login={cookie}"})


def _fails(error: Exception) -> Callable[[], Settings]:
    def read() -> Settings:
        raise error

    return read


@pytest.mark.parametrize("error", [SettingsError(["DEPOT_TOKEN is missing"]), OSError("disk")])
async def test_a_fault_keeps_the_old(pr: Conversation, error: Exception) -> None:
    before = pr.services.settings
    with structlog.testing.capture_logs() as logged:
        await reload(pr.services, Access.with_password("x"), _fails(error))
    assert [(one["event"], one["log_level"]) for one in logged] == [("settings_kept", "error")]
    assert pr.services.settings is before
    await pr.says("alice", "/depot help")
    pr.reply()


# --- the real process ----------------------------------------------------------------------------


async def says(bot: Bot, *events: str) -> None:
    """Wait until the log has so many of these events."""
    async with asyncio.timeout(PATIENCE):
        while True:
            log = bot.log.read_text()
            if all(log.count(f'"{one}"') >= events.count(one) for one in events):
                return
            await asyncio.sleep(0.02)


async def status_of(bot: Bot, secret: str) -> int:
    """What a webhook that is signed with this secret is answered."""
    body = b'{"zen": "x"}'
    headers = {
        **signatures(secret, body),
        "x-github-event": "ping",
        "x-github-delivery": "0f0f0f0f-0000-0000-0000-000000000000",
        "content-type": "application/json",
    }
    async with httpx.AsyncClient(trust_env=False, base_url=bot.url) as client:
        return (await client.post("/webhook", content=body, headers=headers)).status_code


async def test_a_hangup_reads_the_file_the_secrets_and_the_config_again(
    tmp_path: Path, private_key: str
) -> None:
    async with crash_scene(tmp_path / "scene", private_key) as scene:
        secret, config = tmp_path / "secret", tmp_path / "bot.toml"
        secret.write_text("first\n")
        config.write_text("")
        environment = {
            **scene.environment,
            "GITHUB_WEBHOOK_SECRET": "",
            "GITHUB_WEBHOOK_SECRET_FILE": str(secret),
            "BOT_CONFIG": str(config),
            "LOG_FORMAT": "json",
        }
        async with running(environment, tmp_path) as bot:
            assert await status_of(bot, "first") == 202
            secret.write_text("second\n")
            (tmp_path / ".env").write_text("GITHUB_WEBHOOK_SECRET_OLD=first\n")
            bot.process.send_signal(signal.SIGHUP)
            await says(bot, "settings_read_again")
            assert [await status_of(bot, one) for one in ("first", "second")] == [202, 202]
            config.write_text("repositries = []\n")
            secret.write_text("third\n")
            bot.process.send_signal(signal.SIGHUP)
            await says(bot, "settings_kept")
            assert [await status_of(bot, one) for one in ("second", "third")] == [202, 401]
            config.write_text("repositories = []\n")
            (tmp_path / ".env").write_text("PUBLIC_URL=https://other.example\n")
            bot.process.send_signal(signal.SIGHUP)
            await says(bot, "settings_read_again", "settings_read_again")
            assert [await status_of(bot, one) for one in ("first", "third")] == [401, 202]
        assert bot.process.returncode == 0, bot.log.read_text()
        lines = [msgspec.json.decode(line) for line in bot.log.read_bytes().splitlines()]
    told = [line for line in lines if str(line["event"]).startswith("settings_")]
    assert [one.get("changed") for one in told] == [
        ["webhook_secrets"],
        None,
        ["webhook_secrets", "operator"],
    ]
    assert [one.get("at_restart") for one in told] == [[], None, ["PUBLIC_URL"]]
    assert "repositries" in str(told[1]["problems"])


async def test_a_hangup_during_the_set_up_and_after_it(tmp_path: Path, private_key: str) -> None:
    async with crash_scene(tmp_path / "scene", private_key) as scene:
        left_out = {name: "" for name in CREDENTIALS}
        environment = {**scene.environment, **left_out, "PUBLIC_URL": "http://bot.example"}
        file = tmp_path / "settings"
        lines = [f"{name}='{value}'" for name, value in environment.items() if value]
        file.write_text("\n".join(lines))
        given = {name: "" for name in VARIABLES} | {"LOG_FORMAT": "json"}
        async with running(given, tmp_path, arguments=("--env-file", "settings")) as bot:
            bot.process.send_signal(signal.SIGHUP)
            await says(bot, "settings_not_read_again")
            auth = ("me", scene.environment["ADMIN_PASSWORD"])
            async with httpx.AsyncClient(trust_env=False, base_url=bot.url, auth=auth) as client:
                form = form_of((await client.get("/setup")).text)
                code = scene.github.manifest_code(form.manifest)
                done = {"code": code, "state": form.state}
                assert (await client.get("/setup/done", params=done)).status_code == 200
            with file.open("a") as out:
                out.write("\nGITHUB_WEBHOOK_SECRET_OLD='any text'\n")
            os.kill(bot.process.pid, signal.SIGHUP)
            await says(bot, "settings_read_again")
            assert await status_of(bot, "any text") == 202
        assert bot.process.returncode == 0, bot.log.read_text()
    assert (file.stat().st_mode & 0o777) == 0o600
