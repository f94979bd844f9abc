"""Many commands in an hour on one installation, where GitHub allows 500 writes.

By a moved clock: only what the bot waits for counts, and not how fast this machine is.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from bot.demo.simulators.github import Comment, SimulatedGitHub, generate_private_key
from bot.demo.stage import Stage
from tests.bench.table import Row, at_most, below
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on

COMMANDS = (200, 400)
HOUR = 3600.0
AFTER = 3600.0
"""How long after the hour the last results may come."""

RUN_SECONDS = 90.0

LIMITS = "[limits]\nper_person = 1000\nper_repository = 1000\nruns_per_repository = 1000\n"

FIRST_REPLY_SECONDS = {200: 2.0, 400: 60.0}
"""Within so long 99 of 100 have their first reply. With 400 there are writes for little else."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A command, and what was written about it."""

    asked: Comment
    reply: Comment | None

    @property
    def seconds(self) -> float:
        """Until the first reply."""
        assert self.reply is not None, "a command without a reply"
        return self.reply.created_at - self.asked.created_at

    @property
    def says_the_result(self) -> bool:
        return self.reply is not None and "passed in" in self.reply.body


async def rows(folder: Path) -> list[Row]:
    found: list[Row] = []
    for count in COMMANDS:
        with tempfile.TemporaryDirectory(dir=folder) as its_own:
            answered = await _converse(Path(its_own), count)
        found += _rows(count, answered)
    return found


def _rows(count: int, answered: Sequence[Answered]) -> list[Row]:
    what = f"{count} commands in an hour on one installation"
    seconds = sorted(one.seconds for one in answered)
    # GitHub tells times in whole seconds.
    replies = [int(one.reply.created_at) for one in answered if one.reply is not None]
    late = sum(later < earlier for earlier, later in itertools.pairwise(replies))
    last = seconds[round(0.99 * (len(seconds) - 1))]
    reactions = sum(not one.asked.reactions for one in answered)
    passing = [len(one.reply.edits) for one in answered if one.reply is not None]
    return [
        below(f"{what}: first reply, median", statistics.median(seconds), 2.0, "s"),
        below(f"{what}: first reply, 99th percentile", last, FIRST_REPLY_SECONDS[count], "s"),
        at_most(f"{what}: replies before that of an earlier comment", late, 0),
        at_most(f"{what}: results not told", sum(not one.says_the_result for one in answered), 0),
        at_most(f"{what}: comments without any reaction (dropped)", reactions, count),
        below(f"{what}: edits of a reply, mean", statistics.mean(passing), 10.0, "edits"),
    ]


async def _converse(folder: Path, count: int) -> list[Answered]:
    """So many commands, evenly over an hour, each on a pull request of its own."""
    clock, hook = ManualClock(), Hook()
    config = folder / "bot.toml"
    config.write_text(LIMITS)
    async with httpx.AsyncClient(transport=hook) as client:
        stage = Stage(
            now=clock.now, private_key=generate_private_key(), hook_client=client, jwt_now=time.time
        )
        stage.depot.plan(queued=5.0, seconds=RUN_SECONDS)
        stage.github.repository(REPO, FILES, internal=True)
        stage.github.role(REPO, "alice", "write")
        for number in range(1, count + 1):
            files = {"change.txt": f"{number}\n"}
            stage.github.pull_request(REPO, "alice", branch=f"feature-{number}", files=files)
        clock.time += HOUR  # the heads are older than the comments
        environment = {"BOT_CONFIG": str(config)}
        async with bot_on(stage, clock, hook, folder / "ledger.db", **environment) as services:
            conversation = Conversation(clock, stage, services, REPO, 1)
            await conversation.settles()
            asked = []
            for number in range(1, count + 1):
                body = "/depot run ci.yml job=test"
                asked.append(stage.github.comment(REPO, number, "alice", body))
                await conversation.settles()
                await conversation.passes(HOUR / count)
            await conversation.passes(AFTER)
        return [Answered(one, _reply_to(stage.github, one)) for one in asked]


def _reply_to(github: SimulatedGitHub, asked: Comment) -> Comment | None:
    """The bot's first comment under the pull request."""
    comments = github.comments(REPO, asked.issue.number)
    with suppress(StopIteration):
        return next(one for one in comments if one.id > asked.id)
    return None
