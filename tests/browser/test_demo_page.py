"""The page of `depot-bot demo --serve` in Chromium, with the real bot behind it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from bot.demo.play import playground
from bot.demo.scene import Scene
from bot.demo.serve import TICK_SECONDS, WebPage, status_url
from bot.demo.servers import meanwhile, serving
from tests.browser.conftest import DESK, PHONE, Open, background, is_within_its_width

pytestmark = pytest.mark.anyio

SOON = 15_000
"""Milliseconds within which what is awaited has to happen."""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with playground() as ground:
        scene = Scene(ground.stage)
        page = WebPage(scene, status_url(ground))

        async def tick() -> None:
            while True:
                scene.tick()
                await asyncio.sleep(TICK_SECONDS)

        async with meanwhile(tick()), serving(page.app()) as url:
            yield url


async def says(page: Page, who: str, text: str) -> None:
    await page.get_by_label("You are").select_option(who)
    await page.get_by_label("Comment", exact=True).fill(text)
    await page.get_by_role("button", name="Comment", exact=True).click()


async def happens(page: Page, choice: str) -> None:
    """Choose what happens to the next run, by the first word of the choice."""
    choices = page.get_by_role("group", name="What happens to the next run")
    for button in await choices.get_by_role("button").all():
        await expect(button).to_be_in_viewport(ratio=1)
    await choices.get_by_role("button", name=re.compile(f"^{choice}")).click()
    await expect(choices.locator("[aria-pressed=true]")).to_have_text(re.compile(f"^{choice}"))


async def test_a_comment_is_answered_before_ones_eyes(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await expect(page.get_by_text("Nobody has said anything yet.")).to_be_visible()
    await says(page, "alice", "Let us see **now**.\n\n/depot run ci.yml job=test")
    asked, reply = (page.get_by_role("article").nth(place) for place in (0, 1))
    await expect(asked.get_by_text("👀 depot-bot[bot]")).to_be_visible(timeout=SOON)
    await expect(asked.locator("strong", has_text="now")).to_be_visible()
    await expect(reply).to_contain_text("queued", timeout=SOON)
    await expect(reply).to_contain_text("passed in", timeout=SOON)
    await expect(reply).to_contain_text("edited")
    await expect(page.get_by_label("Comment", exact=True)).to_have_value("")
    depot = page.get_by_role("complementary")
    await expect(depot.get_by_text("test: finished")).to_be_visible()
    await expect(depot.get_by_role("cell", name="Run", exact=True)).to_be_visible()
    text = await page.locator("body").inner_text()
    assert "<!--" not in text
    assert '"schema"' not in text


ABOVE_THE_FORM = """entry => {
  const { top, bottom } = entry.getBoundingClientRect();
  return top >= 0 && bottom <= document.querySelector("form").getBoundingClientRect().top;
}"""
"""Whether somebody who looks at the page sees all of an entry."""


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_the_new_reply_comes_into_view_and_the_form_stays(
    url: str, open_page: Open, size: tuple[int, int]
) -> None:
    page = await open_page(url, size=size)
    form = page.locator("form")
    before = await form.bounding_box()
    for turn in range(3):
        await says(page, "alice", "/depot list\n\n" + "words\n" * 6)
        reply = page.get_by_role("article").nth(2 * turn + 1)
        await expect(reply).to_contain_text("browser", timeout=SOON)
    entry = await reply.element_handle()
    await page.wait_for_function(ABOVE_THE_FORM, arg=entry, timeout=SOON)
    for place in (before, await form.bounding_box()):
        assert place is not None
        assert place["height"] < size[1] / 3
        assert abs(place["y"] + place["height"] - size[1]) <= 1
    assert await page.evaluate("scrollY") > 0
    assert await is_within_its_width(page)


async def test_what_to_do_about_the_newest_run(url: str, open_page: Open) -> None:
    page = await open_page(url, size=PHONE)
    newest = page.get_by_role("group", name="Newest run")
    await happens(page, "flaky")
    await says(page, "alice", "/depot run ci.yml")
    await expect(newest.get_by_role("button", name="cancel")).to_be_visible(timeout=SOON)
    await expect(newest.get_by_role("button", name="retry")).to_be_visible(timeout=SOON)
    first = page.get_by_role("article").nth(1)
    await expect(first).to_contain_text("❌ failed", timeout=SOON)
    mention = page.get_by_role("article").filter(has_text="@alice")
    await expect(mention.locator(".mention")).to_have_text("@alice", timeout=SOON)
    await mention.get_by_role("link", name="The reply").click()
    await expect(page).to_have_url(re.compile(r"/pull/1#c\d+$"))
    await newest.get_by_role("button", name="why").click()
    why = page.get_by_role("article").filter(has_text="Diagnosis").last
    await expect(why).to_contain_text("/depot why", timeout=SOON)
    await newest.get_by_role("button", name="retry").click()
    await expect(first).to_contain_text("passed (attempt 2, asked for by alice)", timeout=SOON)
    await expect(first).to_contain_text("Attempt 1: ❌ failed")
    retry = page.get_by_role("article").filter(has_text="/depot retry").first
    await expect(retry.get_by_text("🎉 depot-bot[bot]")).to_be_visible(timeout=SOON)


@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_a_flaky_job_from_its_failure_to_the_list(
    url: str, open_page: Open, size: tuple[int, int]
) -> None:
    page = await open_page(url, size=size)
    await happens(page, "flaky")
    await says(page, "alice", "/depot run ci.yml job=test")
    reply = page.get_by_role("article").nth(1)
    await expect(reply).to_contain_text("❌ failed: test", timeout=SOON)
    newest = page.get_by_role("group", name="Newest run")
    await newest.get_by_role("button", name="retry").click()
    await expect(reply).to_contain_text("passed (attempt 2, asked for by alice)", timeout=SOON)
    await page.get_by_role("button", name="/depot flaky").click()
    await page.get_by_role("button", name="Comment", exact=True).click()
    await expect(page.get_by_role("row", name="test ci.yml once")).to_be_visible(timeout=SOON)
    assert await is_within_its_width(page)
    async with page.expect_popup() as opened:
        await page.get_by_role("link", name="flaky jobs").click()
    flaky = await opened.value
    await expect(flaky.get_by_role("heading", level=1)).to_have_text("Flaky jobs")
    await expect(flaky.get_by_role("row", name="test ci.yml octo/hello 1")).to_be_visible()
    assert await is_within_its_width(flaky)
    await newest.get_by_role("button", name="rerun").click()
    passed_before = "test: Passed on attempt 2 of the same commit."
    await expect(reply).to_contain_text(passed_before, timeout=SOON)


async def test_main_is_broken(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await happens(page, "main is broken")
    await says(page, "alice", "/depot run ci.yml")
    reply = page.get_by_role("article").nth(1)
    await expect(reply).to_contain_text("test: Also on main since", timeout=SOON)
    await expect(reply).to_contain_text("1 of 1 run known.")


async def test_links_to_jobs_lead_to_their_logs(url: str, open_page: Open) -> None:
    page = await open_page(url, size=PHONE)
    await says(page, "maya", "/depot run ci.yml job=test")
    reply = page.get_by_role("article").nth(1)
    await reply.get_by_role("cell").get_by_role("link", name="test").click(timeout=SOON)
    await expect(page.get_by_role("heading", name="test: ")).to_be_visible()
    # It is loaded anew until the run is over.
    over = page.get_by_role("heading", name="test: finished")
    await expect(over).to_be_visible(timeout=SOON)
    await page.wait_for_load_state()
    await expect(page.locator("pre")).to_contain_text("12 passed")
    assert await is_within_its_width(page)
    await page.get_by_role("link", name="all runs").click()
    await expect(page.get_by_role("link", name="test")).to_be_visible()
    await page.get_by_role("link", name="back to the pull request").click()
    await expect(page.get_by_role("article").nth(1)).to_contain_text("passed in", timeout=SOON)
    await expect(page.get_by_label("You are")).to_have_value("maya")


async def test_a_forks_commit_is_named(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await page.get_by_role("link", name="from a fork").click()
    await says(page, "alice", "/depot run ci.yml job=test")
    refused = page.get_by_role("article").nth(1)
    await expect(refused).to_contain_text("The head is in a fork", timeout=SOON)
    await says(page, "alice", await refused.locator("code").last.inner_text())
    ran = page.get_by_role("article").nth(3)
    await expect(ran).to_contain_text("passed in", timeout=SOON)
    await page.get_by_role("link", name="from a branch").click()
    await expect(page.get_by_text("Nobody has said anything yet.")).to_be_visible()


async def test_who_one_is_matters(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await says(page, "mallory", "<script>document.title = 'x'</script>\n\n/depot run ci.yml")
    reply = page.get_by_role("article").nth(1)
    await expect(reply).to_contain_text("needs the write role", timeout=SOON)
    assert "Take the discount off" in await page.title()
    await page.get_by_role("button", name="/depot rum ci.yml").click()
    await page.get_by_label("Comment", exact=True).press("Control+Enter")
    second = page.get_by_role("article").nth(3)
    await expect(second).to_contain_text("Did you mean /depot run ci.yml?", timeout=SOON)


async def test_what_else_can_happen(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await happens(page, "fails")
    loses = page.get_by_role("button", name="Lose Depot's next answer")
    await loses.click()
    await expect(loses).to_have_attribute("aria-pressed", "true")
    head = await page.locator("#head").inner_text()
    await page.get_by_role("button", name="Push a commit").click()
    await expect(page.locator("#head")).not_to_have_text(head)
    await page.get_by_label("You are").select_option("maya")
    await page.get_by_role("button", name="Label full-ci").click()
    reply = page.get_by_role("article").first
    await expect(reply).to_contain_text("which follows on labeled full-ci", timeout=SOON)
    await expect(reply).to_contain_text("this is the run it made", timeout=SOON)
    await expect(reply).to_contain_text("failed: browser", timeout=SOON)
    await expect(loses).to_have_attribute("aria-pressed", "false")
    await reply.get_by_text("Why it failed").click()
    await page.get_by_role("button", name="Approve in a review").click()
    await expect(page.get_by_text("maya approved")).to_be_visible()
    await expect(page.get_by_text("which follows on review_approved")).to_be_visible(timeout=SOON)
    # What was unfolded stays so while other things change.
    await expect(reply.locator("details pre").first).to_be_visible()


async def test_what_github_refuses_is_said(url: str, open_page: Open) -> None:
    # Chromium notes the status as an error of its own.
    page = await open_page(url, expected="status of 422")
    problem = page.get_by_role("status")
    await page.get_by_label("You are").select_option("rita")
    await page.get_by_role("button", name="Push a commit").click()
    await expect(problem).to_have_text("rita may not push here: GitHub wants the write role.")
    await page.get_by_label("You are").select_option("alice")
    await page.get_by_role("button", name="Push a commit").click()
    await expect(problem).to_have_text("")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESK, PHONE])
async def test_it_fits_and_is_light_or_dark(
    url: str, open_page: Open, dark: bool, size: tuple[int, int]
) -> None:
    page = await open_page(url, size=size, dark=dark)
    await says(page, "rita", "/depot help\n\n" + "x" * 300)
    await expect(page.get_by_role("article").nth(1)).to_be_visible(timeout=SOON)
    assert (max(await background(page)) < 64) == dark
    assert await is_within_its_width(page)
