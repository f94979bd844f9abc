"""A run is retried three times, and the bot dies in each attempt: the reply keeps every one."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bot.messages.mentions import announces
from bot.messages.reply import answers
from tests.crash.harness import Point, Scene, scene
from tests.support.commands import attempts
from tests.support.conversation import REPO
from tests.support.databases import new_database

pytestmark = pytest.mark.anyio

RETRY = "POST RetryFailedJobs"
COMMENT = f"POST /repos/{REPO}/issues/N/comments"
EDIT = f"PATCH /repos/{REPO}/issues/comments/N"


Death = tuple[str, bool, int]
"""At which request, whether after its work, and how many such requests go by before."""


@dataclass(frozen=True)
class Part:
    """What somebody asks, where the bot dies of it, and what the run's reply says at last."""

    asks: str
    says: str
    death: Death | None = None

    def is_over(self, one: Scene) -> bool:
        """Whether that is said, and everybody has heard of it."""
        asked = [c for c in one.github.comments(REPO, 1) if c.author.login == "alice"]
        return self.says in first_reply(one) and all(len(c.reactions) == 2 for c in asked)


class Deaths:
    """The bot dies once at each request that is named."""

    def __init__(self) -> None:
        self.next: Death | None = None

    def __call__(self, point: Point) -> bool:
        if self.next is None or self.next[:2] != (point.request, point.after):
            return False
        request, after, before = self.next
        self.next = (request, after, before - 1) if before else None
        return not before


@contextmanager
def ledger(store: str) -> Iterator[str | None]:
    with new_database() if store == "postgresql" else nullcontext() as url:
        yield url


def first_reply(one: Scene) -> str:
    return next((reply.body for reply in one.replies()), "")


async def plays(one: Scene, deaths: Deaths, script: Sequence[Part]) -> None:
    """Each part in turn; the bot is started again whenever it dies."""
    parts = deque(script)
    asked: Part | None = None
    while parts:
        async with one.bot() as bot:
            while parts and not bot.is_dead:
                part = parts[0]
                if part is not asked:
                    asked = part
                    deaths.next = part.death
                    one.github.comment(REPO, 1, "alice", part.asks)
                    await one.github.deliver(f"{bot.url}/webhook")
                if await one.until(bot, partial(part.is_over, one)):
                    parts.popleft()


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_three_retries_and_four_deaths(tmp_path: Path, private_key: str, store: str) -> None:
    deaths = Deaths()
    with ledger(store) as url:
        async with scene(tmp_path / "scene", private_key, deaths, database_url=url) as one:
            for attempt in (1, 2, 3):
                one.depot.plan(job="test", attempt=attempt, outcome="failed", seconds=0.5)
            again = "(attempt {}, asked for by `alice`)"
            script = [
                Part("/depot run ci.yml job=test", "❌ failed", (COMMENT, True, 1)),  # the mention
                Part("/depot retry", f"❌ failed {again.format(2)}", (RETRY, True, 0)),
                Part("/depot retry", f"❌ failed {again.format(3)}", (RETRY, False, 0)),
                Part("/depot retry", f"✅ passed {again.format(4)}", (EDIT, True, 0)),
            ]
            await plays(one, deaths, script)
    assert len(one.executioner.died) == 4
    (run,) = one.depot.runs
    assert attempts(run)["test"] == 4
    text = first_reply(one)
    assert re.findall(r"(?m)^- Attempt \d.*?: . \w+", text) == [
        "- Attempt 1: ❌ failed",
        "- Attempt 2, asked for by `alice`: ❌ failed",
        "- Attempt 3, asked for by `alice`: ❌ failed",
    ]
    bodies = [reply.body for reply in one.replies()]
    replies = [answers(body) for body in bodies if announces(body) is None]
    mentions = [announces(body) for body in bodies if announces(body) is not None]
    assert len(replies) == len(set(replies)) == 4
    assert len(mentions) == len(set(mentions)) == 3
