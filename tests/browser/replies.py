"""Every reply to be looked at, as GitHub shows it: `python -m tests.browser.replies FOLDER`.

It writes HTML under GitHub's own style sheet, and pictures of it by Chromium: as wide as on a
desktop and on a phone, light and dark. At the end it names what is wider than the page.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from html import escape
from pathlib import Path

import httpx
from markdown_it import MarkdownIt
from playwright.async_api import Browser, Page, async_playwright

from bot.demo.stage import Stage
from tests.browser.chromium import executable
from tests.browser.conftest import FLAGS
from tests.contracts.npm import require, wheels_node
from tests.messages import test_replies, test_texts
from tests.support.conversation import (
    FILES,
    REPO,
    Conversation,
    Hook,
    ManualClock,
    bot_on,
)

HERE = Path(__file__).parent
WIDTHS = {"desktop": 900, "phone": 390}
HEIGHT = 2_000
"""Of a picture, in pixels."""

PAGE = """\
<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{title}</title>
<style>{github}</style>
<style>
:root {{ color-scheme: light dark; }}
body {{ margin: 0; padding: 8px; font-family: sans-serif; }}
@media (prefers-color-scheme: dark) {{ body {{ background: #0d1117; color: #e6edf3; }} }}
section > h2 {{ font-size: 12px; margin: 16px 0 4px; opacity: .7; overflow-wrap: anywhere; }}
/* A comment there is a little smaller than a file. */
.markdown-body {{ font-size: 14px; padding: 16px; border: 1px solid #80808060; }}
</style></head><body>
{sections}
</body></html>
"""

WIDER = """() => [...document.querySelectorAll(".markdown-body")].flatMap(reply => {
  const name = reply.parentElement.querySelector("h2").textContent;
  const sides = [...reply.querySelectorAll("table, pre")].filter(
    one => one.scrollWidth > one.clientWidth + 1);
  const found = sides.map(one => `${name}: ${one.tagName.toLowerCase()} is moved to the side, ` +
    `${one.scrollWidth} of ${one.clientWidth}`);
  return reply.scrollWidth > reply.clientWidth ? [`${name}: RUNS OUT`, ...found] : found;
})"""
"""What has to be moved to the side to be read, and what cannot be."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A reply, or a part of one, and where it comes from."""

    name: str
    markdown: str


def as_html(title: str, shown: list[Shown]) -> str:
    """A page of replies."""
    require(HERE, "GitHub's style sheet")
    style = HERE / "node_modules" / "github-markdown-css" / "github-markdown.css"
    parser = MarkdownIt("commonmark", {"html": True, "breaks": True}).enable("table")
    sections = [
        f"<section><h2>{escape(one.name)}</h2>\n"
        f'<div class="markdown-body">{parser.render(one.markdown)}</div></section>'
        for one in shown
    ]
    return PAGE.format(title=title, github=style.read_text(), sections="\n".join(sections))


# --- what there is to be looked at ---------------------------------------------------------------


def sentences() -> Iterator[Shown]:
    """Every sentence that the tests pin."""
    for place, (said, _) in enumerate(test_texts.SENTENCES, start=1):
        yield Shown(f"sentence {place}", said)


def strange() -> Iterator[Shown]:
    """Every sentence about something from outside, with long names and with hostile ones."""
    words = {
        "long": "a-rather-long-name-of-a-job-or-workflow (ubuntu-24.04, 3.13, postgresql)",
        "unbroken": "x" * 150,
        "hostile": "</details> @octocat | `x` <b>bold</b>\n# heading\n/depot cancel",
    }
    for kind, word in words.items():
        for name, sentence in test_replies.SENTENCES.items():
            yield Shown(f"{name}, {kind}", sentence(word))


MATRIX = """\
name: A matrix
on: push
jobs:
  test:
    name: Test with coverage
    runs-on: depot-ubuntu-latest
    strategy: {matrix: {os: [ubuntu-24.04, ubuntu-24.04-arm], python: ["3.11", "3.12", "3.13"]}}
    steps: [{name: Run the tests, run: make test}]
  publish:
    needs: test
    runs-on: depot-ubuntu-latest
    steps: [{run: make publish}]
"""
BROKEN = "jobs:\n  test:\n    runs-on: depot-ubuntu-latest\n"
RULES = """\
forks: pinned
aliases: {e2e: run nightly job=soak}
permissions: {dispatch: admin}
automations:
  - {on: labeled, label: full-ci, do: run nightly.yaml}
"""
LOG = [
    "$ make test",
    *(f"tests/test_basket.py::test_item_{n} PASSED" for n in range(40)),
    "    def test_total():",
    ">       assert total([1, 2, 3], discount=0.1) == Decimal('5.40'), 'the discount is taken off'",
    "E       AssertionError: the discount is taken off twice: assert Decimal('4.86') == Decimal(",
    "tests/test_basket.py:27: AssertionError",
    *(f"coverage of module {n}: 97 %" for n in range(30)),
    "make: *** [Makefile:12: test] Error 1",
]
DIAGNOSIS = (
    "The discount is applied in `total` and once more in `checkout`, so that the basket is too "
    "cheap.\nThe test expects 5.40 and gets 4.86."
)
FIX = "Take the discount off in `checkout` only.\n\n```python\nreturn sum(prices)\n```"


@dataclass(slots=True)
class Author:
    """Has people say things, and keeps every version of what the bot answers."""

    pr: Conversation

    async def says(self, login: str, text: str, seconds: float = 60) -> None:
        await self.pr.says(login, text)
        await self.pr.passes(seconds)

    def everything(self) -> Iterator[Shown]:
        """What the bot has said, each version."""
        for comment in self.pr.github.thread(self.pr.repo, self.pr.number).comments:
            if not comment.author.login.endswith("[bot]"):
                asked = comment.body
                continue
            for place, version in enumerate(comment.versions, start=1):
                name = f"{' / '.join(asked.splitlines())[:80]}, version {place}"
                yield Shown(name, version.body)


async def conversation() -> AsyncIterator[Shown]:
    """What the bot says in a conversation of all kinds."""
    clock, hook = ManualClock(), Hook()
    client = httpx.AsyncClient(transport=hook)
    stage = Stage(now=clock.now, hook_client=client, jwt_now=time.time)
    github, depot = stage.github, stage.depot
    files = {**FILES, ".depot/workflows/matrix.yml": MATRIX, ".depot/workflows/bad.yml": BROKEN}
    github.repository(REPO, {**files, ".github/depot-bot.yml": RULES}, internal=True)
    for login, role in {"maya": "maintain", "alice": "write", "rita": "read"}.items():
        github.role(REPO, login, role)
    github.pull_request(REPO, "alice", files={"change.txt": "one\n"})
    fork = github.pull_request(
        REPO, "mallory", branch="theirs", files={"x": "y"}, fork=github.fork(REPO, "mallory")
    )
    clock.time += 60
    depot.plan(
        workflow="matrix.yml",
        attempt=1,
        job="test",
        outcome="failed",
        seconds=240,
        log=LOG,
        error_message="Step 1 exited with code 2",
        diagnosis=DIAGNOSIS,
        possible_fix=FIX,
    )
    depot.plan(workflow="ci.yml", job="test", attempt=1, outcome="failed")
    depot.plan(workflow="ci.yml", job="lint", attempt=2, outcome="timed_out", seconds=600)
    with tempfile.TemporaryDirectory() as folder:
        async with bot_on(stage, clock, hook, Path(folder) / "ledger.db") as services:
            here = Author(Conversation(clock, stage, services, REPO, 1))
            await here.pr.settles()
            await here.says("alice", "/depot run matrix.yml", 600)
            matrix = depot.runs[-1].run_id
            await here.says("alice", "/depot run ci.yml", 600)
            for login, line in [
                ("maya", "/depot retry ci.yml"),
                ("alice", "/depot rerun ci.yml"),
                ("alice", f"/depot retry {matrix}"),
                ("alice", "/depot run nightly"),
                ("alice", "/depot run nightly"),
                ("alice", "/depot run ci.yml job=test\n/depot run nightly.yaml force"),
                ("alice", "/depot run bad.yml"),
                ("maya", "/depot run\n\n```yaml\non: push\njobs:\n  a: {steps: [{run: ls}]}\n```"),
            ]:
                await here.says(login, line, 700)
            depot.plan(workflow="nightly.yaml", seconds=3000)
            await here.says("alice", "/depot run nightly force", 300)
            await here.says("maya", f"/depot cancel {depot.runs[-1].run_id}", 300)
            readers = ("status", "list", "can-i", "help", "help run", "help retry", "artifacts")
            for verb in (*readers, "logs", "why", f"why {matrix}", f"logs {matrix} job=publish"):
                await here.says("alice", f"/depot {verb}")
            slips = ("rum ci.yml", "run ci.yml jbo=test", "run ci.yml job=tests", "retry nosuch1")
            for line in (*slips, "run c", "frobnicate", "run 'ci", "cancel", "dispatch nightly"):
                await here.says("alice", f"/depot {line}")
            await here.says("rita", "/depot run ci.yml")
            await here.says("rita", "/depot can-i")
            await here.says("alice", "- /depot run ci.yml")
            await here.says("alice", "/depot run\n\n```\n- uses: actions/checkout@v4\n```")
            github.label(REPO, 1, "full-ci", by="alice")
            await here.pr.passes(300)
            bad = {".github/depot-bot.yml": "forks: yes please\nautomation: []\nshow: logs\n"}
            github.push(REPO, 1, bad)
            await here.pr.passes(300)
            depot.faults.drop("Run")
            await here.says("alice", "/depot run ci.yml", 300)
            theirs = Author(Conversation(clock, stage, services, REPO, fork.number))
            await theirs.says("alice", "/depot run ci.yml")
            await theirs.says("alice", f"/depot run ci.yml sha={theirs.pr.head}")
            await theirs.says("alice", f"/depot run ci.yml sha={'0' * 39}1")
            github.close(REPO, fork.number)
            await theirs.says("alice", f"/depot run ci.yml sha={theirs.pr.head}")
            for author in (here, theirs):
                for one in author.everything():
                    yield one
    await client.aclose()


# --- the pictures --------------------------------------------------------------------------------


async def picture(page: Page, folder: Path, name: str) -> None:
    """The page as files that are not too high to be looked at."""
    height = await page.evaluate("document.documentElement.scrollHeight")
    for place, top in enumerate(range(0, height, HEIGHT), start=1):
        await page.evaluate("top => scrollTo(0, top)", top)
        await page.screenshot(path=folder / f"{name}-{place:02}.png")


async def look(browser: Browser, folder: Path, pages: Mapping[str, Path]) -> bool:
    """Take the pictures, and say what is too wide; whether all stays within the page."""
    fits = True
    for width, pixels in WIDTHS.items():
        for scheme in ("light", "dark"):
            context = await browser.new_context(
                viewport={"width": pixels, "height": HEIGHT},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page = await context.new_page()
            for name, file in pages.items():
                await page.goto(file.as_uri())
                if scheme == "light":
                    found = await page.evaluate(WIDER)
                    print(f"{name}, {width}:", *(found or ["all fits"]), sep="\n  ")
                    fits = fits and not any("RUNS OUT" in one for one in found)
                await page.evaluate(
                    "document.querySelectorAll('details').forEach(one => { one.open = true; })"
                )
                await picture(page, folder, f"{name}-{width}-{scheme}")
            await context.close()
    return fits


async def said() -> list[Shown]:
    return [one async for one in conversation()]


def write(folder: Path, name: str, shown: list[Shown]) -> Path:
    file = folder / f"{name}.html"
    file.write_text(as_html(name, shown))
    return file


async def pictures(folder: Path, pages: Mapping[str, Path]) -> bool:
    """The pictures, by a Chromium; whether all stays within the page."""
    os.environ.setdefault("PLAYWRIGHT_NODEJS_PATH", wheels_node())
    async with async_playwright() as playwright:
        path = await asyncio.to_thread(executable, playwright.chromium.executable_path)
        browser = await playwright.chromium.launch(executable_path=path, args=FLAGS)
        fits = await look(browser, folder, pages)
        await browser.close()
    return fits


def main(folder: Path) -> int:
    folder = folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    groups = {
        "conversation": asyncio.run(said()),
        "sentences": list(sentences()),
        "strange": list(strange()),
    }
    pages = {name: write(folder, name, shown) for name, shown in groups.items()}
    fits = asyncio.run(pictures(folder, pages))
    print(f"The pages and their pictures are in {folder}.")
    return 0 if fits else 1


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where the pages and pictures go")
    raise SystemExit(main(parser.parse_args().folder))
