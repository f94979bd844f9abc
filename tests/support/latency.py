"""A bot whose GitHub and Depot are far away: every request takes a second.

In a loop whose time moves only when all is idle (`tests.support.loops`), what goes side by side
takes one second, and what waits for something else one more: seconds are round trips.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.demo.stage import Stage
from bot.ops.settings import load
from bot.services import Services, Surroundings, open_services
from bot.web.app import create_app
from tests.contracts.checks import transport_to
from tests.support.conversation import FILES, HOOK, REPO, Hook
from tests.support.ledgers import migrated
from tests.support.loops import LoopClock, skipping_loop

ROUND_TRIP = 1.0
"""Seconds."""


@dataclass
class SlowTransport(httpx.AsyncBaseTransport):
    """Somewhere that a round trip away."""

    there: httpx.AsyncBaseTransport
    sent: list[tuple[float, str]] = field(default_factory=list)
    late: dict[str, float] = field(default_factory=dict)
    """Requests whose path ends so take so many seconds more."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.sent.append((skipping_loop().time(), f"{request.method} {request.url.path}"))
        path = request.url.path
        late = sum(seconds for end, seconds in self.late.items() if path.endswith(end))
        await asyncio.sleep(ROUND_TRIP + late)
        return await self.there.handle_async_request(request)


@dataclass
class Scene:
    stage: Stage
    services: Services
    github: SlowTransport
    depot: SlowTransport
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


@asynccontextmanager
async def distant_bot(folder: Path, private_key: str) -> AsyncIterator[Scene]:
    """A repository, a pull request and a bot that has just been started."""
    clock = LoopClock()
    hook = Hook()
    async with httpx.AsyncClient(transport=hook) as client:
        stage = Stage(now=clock.now, private_key=private_key, hook_client=client, jwt_now=time.time)
        stage.github.repository(REPO, FILES)
        stage.github.role(REPO, "alice", "write")
        stage.github.pull_request(REPO, "alice", files={"change.txt": "1\n"})
        settings = load(stage.environment(database_url=migrated(folder / "ledger.db")))
        with transport_to(stage.github) as way:
            github, depot = SlowTransport(way), SlowTransport(stage.depot.transport())
            around = Surroundings(clock=clock, github=github, depot=depot, waits_for_disk=False)
            async with open_services(settings, around) as services:
                skipping_loop().is_busy = lambda: bool(services.store._running)
                hook.to = httpx.ASGITransport(app=create_app(services, run_worker=False))
                await services.github.login()  # as when it starts to work
                yield Scene(stage, services, github, depot, clock)
                skipping_loop().is_busy = lambda: False
