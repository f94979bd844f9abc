"""`/readyz`, `check` and the log: credentials that are refused, and a clock that is wrong."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.demo.stage import Stage
from bot.ops.diagnostics import outside_findings
from bot.web.app import create_app
from tests.support.commands import reason
from tests.support.conversation import (
    FILES,
    HOOK,
    REPO,
    Conversation,
    Hook,
    ManualClock,
    bot_on,
)
from tests.support.pull_requests import ends, hears_all

pytestmark = pytest.mark.anyio

MINUTE = 60.0


async def ready(pr: Conversation, looks: int = 1) -> tuple[int, dict[str, str]]:
    """What `/readyz` says after so many looks."""
    for _ in range(looks):
        await pr.services.readiness.look()
    transport = httpx.ASGITransport(app=create_app(pr.services, run_worker=False))
    async with httpx.AsyncClient(transport=transport, base_url="http://bot.test") as client:
        answer = await client.get("/readyz")
    return answer.status_code, answer.json()


# --- credentials ---------------------------------------------------------------------------------


async def test_a_token_that_depot_revokes(pr: Conversation, depot: SimulatedDepot) -> None:
    assert await ready(pr, looks=1) == (200, {"status": "ok"})
    revoked = depot.faults.revoke_token()
    assert await ready(pr, looks=1) == (200, {"status": "ok"})  # it may just be being replaced
    with capture_logs() as logs:
        expected = {
            "status": "unavailable",
            "depot": "Depot does not take the token: unauthenticated",
        }
        assert await ready(pr, looks=1) == (503, expected)
        assert await ready(pr, looks=5) == (503, expected)
        revoked.lift()
        assert await ready(pr, looks=1) == (200, {"status": "ok"})
    events = [(one["event"], one["what"]) for one in logs if "what" in one]
    assert events == [("not_ready", "depot"), ("ready_again", "depot")]


async def test_work_goes_on_when_the_token_is_mended(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    revoked = depot.faults.revoke_token()
    with capture_logs() as logs:
        await pr.says("alice", "/depot run ci.yml")
        assert pr.reply().startswith("Depot does not take this bot's credentials right now")
        await pr.passes(5 * MINUTE)
    assert [one for one in logs if one["event"] == "step_failed"] == []
    revoked.lift()
    await pr.passes(2 * MINUTE)
    assert len(depot.calls_of("Run")) == 1
    await ends(pr)


@pytest.mark.parametrize(
    ("status", "why"),
    [
        (401, "GitHub does not take the credentials: 401"),
        (502, "GitHub does not answer as it should: 502"),
        (404, "GitHub does not answer as it should: 404"),
    ],
)
async def test_github_refuses(
    pr: Conversation, github: SimulatedGitHub, status: int, why: str
) -> None:
    away = github.faults.answer("GET", "^/app$", status, "{}", times=None)
    code, said = await ready(pr, looks=2)
    assert (code, list(said)) == (503, ["status", "github"])
    assert said["github"].startswith(why)
    away.lift()
    assert await ready(pr) == (200, {"status": "ok"})


async def test_what_is_wrong_from_the_start_is_said_at_once(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    revoked = depot.faults.revoke_token()
    github.faults.bad_gateway("GET", "^/app$")
    code, said = await ready(pr, looks=1)
    assert (code, list(said)) == (503, ["status", "github", "depot"])
    revoked.lift()
    assert await ready(pr, looks=1) == (200, {"status": "ok"})


async def test_now_and_then_is_no_alarm(pr: Conversation, github: SimulatedGitHub) -> None:
    await ready(pr)
    for _ in range(3):
        github.faults.bad_gateway("GET", "^/app$")
        assert await ready(pr, looks=1) == (200, {"status": "ok"})
        assert await ready(pr, looks=1) == (200, {"status": "ok"})


async def test_a_probe_asks_nobody(pr: Conversation, github: SimulatedGitHub) -> None:
    before = len(github.requests), len(pr.depot.calls)
    for _ in range(10):
        await ready(pr, looks=0)
    assert (len(github.requests), len(pr.depot.calls)) == before


# --- the clock -----------------------------------------------------------------------------------


@asynccontextmanager
async def apart(
    seconds: float, private_key: str, tmp_path: Path, hook: Hook, *, jwt: bool = False
) -> AsyncIterator[Conversation]:
    """The bot's clock is so many seconds ahead of GitHub's; *jwt*: by which JWTs are judged."""
    clock = ManualClock()
    stage = Stage(
        now=lambda: clock.now() - seconds,
        private_key=private_key,
        hook_client=httpx.AsyncClient(transport=hook),
        jwt_now=lambda: time.time() - (seconds if jwt else 0.0),
    )
    stage.github.repository(REPO, FILES, internal=True)
    stage.github.role(REPO, "alice", "write")
    stage.github.pull_request(REPO, "alice", files={"change.txt": "one\n"})
    async with bot_on(stage, clock, hook, tmp_path / "apart.db") as services:
        conversation = Conversation(clock, stage, services, REPO, 1)
        await conversation.passes(MINUTE)
        yield conversation
        hears_all(conversation)


@pytest.mark.parametrize("minutes", [-60, -16, 16, 60])
async def test_lateness_goes_by_githubs_clock(
    minutes: int, private_key: str, tmp_path: Path, hook: Hook
) -> None:
    async with apart(minutes * MINUTE, private_key, tmp_path, hook) as pr:
        await pr.says("alice", "/depot run ci.yml")
        assert len(pr.depot.calls_of("Run")) == 1
        hears_all(pr)
        pr.github.comment(REPO, 1, "alice", "/depot run nightly.yaml")
        pr.clock.time += 16 * MINUTE
        await pr.github.deliver(HOOK)
        await pr.services.worker.drain()
        assert len(pr.depot.calls_of("Run")) == 1
        pr.reply()
        assert reason(pr) == "too-late"
        metrics = pr.services.metrics.text(None).decode()
        assert f"depot_bot_clock_offset_seconds {minutes * MINUTE}" in metrics


async def test_a_clock_that_github_refuses_is_named(
    private_key: str, tmp_path: Path, hook: Hook
) -> None:
    async with apart(90.0, private_key, tmp_path, hook, jwt=True) as pr:
        await pr.says("alice", "/depot run ci.yml")
        assert pr.depot.calls_of("Run") == []
        code, said = await ready(pr, looks=2)
        assert code == 503
        assert said["github"].endswith("; this machine's clock is 90 s ahead of GitHub's")
        services = pr.services
        found = {
            one.name: one
            for one in await outside_findings(
                services.settings, services.github, services.organisations, pr.clock.now()
            )
        }
        assert not found["clock"].is_well
        assert found["GitHub credentials"].detail.endswith(
            "; this machine's clock is 90 s ahead of GitHub's"
        )


async def test_a_clock_that_github_takes_is_no_alarm(
    private_key: str, tmp_path: Path, hook: Hook
) -> None:
    async with apart(600.0, private_key, tmp_path, hook) as pr:
        assert (await ready(pr, looks=3))[0] == 200
