"""How far a run is from its comment: round trips to GitHub and Depot that wait for each other.

Every request takes a second here, in a loop whose time moves only when all is idle: what goes side
by side takes one second, what waits for something else one more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.app import create_app
from bot.demo.depot import InProcess
from bot.demo.stage import Stage
from bot.services import Services, Surroundings, open_services
from bot.settings import load
from bot.types import RepoName
from tests.conversation import CI, FILES, HOOK, REPO, Hook
from tests.loops import LoopClock, SkippingLoop, skipping_loop

pytestmark = pytest.mark.anyio

ROUND_TRIP = 1.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SkippingLoop}


@dataclass
class Far(httpx2.AsyncBaseTransport):
    """Somewhere that a round trip away."""

    there: httpx2.AsyncBaseTransport
    sent: list[tuple[float, str]] = field(default_factory=list)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.sent.append((skipping_loop().time(), f"{request.method} {request.url.path}"))
        await asyncio.sleep(ROUND_TRIP)
        return await self.there.handle_async_request(request)


@dataclass
class Scene:
    stage: Stage
    services: Services
    github: Far
    depot: Far
    clock: LoopClock

    async def round_trips(self, body: str) -> float:
        """Somebody comments: how many round trips later the run is started, `Run` included."""
        await asyncio.sleep(60)  # the head is older than the comment
        self.depot.sent.clear()
        self.stage.github.comment(REPO, 1, "alice", body)
        begun = skipping_loop().time()
        await self.stage.github.deliver(HOOK)
        await self.services.worker.drain()
        (at,) = (at for at, request in self.depot.sent if request.endswith("/Run"))
        return (at - begun) / ROUND_TRIP + 1

    async def hears_of_the_head(self) -> None:
        await self.stage.github.deliver(HOOK)
        await self.services.worker.drain()


@pytest.fixture
async def scene(tmp_path: Path, private_key: str) -> AsyncIterator[Scene]:
    clock = LoopClock()
    hook = Hook()
    async with httpx2.AsyncClient(transport=hook) as client:
        stage = Stage(now=clock.now, private_key=private_key, hook_client=client, jwt_now=time.time)
        stage.github.repository(REPO, FILES)
        stage.github.role(REPO, "alice", "write")
        stage.github.pull_request(REPO, "alice", files={"change.txt": "1\n"})
        github, depot = Far(InProcess(stage.github.app)), Far(stage.depot.transport())
        settings = load(stage.environment(database_url=f"sqlite:///{tmp_path / 'ledger.db'}"))
        around = Surroundings(clock=clock, github=github, depot=depot)
        async with open_services(settings, around) as services:
            skipping_loop().is_busy = lambda: bool(services.store._running)
            hook.to = httpx2.ASGITransport(app=create_app(services, run_worker=False))
            await services.github.login()  # as when it starts to work
            yield Scene(stage, services, github, depot, clock)
            skipping_loop().is_busy = lambda: False


async def test_nothing_is_known(scene: Scene) -> None:
    """The token, the pull request with all that is read beside it, and `Run`."""
    await scene.hears_of_the_head()
    scene.services.github.forget_token(scene.stage.github.installations[0].id)
    assert await scene.round_trips("/depot run ci.yml job=test") == 3


async def test_the_head_is_known(scene: Scene) -> None:
    await scene.hears_of_the_head()
    assert await scene.round_trips("/depot run ci.yml job=test") == 2


async def test_all_is_known(scene: Scene) -> None:
    await scene.hears_of_the_head()
    await scene.round_trips("/depot run ci.yml job=test")
    assert await scene.round_trips("/depot run ci.yml job=build") == 2
    assert await scene.round_trips("/depot run nightly") == 2


async def test_the_head_was_never_heard_of(scene: Scene) -> None:
    """As after the App is installed: what dates the head is read beside the rest."""
    scene.stage.github.hooks.pending.clear()
    await scene.services.github.at(RepoName(REPO), None).config_texts()  # a token
    assert await scene.round_trips("/depot run ci.yml job=test") == 3


async def test_the_head_moved_unheard(scene: Scene) -> None:
    """What was read ahead was read in vain; the head is read once more beside the rest."""
    await scene.hears_of_the_head()
    scene.stage.github.push(REPO, 1, {"change.txt": "2\n"})
    head = scene.stage.github.pull(REPO, 1).head_sha
    scene.stage.github.hooks.pending.clear()
    assert await scene.round_trips(f"/depot run ci.yml job=test sha={head}") == 2


async def test_yaml_sent_along(scene: Scene) -> None:
    scene.stage.github.role(REPO, "alice", "maintain")
    await scene.hears_of_the_head()
    assert await scene.round_trips(f"/depot run\n```yaml\n{CI}\n```") == 2


async def test_two_commands_in_one_comment_look_twice(scene: Scene) -> None:
    """The second is not started on what was seen before the first."""
    await scene.hears_of_the_head()
    await asyncio.sleep(60)
    scene.github.sent.clear()
    scene.stage.github.comment(REPO, 1, "alice", "/depot run ci\n/depot run nightly")
    await scene.stage.github.deliver(HOOK)
    await scene.services.worker.drain()
    asked = [request for _, request in scene.github.sent if request.endswith("/pulls/1")]
    assert len(asked) == 2
    assert len(scene.stage.depot.runs) == 2
