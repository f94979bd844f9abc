"""`serve`, as a process, while its ledger cannot be opened: what it waits for, what ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL, make_url

from bot.demo.servers import free_port
from tests.crash.harness import LOOK_SECONDS, Bot, running
from tests.crash.harness import scene as crash_scene
from tests.support.conversation import ManualClock
from tests.support.databases import Database, new_database

pytestmark = pytest.mark.anyio

SECRET = "s3cret-password"
PASSWORD = {"ADMIN_PASSWORD": "a-long-password"}


@asynccontextmanager
async def forwarding(port: int, to: URL) -> AsyncIterator[None]:
    """From here on the server is reached at this port."""

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        theirs, ours = await asyncio.open_connection(to.host, to.port)
        await asyncio.gather(copy(reader, ours), copy(theirs, writer))

    server = await asyncio.start_server(pipe, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()


def at(url: str, port: int, password: str | None = None) -> str:
    """The same database, by way of another port."""
    there = make_url(url).set(host="127.0.0.1", port=port)
    if password is not None:
        there = there.set(password=password)
    return there.render_as_string(hide_password=False)


@asynccontextmanager
async def waiting(folder: Path, private_key: str, url: str) -> AsyncIterator[Bot]:
    """The bot, alive, on a ledger that cannot be reached."""
    async with (
        crash_scene(folder / "scene", private_key, database_url=url) as scene,
        running({**scene.environment, **PASSWORD}, folder) as bot,
    ):
        yield bot


@asynccontextmanager
async def client_of(bot: Bot) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(trust_env=False, base_url=bot.url) as client:
        yield client


async def until_ready(client: httpx.AsyncClient) -> None:
    async with asyncio.timeout(60):
        while True:
            if (await client.get("/readyz")).is_success:
                return
            await asyncio.sleep(LOOK_SECONDS)


async def test_a_server_that_comes_up_later_is_waited_for(tmp_path: Path, private_key: str) -> None:
    port = free_port()
    with new_database() as url:
        async with waiting(tmp_path, private_key, at(url, port)) as bot, client_of(bot) as client:
            reason = "nothing listens at the host and port in DATABASE_URL"
            answer = await client.get("/readyz")
            assert answer.status_code == 503
            assert answer.json()["database"].startswith(reason)
            for path in ("/webhook", "/", "/metrics"):
                assert (await client.post(path)).status_code == 503, path
            async with forwarding(port, make_url(url)):
                await until_ready(client)
                assert (await client.post("/webhook", json={})).status_code == 401
                assert (await client.get("/")).status_code == 401
                assert Database(url, ManualClock()).rows("SELECT count(*) FROM deliveries") == [
                    (0,)
                ]
                bot.process.terminate()
                assert await bot.process.wait() == 0
            log = bot.log.read_text()
            assert log.count(reason) == 1
            assert "ledger_available" in log


async def test_what_it_meets_there_may_end_it(tmp_path: Path, private_key: str) -> None:
    port = free_port()
    with new_database() as url:
        wrong = at(url, port, SECRET)
        async with waiting(tmp_path, private_key, wrong) as bot, forwarding(port, make_url(url)):
            async with asyncio.timeout(60):
                assert await bot.process.wait() == 2
            log = bot.log.read_text()
    assert "PostgreSQL does not take the role or the password in DATABASE_URL" in log
    assert "Traceback" not in log
    assert SECRET not in log


async def test_it_can_be_stopped_while_it_waits(tmp_path: Path, private_key: str) -> None:
    url = f"postgresql://depot_bot:{SECRET}@127.0.0.1:{free_port()}/depot_bot"
    async with waiting(tmp_path, private_key, url) as bot:
        bot.process.terminate()
        assert await bot.process.wait() == 0
        log = bot.log.read_text()
    assert "Traceback" not in log
    assert SECRET not in log


# --- what ends it at once ------------------------------------------------------------------------

SETTINGS = {
    "GITHUB_WEBHOOK_SECRET": "s3cret-words",
    "GITHUB_TOKEN": "ghp_0123456789",
    "DEPOT_TOKEN": "depot-0123456789",
    **PASSWORD,
}


def serve(folder: Path, url: str) -> tuple[int, str]:
    """The status `serve` ends with, and what it says; its port is not touched."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "bot", "serve"],
            cwd=folder,
            env={
                "PATH": os.environ["PATH"],
                **SETTINGS,
                "DATABASE_URL": url,
                "PORT": str(taken.getsockname()[1]),
            },
            capture_output=True,
            text=True,
            timeout=60,
        )
    assert done.stdout == ""
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("name", "status", "said"),
    [
        ("text.db", 2, "text.db: the file is no SQLite database, and stays as it is"),
        ("none/ledger.db", 1, "none/ledger.db cannot be written: No such file or directory"),
    ],
)
def test_a_file(name: str, status: int, said: str, tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("this is no database\n" * 100)
    found = serve(tmp_path, f"sqlite:///{name}")
    assert found[0] == status
    assert found[1].startswith(f"depot-bot cannot open its ledger: {said}")
    assert found[1].count("\n") == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"password": SECRET}, "PostgreSQL does not take the role or the password"),
        ({"username": "nobody-knows-me"}, "PostgreSQL does not take the role or the password"),
        ({"database": "nowhere"}, "the database in DATABASE_URL does not exist"),
    ],
)
def test_a_server(changes: dict[str, str], said: str, tmp_path: Path) -> None:
    url = make_url(os.environ["TEST_DATABASE_URL"])
    wrong = url.set(
        drivername="postgresql",
        username=changes.get("username"),
        password=changes.get("password"),
        database=changes.get("database"),
    )
    status, found = serve(tmp_path, wrong.render_as_string(hide_password=False))
    assert status == 2
    assert found.startswith(f"depot-bot cannot open its ledger: {said}")
    assert found.count("\n") == 1
