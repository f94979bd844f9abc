"""The real bot as a process, on simulators that kill it at one of its own requests.

Nothing in the bot knows of this: whoever answers a request decides when the bot dies, before the
request is looked at, or after what it asks for is done and before the answer is on its way.
"""

from __future__ import annotations

import asyncio
import os
import re
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bot.demo.servers import serving
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Comment, Delivery, SimulatedGitHub
from bot.demo.stage import Stage
from bot.ops.variables import VARIABLES
from tests.support.conversation import FILES, REPO
from tests.support.forked import Process, fork

RUN_SECONDS = 1.0
"""How long a job takes here: time is real."""

PATIENCE_SECONDS = 80.0
"""How long something may take to happen: longer than the window of a doubt, with room."""

LOOK_SECONDS = 0.05

START = "POST Run"
"""The request with which a run is started."""


@dataclass(frozen=True, slots=True)
class Point:
    """A moment at which the bot dies: at the n-th request of its kind, before or after the work."""

    request: str
    nth: int
    after: bool

    def __str__(self) -> str:
        return f"{'after' if self.after else 'before'} {self.request} ({self.nth + 1})"


@dataclass
class Bot:
    """One life of the bot."""

    process: Process
    url: str
    log: Path

    @property
    def is_dead(self) -> bool:
        return self.process.returncode is not None

    async def dies(self) -> None:
        """Kill it, now."""
        self.process.kill()
        await self.process.wait()


class Executioner:
    """Stands before both simulators and kills the bot where it is told to."""

    def __init__(self, points: Callable[[Point], bool] = lambda _: False) -> None:
        self.bot: Bot | None = None
        self.seen: list[Point] = []
        self.died: list[Point] = []
        self._points = points
        self._counts: dict[str, int] = {}

    def guard(self, app: ASGIApp) -> ASGIApp:
        async def guarded(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            point = self._point(scope)
            if self._points(point):
                self._kill(point)
            elif self._points(replace(point, after=True)):
                await app(scope, receive, _nowhere)
                self._kill(replace(point, after=True))
            else:
                await app(scope, receive, send)

        return guarded

    def _point(self, scope: Scope) -> Point:
        # Numbers in a path are ids, which differ from one world to the next.
        path = re.sub(r"\d+", "N", scope["path"].removeprefix("/depot.ci.v1.CIService/"))
        request = f"{scope['method']} {path}"
        point = Point(request, self._counts.get(request, 0), after=False)
        self._counts[request] = point.nth + 1
        self.seen.append(point)
        return point

    def _kill(self, point: Point) -> None:
        # What the bot had sent before its death may still come in after it.
        if self.bot is not None and not self.bot.is_dead:
            self.died.append(point)
            with suppress(ProcessLookupError):
                self.bot.process.kill()


def _make(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


async def _nowhere(message: Message) -> None:
    return None


@dataclass
class Scene:
    """One pull request, one ledger, and a bot that may be started again and again."""

    stage: Stage
    executioner: Executioner
    environment: dict[str, str]
    folder: Path
    is_forked: bool
    _lives: int = field(default=0)

    @property
    def github(self) -> SimulatedGitHub:
        return self.stage.github

    @property
    def depot(self) -> SimulatedDepot:
        return self.stage.depot

    @asynccontextmanager
    async def bot(self) -> AsyncIterator[Bot]:
        """The bot, until it dies or the block ends; the ledger stays. It may die at once."""
        self._lives += 1
        folder = self.folder / str(self._lives)
        _make(folder)
        bot = await start(self.environment, folder, is_forked=self.is_forked)
        self.executioner.bot = bot
        try:
            await self._until_ready(bot)
            yield bot
        finally:
            if not bot.is_dead:
                bot.process.terminate()
                await bot.process.wait()

    async def _until_ready(self, bot: Bot) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            while not bot.is_dead:
                assert time.monotonic() < deadline, bot.log.read_text()
                try:
                    if (await client.get(f"{bot.url}/readyz")).is_success:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(LOOK_SECONDS)

    async def says(self, bot: Bot, body: str) -> Delivery:
        """Somebody comments, and GitHub delivers it; the bot may die of it."""
        self.github.comment(REPO, 1, "alice", body)
        # On a busy machine what the bot says is delivered on the way, too.
        outcome, *_ = await self.github.deliver(f"{bot.url}/webhook")
        return outcome.delivery

    async def delivers_again(self, bot: Bot, delivery: Delivery) -> None:
        """GitHub sends the same once more; the bot knows it, unless it died before it could."""
        self.github.hooks.url = f"{bot.url}/webhook"
        was_accepted = any(one.ok for one in self.github.delivery_log)
        outcome = await self.github.redeliver(delivery)
        result = "duplicate" if was_accepted else "queued"
        assert outcome.response_body == f'{{"result":"{result}"}}' or not outcome.ok

    def replies(self) -> list[Comment]:
        comments = self.github.comments(REPO, 1)
        return [comment for comment in comments if comment.author.login == "depot-bot[bot]"]

    def is_finished(self) -> bool:
        """Whether the reply says that the run is over."""
        return any("✅ passed" in reply.body for reply in self.replies())

    async def until(
        self, bot: Bot, happened: Callable[[], bool], patience: float = PATIENCE_SECONDS
    ) -> bool:
        """Wait for something to happen; False when the bot died before."""
        deadline = time.monotonic() + patience
        while not happened():
            if bot.is_dead:
                return False
            assert time.monotonic() < deadline, f"it did not happen\n{bot.log.read_text()}"
            await asyncio.sleep(LOOK_SECONDS)
        return True

    async def plays(self, command: str = "/depot run ci.yml job=test") -> None:
        """A command from its comment to the end of its run, however often the bot dies of it."""
        delivery: Delivery | None = None
        finished = False
        while not finished:
            async with self.bot() as bot:
                if delivery is None and not bot.is_dead:
                    delivery = await self.says(bot, command)
                elif delivery is not None:
                    await self.delivers_again(bot, delivery)
                finished = await self.until(bot, self.is_finished)

    async def goes_on(self, patience: float = PATIENCE_SECONDS) -> None:
        """Start the bot again; without being told anything it brings things to their end."""
        async with self.bot() as bot:
            assert await self.until(bot, self.is_finished, patience), bot.log.read_text()

    def assert_all_is_well(self) -> None:
        """Exactly one run, exactly one reply, and the reply is true."""
        runs, replies = self.depot.runs, self.replies()
        assert (len(runs), len(replies)) == (1, 1), (runs, replies)
        (run,), (reply,) = runs, replies
        assert run.status == "finished"
        assert f"`{run.run_id}`" in reply.body
        assert "✅ passed" in reply.body
        (asked, *_) = self.github.comments(REPO, 1)
        given = [reaction.content for reaction in asked.reactions]
        assert given in (["eyes"], ["eyes", "hooray"])  # the second follows the reply


async def start(
    environment: Mapping[str, str],
    folder: Path,
    *,
    is_forked: bool = True,
    stderr: int | None = None,
    files: int | None = None,
    arguments: Sequence[str] = (),
) -> Bot:
    """`depot-bot serve` on a free port, with these settings and arguments, and no others.

    It is forked, which is quicker, or the command line. Of the command line only, *stderr* is
    where its standard error goes, if not into its log. *files* is how many files and connections
    it may have open.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    every = {**ours, **environment, "HOST": "127.0.0.1", "PORT": str(port)}
    log = folder / "bot.log"
    url = f"http://127.0.0.1:{port}"
    # In its folder there is no `.env` and no `config/bot.toml`.
    if is_forked and stderr is None:
        return Bot(fork(["serve", *arguments], every, folder, log, files), url, log)
    assert files is None
    with log.open("wb") as out:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "serve", *arguments),
            env=every,
            cwd=folder,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out if stderr is None else stderr,
        )
    return Bot(process, url, log)


@asynccontextmanager
async def running(
    environment: Mapping[str, str],
    folder: Path,
    *,
    stderr: int | None = None,
    files: int | None = None,
    arguments: Sequence[str] = (),
) -> AsyncIterator[Bot]:
    """The same, once it is alive, until the block ends."""
    bot = await start(environment, folder, stderr=stderr, files=files, arguments=arguments)
    try:
        async with httpx.AsyncClient(trust_env=False, verify=False, base_url=bot.url) as client:
            await until_alive(client)
        yield bot
    finally:
        if not bot.is_dead:
            bot.process.terminate()
        await bot.process.wait()


async def until_alive(client: httpx.AsyncClient) -> None:
    """Wait until health answers."""
    async with asyncio.timeout(60):
        while True:
            try:
                if (await client.get("/healthz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(LOOK_SECONDS)


@asynccontextmanager
async def scene(
    folder: Path,
    private_key: str,
    points: Callable[[Point], bool] = lambda _: False,
    *,
    database_url: str | None = None,
    repositories: Sequence[str] = (REPO,),
    pull_requests: int = 1,
    is_forked: bool = True,
) -> AsyncIterator[Scene]:
    """Fresh worlds and a fresh ledger, in a file of its own unless *database_url* names another;
    *points* says where the bot is killed. Each repository has so many pull requests."""
    _make(folder)
    ago = 120.0  # the head is older than the comment
    stage = Stage(now=lambda: time.time() - ago, private_key=private_key, jwt_now=time.time)
    for repo in repositories:
        stage.github.repository(repo, FILES, internal=True)
        stage.github.role(repo, "alice", "write")
        for number in range(1, pull_requests + 1):
            files = {"change.txt": f"{repo} {number}\n"}
            stage.github.pull_request(repo, "alice", branch=f"feature-{number}", files=files)
    ago = 0.0
    stage.github.hooks.pending.clear()  # what came before the comment is not what dies here
    stage.depot.plan(queued=0.2, seconds=RUN_SECONDS)
    stage.depot.switches = replace(stage.depot.switches, compile_seconds=0.2)
    executioner = Executioner(points)
    async with (
        serving(executioner.guard(stage.github.app)) as github_url,
        serving(executioner.guard(stage.depot.app)) as depot_url,
    ):
        environment = stage.environment(
            github_url=github_url,
            depot_url=depot_url,
            database_url=database_url or f"sqlite:///{folder / 'ledger.db'}",
        )
        yield Scene(stage, executioner, environment, folder, is_forked)
