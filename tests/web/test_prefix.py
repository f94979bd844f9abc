"""PUBLIC_URL with a path: every page and link works, whether a proxy passes the path on or not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape
from pathlib import Path
from urllib.parse import urljoin

import httpx
import pytest

from bot.demo.stage import Stage
from bot.web.app import create_app
from bot.web.auth import Access
from bot.web.prefix import path_of
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on

pytestmark = pytest.mark.anyio

PREFIX = "/tools/depot"


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("", ""),
        ("https://bot.example", ""),
        ("https://bot.example/", ""),
        ("https://bot.example/a/b/", "/a/b"),
        ("https://bot.example//evil.example", "/evil.example"),
    ],
)
def test_the_path(url: str, path: str) -> None:
    assert path_of(url) == path


@asynccontextmanager
async def browser(
    stage: Stage, clock: ManualClock, hook: Hook, folder: Path
) -> AsyncIterator[tuple[httpx.AsyncClient, Conversation]]:
    """A browser that is logged in, and more commands than go on one page."""
    environment = {"PUBLIC_URL": f"https://bot.example{PREFIX}", "ADMIN_PASSWORD": ""}
    async with bot_on(stage, clock, hook, folder / "prefix.db", **environment) as services:
        pr = Conversation(clock, stage, services, REPO, 1)
        await pr.says("alice", "/depot list\n/depot help")
        for _ in range(28):
            await pr.says("alice", "/depot list\n/depot help")
        access = Access.with_password("")
        transport = httpx.ASGITransport(app=create_app(services, access, run_worker=False))
        async with httpx.AsyncClient(transport=transport, base_url="https://bot.example") as client:
            logged_in = await client.get(access.link(PREFIX))
            assert logged_in.headers["location"] == f"{PREFIX}/"
            yield client, pr


async def test_every_link_carries_it_and_leads_somewhere(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    async with browser(stage, clock, hook, tmp_path) as (client, _):
        to_see, seen = [f"{PREFIX}/", f"{PREFIX}/check", f"{PREFIX}/nothing"], set()
        while to_see:
            page = to_see.pop()
            seen.add(page)
            answer = await client.get(page)
            assert answer.status_code == (404 if page.endswith("/nothing") else 200), page
            found = re.findall(r'(?:href|action|src)="([^"]*)"', answer.text)
            links = {urljoin(page, unescape(link)) for link in found}
            ours = {link for link in links if link.startswith("/")}
            assert all(link.startswith(f"{PREFIX}/") for link in ours), ours
            new = sorted(ours - seen - set(to_see))
            # All commands have the same links: some are enough.
            to_see += [one for one in new if "/commands/" not in one][:10]
            to_see += [one for one in new if "/commands/" in one][:3]
        assert any("before=" in page for page in seen)
        assert any("/commands/ic-" in page for page in seen)
        assert f"{PREFIX}/static/style.css" in seen


async def test_a_proxy_may_take_it_away(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    async with browser(stage, clock, hook, tmp_path) as (client, pr):
        for path in ("/healthz", "/static/style.css", "/webhook", "/setup"):
            below = await client.get(f"{PREFIX}{path}")
            above = await client.get(path)
            assert (below.status_code, below.content) == (above.status_code, above.content)
        # A host's other paths are none of ours, whatever they begin with.
        assert (await client.get(f"{PREFIX}x/healthz")).status_code == 404
        assert (await client.get("/tools/healthz")).status_code == 404
        pr.github.comment(REPO, 1, "alice", "/depot help")
        outcomes = await pr.github.deliver(f"https://bot.example{PREFIX}/webhook")
        assert {outcome.status_code for outcome in outcomes} == {202}
