"""The bot's sentences under GitHub's style sheet: none runs out of the page."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.browser.conftest import DESK, PHONE, Open, is_within_its_width
from tests.browser.replies import WIDER, Shown, sentences, strange, write

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_no_sentence_runs_out_of_the_page(
    open_page: Open, tmp_path: Path, size: tuple[int, int]
) -> None:
    shown = [*sentences(), *strange()]
    file = await asyncio.to_thread(write, tmp_path, "all", shown)
    page = await open_page(file.as_uri(), size=size)
    assert await page.locator(".markdown-body").count() == len(shown)
    assert [one for one in await page.evaluate(WIDER) if "RUNS OUT" in one] == []
    assert await is_within_its_width(page)


async def test_what_runs_out_is_seen(open_page: Open, tmp_path: Path) -> None:
    wide = '<p><span style="display: inline-block; width: 999px">x</span></p>'
    file = await asyncio.to_thread(write, tmp_path, "one", [Shown("wide", wide)])
    page = await open_page(file.as_uri(), size=PHONE)
    assert await page.evaluate(WIDER) == ["wide: RUNS OUT"]
