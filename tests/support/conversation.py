"""A pull request that people write under, as the tests hold it in their hands.

Everything goes the long way: a signed webhook into the real app, the real clients, the simulated
GitHub and Depot over HTTP. Only time is ours: `passes` moves it, and work that comes due is done.
Whatever passes between the bot and GitHub has to be as GitHub describes it (`tests/contracts`).
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Comment, Delivery, DeliveryOutcome, SimulatedGitHub
from bot.demo.stage import Stage
from bot.messages.mentions import announces
from bot.ops.settings import load
from bot.services import Services, Surroundings, open_services
from bot.web.app import create_app
from tests.contracts.checks import CheckedTransport, transport_to
from tests.contracts.webhooks import webhooks
from tests.support.ledgers import migrated

REPO = "octo/hello"
HOOK = "http://bot.test/webhook"
START = 1_795_500_000.0

CI = """\
name: CI
on: [push, pull_request]
jobs:
  build:
    runs-on: depot-ubuntu-latest
    steps: [{run: make build}]
  lint:
    runs-on: depot-ubuntu-latest
    steps: [{run: make lint}]
  test:
    runs-on: depot-ubuntu-latest
    steps: [{run: make test}]
"""
NIGHTLY = """\
on: workflow_dispatch
jobs:
  soak:
    runs-on: depot-ubuntu-latest
    steps: [{run: make soak}]
"""
FILES = {
    "README.md": "# hello\n",
    ".depot/workflows/ci.yml": CI,
    ".depot/workflows/nightly.yaml": NIGHTLY,
}


class ManualClock:
    """A clock that stands until it is moved."""

    def __init__(self, now: float = START) -> None:
        self.time = now

    def now(self) -> float:
        return self.time


class Hook(CheckedTransport):
    """GitHub's way to the bot, which may be started again and again under the same address."""

    to: httpx.AsyncBaseTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await request.aread()
        self.breaches += webhooks().delivery(request)
        if self.to is None:
            raise httpx.ConnectError("the bot is not running", request=request)
        return await self.to.handle_async_request(request)


@dataclass
class Conversation:
    """One pull request and the bot. At its end everything the bot said must have been read."""

    clock: ManualClock
    stage: Stage
    services: Services
    repo: str
    number: int
    _read: dict[int, int] = field(default_factory=dict)

    @property
    def github(self) -> SimulatedGitHub:
        return self.stage.github

    @property
    def depot(self) -> SimulatedDepot:
        return self.stage.depot

    @property
    def head(self) -> str:
        return self.github.pull(self.repo, self.number).head_sha

    async def says(self, login: str, body: str) -> Comment:
        """Somebody comments; the bot does what there is to do at once."""
        comment = self.github.comment(self.repo, self.number, login, body)
        await self.settles()
        return comment

    async def settles(self) -> list[DeliveryOutcome]:
        """Deliver what is pending and do everything that is due now."""
        outcomes = await self.github.deliver(HOOK)
        await self.services.worker.drain()
        # What the bot wrote comes back to it as webhooks, and must lead to nothing.
        if back := await self.github.deliver(HOOK):
            await self.services.worker.drain()
        return outcomes + back

    async def redelivers(self, delivery: Delivery) -> DeliveryOutcome:
        outcome = await self.github.redeliver(delivery)
        await self.services.worker.drain()
        return outcome

    async def passes(self, seconds: float) -> None:
        """Let time pass: work is done at the moment it comes due."""
        end = self.clock.time + seconds
        while (wait := await self.services.ledger.queue.until_due()) is not None and (
            due := self.clock.time + max(wait, 0.0)
        ) <= end:
            self.clock.time = due
            await self.settles()
        self.clock.time = end
        await self.settles()

    def reply(self) -> str:
        """The one new comment of the bot, without its hidden part."""
        new = [comment for comment in self._by_bot() if comment.id not in self._read]
        assert len(new) == 1, f"expected one new comment:\n{self.transcript()}"
        self._read[new[0].id] = 1
        return visible(new[0].versions[0].body)

    def edited(self) -> str:
        """The next edit of a comment of the bot that was not read yet."""
        for comment in self._by_bot():
            read = self._read.get(comment.id, 0)
            if 0 < read < len(comment.versions):
                self._read[comment.id] = read + 1
                return visible(comment.versions[read].body)
        raise AssertionError(f"no edit to read:\n{self.transcript()}")

    def last_edit(self) -> str:
        """The newest edit; those before it need not be read."""
        text = self.edited()
        while self.unread():
            text = self.edited()
        return text

    def unread(self) -> int:
        return sum(len(c.versions) - self._read.get(c.id, 0) for c in self._by_bot())

    def assert_said_nothing_else(self) -> None:
        assert not self.unread(), f"there is more to read:\n{self.transcript()}"
        announced = [announces(comment.body) for comment in self._all_by_bot()]
        found = [one for one in announced if one is not None]
        assert len(found) == len(set(found)), f"somebody was mentioned twice:\n{self.transcript()}"

    def transcript(self) -> str:
        """The conversation so far, for a failing test."""
        parts = []
        for comment in self.github.thread(self.repo, self.number).comments:
            for place, version in enumerate(comment.versions):
                kind = "edits" if place else "says"
                parts.append(f"--- {comment.author.login} {kind}:\n{version.body}")
        return "\n".join(parts)

    def mentions(self) -> list[str]:
        """The comments that mention somebody, oldest first, without their hidden part."""
        return [
            re.sub(r"#issuecomment-\d+", "#issuecomment", comment.body.partition("<!--")[0].strip())
            for comment in self._all_by_bot()
            if announces(comment.body) is not None
        ]

    def _by_bot(self) -> list[Comment]:
        """Its replies."""
        return [one for one in self._all_by_bot() if announces(one.body) is None]

    def _all_by_bot(self) -> list[Comment]:
        comments = self.github.thread(self.repo, self.number).comments
        return [comment for comment in comments if comment.author.login == "depot-bot[bot]"]


def visible(body: str) -> str:
    """What people see of a reply: without the quoted command lines, the hidden part, and the
    addresses of jobs and replies."""
    body = re.sub(r"<!-- depot-bot .*? -->", "", body)
    body = re.sub(r"\[Its reply\]\([^)\s]*#issuecomment-\d+\)", "[Its reply]", body)
    body = re.sub(r"\[(`+[^\n]*?`+)\]\(https://depot\.dev/[^)\s]*\?job=[^)\s]*\)", r"\1", body)
    return re.sub(r"(?m)^> `+ ?(?:/depot|\.github/).*\n\n?", "", body).strip()


@asynccontextmanager
async def bot_on(
    stage: Stage,
    clock: ManualClock,
    hook: Hook,
    database: Path,
    depot: httpx.AsyncBaseTransport | None = None,
    /,
    **environment: str,
) -> AsyncIterator[Services]:
    """The bot on these simulators; its worker only works when told to. *depot* is its way to the
    simulated Depot, where that is not the plain one.

    At its end all that passed between it and GitHub must have been as GitHub describes it.
    """
    settings = load({**stage.environment(database_url=migrated(database)), **environment})
    with transport_to(stage.github) as github:
        around = Surroundings(
            clock=clock,
            github=github,
            depot=depot or stage.depot.transport(),
            waits_for_disk=False,
        )
        async with open_services(settings, around) as services:
            hook.to = httpx.ASGITransport(app=create_app(services, run_worker=False))
            yield services
    hook.assert_kept()


def untouched(depot: SimulatedDepot) -> bool:
    """Whether Depot was at most asked which runs there are."""
    return {call.method for call in depot.calls} <= {"ListRuns"}
