"""The link that logs in: printed to a terminal, kept out of the log, and the only way in."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.demo.servers import free_port
from bot.ops.variables import CREDENTIALS
from tests.crash.harness import Bot, running, until_alive
from tests.crash.harness import scene as crash_scene
from tests.support.debian import program

pytestmark = pytest.mark.anyio

CLOSED = ["/", "/commands/ic-1", "/flaky", "/check", "/metrics"]

NGINX = """
daemon off;
error_log stderr;
pid {folder}/nginx.pid;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        location / {{ proxy_pass {to}; }}
    }}
}}
"""
"""As plain as in a tutorial: the bot sees nginx's address and the name that nginx reaches it by."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """What was printed to the terminal that the bot was started in."""

    bot: Bot
    reader: int

    def printed(self) -> str:
        return os.read(self.reader, 65536).decode()


@asynccontextmanager
async def in_a_terminal(folder: Path, private_key: str, **changes: str) -> AsyncIterator[Terminal]:
    async with crash_scene(folder / "scene", private_key) as scene:
        reader, writer = os.openpty()
        environment = {**scene.environment, "ADMIN_PASSWORD": "", **changes}
        try:
            async with running(environment, folder, stderr=writer) as bot:
                yield Terminal(bot, reader)
        finally:
            os.close(writer)
            os.close(reader)


@contextmanager
def nginx(folder: Path, to: str) -> Iterator[str]:
    """Debian's nginx before the bot; its address."""
    path = program("nginx", "nginx-light")
    folder.mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    configuration.write_text(NGINX.format(folder=folder, port=port, to=to))
    server = subprocess.Popen([path, "-c", configuration, "-p", folder], stderr=subprocess.DEVNULL)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait()


async def test_behind_a_proxy_on_the_same_machine_by_the_link_only(
    tmp_path: Path, private_key: str
) -> None:
    async with in_a_terminal(tmp_path, private_key) as terminal:
        link = re.search(r"http://localhost:\d+(/login\?token=\S+)", terminal.printed())
        assert link is not None
        with nginx(tmp_path / "nginx", terminal.bot.url) as proxy:
            for address in (terminal.bot.url, proxy):
                async with httpx.AsyncClient(trust_env=False, base_url=address) as client:
                    await until_alive(client)
                    for path in CLOSED:
                        assert (await client.get(path)).status_code == 401, path
                    assert (await client.get("/readyz")).status_code == 200
                    assert (await client.get(link[1])).status_code == 303
                    for path in CLOSED:
                        assert (await client.get(path)).status_code in {200, 404}, path
        token = link[1].partition("=")[2]
        assert token not in terminal.bot.log.read_text()


async def test_the_set_up_by_the_link_only(tmp_path: Path, private_key: str) -> None:
    left_out = {name: "" for name in CREDENTIALS}
    async with in_a_terminal(
        tmp_path, private_key, PUBLIC_URL="https://bot.example", **left_out
    ) as terminal:
        link = re.search(r"https://bot\.example(/login\?token=\S+)", terminal.printed())
        assert link is not None
        with nginx(tmp_path / "nginx", terminal.bot.url) as proxy:
            # As a browser does under https: it sends the cookie, which is marked Secure.
            async with httpx.AsyncClient(trust_env=False, base_url=proxy) as client:
                await until_alive(client)
                assert (await client.get("/setup")).status_code == 401
                logged_in = await client.get(link[1])
                assert "Secure" in logged_in.headers["set-cookie"]
                cookie = logged_in.headers["set-cookie"].partition(";")[0]
                answer = await client.get("/setup", headers={"cookie": cookie})
                assert answer.status_code == 200


async def test_no_link_where_no_terminal_is(tmp_path: Path, private_key: str) -> None:
    async with crash_scene(tmp_path / "scene", private_key) as scene:
        async with (
            running({**scene.environment, "ADMIN_PASSWORD": ""}, tmp_path) as bot,
            httpx.AsyncClient(trust_env=False, base_url=bot.url) as client,
        ):
            assert (await client.get("/")).status_code == 401
        said = bot.log.read_text()
    assert "token=" not in said
    assert "status_pages_closed" in said
    assert "ADMIN_PASSWORD" in said
