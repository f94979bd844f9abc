"""The set-up in Chromium: over to GitHub and back, under the page's own policy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from urllib.parse import parse_qs, urljoin

import msgspec
import pytest
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from bot.demo.servers import serving
from bot.demo.stage import Stage
from bot.ops.settings import load, load_for_setup
from bot.ops.variables import CREDENTIALS
from bot.services import Surroundings
from bot.web.auth import Access
from bot.web.setup import open_setup
from tests.browser.conftest import DESK, PHONE, Open, background, is_within_its_width
from tests.support.conversation import ManualClock
from tests.web.test_setup import read

pytestmark = pytest.mark.anyio


def enterprise_server(stage: Stage) -> ASGIApp:
    """A GitHub with its API under /api/v3, where people agree to every App at once."""

    async def new_app(request: Request) -> Response:
        (manifest,) = parse_qs((await request.body()).decode())["manifest"]
        asked = msgspec.json.decode(manifest)
        code = stage.github.manifest_code(asked)
        state = request.query_params["state"]
        return RedirectResponse(f"{asked['redirect_url']}?code={code}&state={state}", 302)

    web = Starlette(routes=[Route("/settings/apps/new", new_app, methods=["POST"])])

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "")
        if path.startswith("/api/v3/"):
            inner = path.removeprefix("/api/v3")
            await stage.github.app({**scope, "path": inner}, receive, send)
        else:
            await web(scope, receive, send)

    return app


class Front:
    """Serves an application that is made once its address is known."""

    app: ASGIApp

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self.app(scope, receive, send)


@pytest.fixture
async def url(stage: Stage, clock: ManualClock, tmp_path: Path) -> AsyncIterator[str]:
    env_file = tmp_path / ".env"
    async with AsyncExitStack() as stack:
        front = Front()
        address = await stack.enter_async_context(serving(front))
        github = await stack.enter_async_context(serving(enterprise_server(stage)))
        given = stage.environment(
            github_url=f"{github}/api/v3", database_url=f"sqlite:///{tmp_path / 'ledger.db'}"
        )
        environment = {name: value for name, value in given.items() if name not in CREDENTIALS}
        environment |= {"PUBLIC_URL": address, "ADMIN_PASSWORD": ""}
        access = Access.with_password("")
        setup = open_setup(
            load_for_setup(environment),
            env_file,
            lambda: load({**environment, **{k: v or "" for k, v in read(env_file).items()}}),
            access,
            Surroundings(clock=clock, depot=stage.depot.transport()),
        )
        front.app = await stack.enter_async_context(setup)
        yield access.link(address)


async def test_over_to_github_and_back(url: str, open_page: Open) -> None:
    page = await open_page(url, size=PHONE)
    assert await is_within_its_width(page)
    assert await page.get_by_role("heading", level=1).inner_text() == "Set up depot-bot"
    await page.get_by_role("button", name="Create the App for my account").click()
    await page.get_by_role("heading", name="The bot is running").wait_for()
    assert await is_within_its_width(page)
    link = page.get_by_role("link", name="Install the App")
    assert (await link.get_attribute("href") or "").endswith("/apps/depot-bot/installations/new")
    await page.goto(url)  # the link still logs in
    assert await page.title() == "depot-bot"


async def test_for_an_organisation(url: str, open_page: Open) -> None:
    page = await open_page(url)
    await page.get_by_label("name").fill("octo")
    await page.get_by_role("button", name="Go on").click()
    await page.wait_for_url("**/setup?organisation=octo")
    form = page.locator("form").first
    assert "/organizations/octo/settings/apps/new?" in (await form.get_attribute("action") or "")
    await expect(page.get_by_role("button", name="Create the App for octo")).to_be_visible()
    await page.get_by_role("link", name="Change").click()
    await page.wait_for_url("**/setup")


async def test_both_choices_have_the_same_weight(url: str, open_page: Open) -> None:
    page = await open_page(url)
    sections = await page.get_by_role("main").locator("section").all()
    left, right = [await section.bounding_box() for section in sections]
    assert left is not None
    assert right is not None
    assert (left["y"], left["width"], left["height"]) == (
        right["y"],
        right["width"],
        right["height"],
    )


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("size", [DESK, PHONE])
@pytest.mark.parametrize("path", ["/", "/setup?organisation=octo-org", "/setup/done"])
async def test_it_fits_and_is_light_or_dark(
    url: str, open_page: Open, dark: bool, size: tuple[int, int], path: str
) -> None:
    page = await open_page(url, size=size, dark=dark, expected="status of 400")
    await page.goto(urljoin(url, path))
    assert (max(await background(page)) < 64) == dark
    assert await is_within_its_width(page)
