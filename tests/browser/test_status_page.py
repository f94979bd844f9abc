"""The status pages in Chromium."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.async_api import Page, expect

from bot.demo.servers import serving
from bot.demo.stage import Stage
from bot.web.app import create_app
from bot.web.auth import Access
from tests.browser.conftest import DESK, PHONE, Open, background, is_within_its_width
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on

pytestmark = pytest.mark.anyio

LONG = "x" * 300
ACCESS = Access.with_password("")
HOSTILE = "<img src=x onerror=document.title=1><script>document.title=2</script>"


@pytest.fixture
async def url(pr: Conversation) -> AsyncIterator[str]:
    """The bot's pages after a conversation: a run that failed, a refusal, and hostile words."""
    pr.depot.plan(job="test", outcome="failed", log=[HOSTILE, LONG], diagnosis=HOSTILE)
    await pr.says("alice", "/depot run ci.yml")
    await pr.says("rita", "/depot run ci.yml")
    await pr.says("alice", f"/depot run '{HOSTILE}'")
    await pr.says("alice", f"/depot run {LONG}")
    await pr.passes(60)
    pr.github.thread(REPO, 1).comments.clear()  # what the bot says is read elsewhere
    async with serving(create_app(pr.services, ACCESS, run_worker=False)) as url:
        yield ACCESS.link(url)


async def links(page: Page) -> list[str]:
    """Where the commands in the list lead."""
    found = await page.locator("tbody th a").all()
    assert len(found) == 4
    return [await link.get_attribute("href") or "" for link in found]


async def test_from_the_list_to_a_command_and_back(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await expect(page).to_have_title("depot-bot")
    rows = page.get_by_role("table").first.get_by_role("row")
    await expect(rows).to_have_count(5)
    await expect(page.get_by_text("not-a-writer").first).to_be_visible()
    await page.get_by_label("reason").fill("started")
    await page.get_by_role("button", name="Filter").click()
    await page.wait_for_url("**/?repo=&reason=started&state=")
    await expect(rows).to_have_count(2)
    await page.get_by_role("link", name="/depot run ci.yml").click()
    await page.wait_for_url("**/commands/ic-*")
    await expect(page.get_by_role("heading", level=1)).to_have_text(await page.title())
    fold = page.get_by_text("Why it failed")
    log = page.locator("details pre").first
    await expect(log).not_to_be_visible()
    await fold.click()
    await expect(log).to_be_visible()
    await page.get_by_role("link", name="depot-bot", exact=True).click()
    await expect(rows).to_have_count(5)


async def test_nothing_from_outside_runs(url: str, open_page: Open) -> None:
    page = await open_page(url)
    assert await page.title() == "depot-bot"
    assert await page.get_by_text("onerror=document.title=1").first.is_visible()
    for link in await links(page):
        await page.goto(urljoin(url, link))
        assert (await page.title()).startswith("ic-")
    assert await page.locator("script, img").count() == 0


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_it_fits_and_is_light_or_dark(
    url: str, open_page: Open, dark: bool, size: tuple[int, int]
) -> None:
    page = await open_page(url, size=size, dark=dark)
    assert (max(await background(page)) < 64) == dark
    assert await is_within_its_width(page)
    # A word of 300 characters pushes no column out of sight.
    table = page.locator(".scrolls")
    assert await table.evaluate("one => one.scrollWidth <= one.clientWidth")
    for link in [*await links(page), "/check"]:
        await page.goto(urljoin(url, link))
        assert await is_within_its_width(page)


async def test_it_is_a_table_on_a_phone_too(url: str, open_page: Open) -> None:
    page = await open_page(url, size=PHONE)
    table = page.get_by_role("table").first
    assert await table.get_by_role("columnheader").count() == 4
    assert await table.get_by_role("rowheader").count() == 4


async def test_the_check_tells_what_to_do(pr: Conversation, url: str, open_page: Open) -> None:
    pr.github.suspend("octo")
    page = await open_page(url, size=PHONE)
    await page.get_by_role("link", name="check").click()
    await expect(page).to_have_title("Is all well?")
    row = page.get_by_role("row").filter(has_text="GitHub App on octo")
    await expect(row.get_by_role("cell").first).to_have_text("no")
    link = row.get_by_role("link")
    installation = pr.github.installations[0].id
    await expect(link).to_have_attribute(
        "href", f"https://github.com/settings/installations/{installation}"
    )
    await expect(row.get_by_text("Next:")).to_be_visible()


async def test_refreshing_is_a_choice(url: str, open_page: Open) -> None:
    page = await open_page(url)
    assert await page.locator("meta[http-equiv]").count() == 0
    await page.get_by_role("link", name="keep refreshing").click()
    await expect(page.locator("meta[http-equiv]")).to_have_count(1)
    await page.get_by_role("link", name="stop").click()
    await expect(page.locator("meta[http-equiv]")).to_have_count(0)


async def test_the_password_is_asked_for(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, open_page: Open
) -> None:
    async with (
        bot_on(stage, clock, hook, tmp_path / "x.db", ADMIN_PASSWORD="s3cret-s3cret") as services,
        serving(create_app(services, run_worker=False)) as url,
    ):
        page = await open_page(url, password="s3cret-s3cret")
        assert await page.get_by_role("heading", level=1).inner_text() == "What came in"
