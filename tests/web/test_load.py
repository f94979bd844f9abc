"""A real process under what anybody can send it: connections and bytes without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
import pytest

from bot.web.server import REQUEST_SECONDS
from tests.crash.harness import Bot, Scene, running
from tests.crash.harness import scene as crash_scene
from tests.support.conversation import REPO

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Served:
    scene: Scene
    bot: Bot

    @property
    def port(self) -> int:
        return int(self.bot.url.rpartition(":")[2])

    def most_memory(self) -> int:
        """The most that the process ever held, in bytes."""
        status = Path(f"/proc/{self.bot.process.pid}/status").read_text()
        (line,) = [line for line in status.splitlines() if line.startswith("VmHWM:")]
        return int(line.split()[1]) * 1024

    async def answers(self) -> None:
        """Health, and a command from GitHub."""
        async with httpx.AsyncClient(trust_env=False, base_url=self.bot.url, timeout=10) as client:
            assert (await client.get("/healthz")).status_code == 200
            assert (await client.get("/readyz")).status_code == 200
        await self.scene.says(self.bot, "/depot run ci.yml job=test")
        assert await self.scene.until(self.bot, self.scene.is_finished), self.bot.log.read_text()
        self.scene.assert_all_is_well()

    async def answers_of(self, line: str) -> None:
        """A command, and its answer."""
        before = len(self.scene.replies())
        self.scene.github.comment(REPO, 1, "alice", line)
        await self.scene.github.deliver(f"{self.bot.url}/webhook")
        assert await self.scene.until(self.bot, lambda: len(self.scene.replies()) > before)


@asynccontextmanager
async def served(folder: Path, private_key: str, files: int | None = None) -> AsyncIterator[Served]:
    async with (
        crash_scene(folder / "scene", private_key) as scene,
        running(scene.environment, folder, files=files) as bot,
    ):
        yield Served(scene, bot)


@pytest.mark.parametrize("sent", [b"", b"POST /webhook HTTP/1.1\r\nHost: a\r\n"])
async def test_half_open_requests_keep_nobody_out(
    tmp_path: Path, private_key: str, sent: bytes
) -> None:
    async with served(tmp_path, private_key, files=256) as it:
        # Long before the bot gives one of them up by itself.
        with anyio.fail_after(REQUEST_SECONDS - 5):
            writers = []
            for _ in range(300):
                with anyio.move_on_after(0.2):  # one that is not taken is still in its way
                    _, writer = await asyncio.open_connection("127.0.0.1", it.port)
                    writer.write(sent)
                    writers.append(writer)
            await it.answers()
        for writer in writers:
            writer.close()


async def test_large_bodies_without_a_right_signature(tmp_path: Path, private_key: str) -> None:
    async with served(tmp_path, private_key) as it:
        before = it.most_memory()
        go_on = asyncio.Event()

        async def send() -> bytes:
            reader, writer = await asyncio.open_connection("127.0.0.1", it.port)
            try:
                writer.write(
                    b"POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    b"X-Hub-Signature-256: sha256=" + b"0" * 64 + b"\r\n"
                    b"Content-Length: %d\r\n\r\n" % (25 * MIB)
                )
                for part in range(24):
                    writer.write(bytes(MIB))
                    await writer.drain()
                    if part == 22:
                        await go_on.wait()  # all of them are nearly there before one ends
                writer.write(bytes(MIB))
                await writer.drain()
                return await reader.readline()
            except ConnectionError:
                return b""
            finally:
                writer.close()

        sending = [asyncio.create_task(send()) for _ in range(40)]
        await asyncio.sleep(2.0)
        await it.answers()
        go_on.set()
        with anyio.fail_after(60):
            answers = {line.split()[1] for line in await asyncio.gather(*sending) if line}
        assert answers <= {b"401", b"503"}
        # 40 of them are 1,000 MiB.
        assert it.most_memory() - before < 150 * MIB


async def test_workflow_files_of_any_size(tmp_path: Path, private_key: str) -> None:
    """Eight commands about a file of 30 MiB, which is read no further than it is worth."""
    async with served(tmp_path, private_key) as it:
        big = "jobs: {x: {steps: [" + "a, " * (10 * MIB) + "a]}}"
        it.scene.github.push(REPO, 1, {".depot/workflows/big.yml": big})
        head = it.scene.github.pull(REPO, 1).head_sha
        it.scene.github.hooks.pending.clear()
        await it.answers_of("/depot list")
        before = it.most_memory()
        for number in range(8):
            await it.answers_of(f"/depot run big.yml job=x{number} sha={head}")
        assert it.most_memory() - before < 60 * MIB
        assert it.scene.depot.calls_of("Run") == []
