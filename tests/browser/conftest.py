"""Chromium, driven for real."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.browser.chromium import executable
from tests.contracts.npm import wheels_node

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

PATIENCE = 20_000.0
"""Milliseconds in which something on a page has to come true, on a machine with much to do."""

PHONE = (390, 844)
DESK = (1280, 900)

Open = Callable[..., Awaitable[Page]]


@pytest.fixture(scope="package")
def anyio_backend() -> str:
    """One loop for all tests here, as they share the browser."""
    return "asyncio"


@pytest.fixture(scope="package")
async def chromium() -> AsyncIterator[Browser]:
    """Without a head, one for all tests: each page has a profile of its own."""
    expect.set_options(timeout=PATIENCE)
    # The one that playwright brings wants libatomic, which not every machine has.
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", wheels_node())
    async with async_playwright() as playwright:
        chromium = playwright.chromium
        path = await asyncio.to_thread(executable, chromium.executable_path)
        browser = await chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


@pytest.fixture
async def open_page(chromium: Browser) -> AsyncIterator[Open]:
    """Open a page; at the end none may have complained (errors, and what the CSP has blocked)."""
    complaints: list[str] = []
    contexts: list[BrowserContext] = []

    async def open_(
        url: str,
        *,
        size: tuple[int, int] = DESK,
        dark: bool = False,
        password: str = "",
        expected: str = "Nothing is expected to be complained of.",
    ) -> Page:
        context = await chromium.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme="dark" if dark else "light",
            http_credentials={"username": "me", "password": password} if password else None,
        )
        contexts.append(context)
        page = await context.new_page()
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: (
                complaints.append(message.text)
                if message.type == "error" and expected not in message.text
                else None
            ),
        )
        await page.goto(url)
        return page

    yield open_
    for context in contexts:
        await context.close()
    assert complaints == []


async def is_within_its_width(page: Page) -> bool:
    """Whether nothing sticks out to the side."""
    script = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    return bool(await page.evaluate(script))


async def background(page: Page) -> list[int]:
    """Red, green and blue behind the text."""
    colour = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    return [int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(",")]
