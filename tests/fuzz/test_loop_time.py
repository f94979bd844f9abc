"""What is untrusted never keeps the event loop busy: comments, workflow files, logs.

The real process, on simulators in another. Counted is the processor time of the thread that the
event loop runs in; what is done in other threads meanwhile is not.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.crash.harness import Bot, Scene, running
from tests.crash.harness import scene as crash_scene
from tests.fuzz import markdown_texts, yaml_texts
from tests.fuzz.counting import filled
from tests.fuzz.profiles import cases
from tests.support.conversation import FILES

BOUND = 0.05
"""Seconds of processor time for which nothing untrusted may hold the loop at once."""

MOST = 5 * BOUND
"""For all that a command makes the loop do, from the webhook to the reply."""

QUIET = 0.3
"""Seconds in which a process that has nothing to do does next to nothing."""

OPERATOR = "[limits]\nper_person = 1000000\nper_repository = 1000000\n"

LENGTH = 60_000
WORKFLOW = ".depot/workflows/big.yml"


@dataclass
class Watched:
    """A bot whose threads are watched."""

    scene: Scene
    bot: Bot
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def _spent(self, thread: int) -> tuple[float, float]:
        """Seconds of processor time that a thread has used, and that it has waited for."""
        text = Path(f"/proc/{self.bot.process.pid}/task/{thread}/schedstat").read_text()
        used, waited, _ = map(int, text.split())
        return used / 1e9, waited / 1e9

    def loop_time(self) -> float:
        """The event loop's thread is the process's first."""
        return self._spent(self.bot.process.pid)[0]

    def all_time(self) -> float:
        """Of all threads. Who waits for a processor is not idle."""
        folder = Path(f"/proc/{self.bot.process.pid}/task")
        return sum(sum(self._spent(int(thread.name))) for thread in folder.iterdir())

    async def is_idle(self) -> None:
        async with asyncio.timeout(60):
            before = self.all_time()
            while True:
                await asyncio.sleep(QUIET)
                now = self.all_time()
                if now - before < 0.05 * QUIET:
                    return
                before = now

    def repository(self, workflow: str) -> str:
        """A new one, of an owner of its own: what it may be told is not used up."""
        github, name = self.scene.github, f"owner-{next(self.numbers)}/hello"
        github.repository(name, {**FILES, WORKFLOW: workflow}, internal=True)
        github.role(name, "alice", "write")
        github.pull_request(name, "alice", files={"change.txt": "1\n"})
        github.hooks.pending.clear()
        return name

    async def costs(self, repo: str, body: str, *, has_reply: bool = True) -> float:
        """The loop's time for a comment, until nothing is left to do. Raises TimeoutError when the
        reply does not come that there is to be."""
        await self.is_idle()
        before = self.loop_time()
        self.scene.github.comment(repo, 1, "alice", body)
        # On a busy machine the bot's reply is delivered on the way, too.
        outcome, *_ = await self.scene.github.deliver(f"{self.bot.url}/webhook")
        assert outcome.ok, outcome
        await self.is_idle()
        async with asyncio.timeout(60):
            # A busy machine may keep the simulators, and so the bot, waiting.
            while has_reply and not self.has_answered(repo):
                await self.is_idle()
        return self.loop_time() - before

    def has_answered(self, repo: str) -> bool:
        comments = self.scene.github.comments(repo, 1)
        return comments[-1].author.login == "depot-bot[bot]"


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def bot(
    loop: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory, private_key: str
) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("loop")
    (folder / "bot.toml").write_text(OPERATOR)
    stack = AsyncExitStack()

    async def begin() -> Watched:
        scene = await stack.enter_async_context(crash_scene(folder / "scene", private_key))
        environment = {**scene.environment, "BOT_CONFIG": str(folder / "bot.toml")}
        bot = await stack.enter_async_context(running(environment, folder))
        found = Watched(scene, bot)
        await found.costs(found.repository(FILES[".depot/workflows/ci.yml"]), "/depot list")
        return found

    yield loop.run(begin())
    loop.run(stack.aclose())


def repeated(pieces: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    units = st.lists(pieces, min_size=1, max_size=4).map("".join).filter(bool)
    return units.map(lambda unit: filled(unit, LENGTH))


@cases(0.1)
@given(repeated(markdown_texts.pieces))
@example(filled("- - - a\n", LENGTH))
@example(filled("- ", LENGTH))
@example(filled("> -\na\n", 15_000))
def test_a_comment(loop: asyncio.Runner, bot: Watched, text: str) -> None:
    repo = bot.repository("")
    assert loop.run(bot.costs(repo, f"/depot list\n\n{text}", has_reply=False)) < MOST


@cases(0.1)
@given(repeated(yaml_texts.pieces), st.sampled_from(["run big.yml job=x", "run job=x", "list"]))
@example("jobs: {a: {needs: [" + filled("a, ", 110_000) + "a]}}", "run big.yml job=x")
@example("jobs:\n" + "".join(f"  j{n}: {{needs: [a, b]}}\n" for n in range(5_000)), "list")
@example("x: &a [" + filled("[a], ", 60_000) + "]\njobs: {x: *a}", "list")
def test_a_workflow_file(loop: asyncio.Runner, bot: Watched, text: str, line: str) -> None:
    repo = bot.repository(text)
    assert loop.run(bot.costs(repo, f"/depot {line}")) < MOST


LOGS = st.sampled_from(
    [
        *("password=", "token: ", '"accessToken":"', "Authorization: ", "Bearer ", "ghp_", "eyJ"),
        *("https://u:p@", "-----BEGIN PRIVATE KEY-----", "-----END ", "curl -u a:", "AKIA", "a=b"),
        *(" ", "\x1b[31m", "\\", '"', "'", "```", "é", "A" * 40, "0123456789abcdef", "@alice", "<"),
    ]
)


@cases(0.1)
@given(repeated(LOGS))
@example(filled("password=", LENGTH))
@example(filled('"accessToken":"', LENGTH))
def test_a_log(loop: asyncio.Runner, bot: Watched, text: str) -> None:
    repo = bot.repository("")
    log = [text[at : at + 8_000] for at in range(0, LENGTH, 8_000)] * 60
    bot.scene.depot.plan(job="test", outcome="failed", log=log)
    head = bot.scene.github.pull(repo, 1).head_sha
    run = bot.scene.depot.foreign_run(repo, head, ".depot/workflows/ci.yml")
    bot.scene.depot.finish(run.run_id, outcome="failed")
    assert loop.run(bot.costs(repo, "/depot logs job=test lines=480")) < MOST
