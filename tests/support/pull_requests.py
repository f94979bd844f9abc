"""What the tests of rules and guards begin with: configs, races, a GitHub that lags behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from bot.core.types import Sha
from bot.demo.simulators.depot import Run
from bot.demo.simulators.github import Comment, Delivery, Fault, PullRequest, Repository
from bot.demo.stage import Stage
from tests.support.commands import said
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on

CONFIG = ".github/depot-bot.yml"
YAML_CONFIG = ".github/depot-bot.yaml"
NIGHTLY = ".depot/workflows/nightly.yaml"
PULL = r"/repos/octo/hello/pulls/1$"
"""The path under which the pull request is read."""

CONFIG_TIME = 61.0
"""Seconds after which a changed config is certainly in force."""


def sha(pr: Conversation) -> Sha:
    """The head as it is on GitHub."""
    return Sha(pr.head)


async def rules(pr: Conversation, text: str | None, path: str = CONFIG) -> None:
    """The default branch gets this config, and it is in force."""
    pr.github.commit(pr.repo, "main", {path: text})
    await pr.passes(CONFIG_TIME)


def runs(pr: Conversation) -> list[str]:
    """The commit of each run there is, in the order of their start."""
    return [run.sha for run in pr.depot.runs]


async def ends(pr: Conversation) -> Run:
    """All runs go on to their end; what is said of it is read. The newest run."""
    await pr.passes(120)
    while pr.unread():
        pr.edited()
    newest = pr.depot.runs[-1]
    assert newest.over
    return newest


def hears_all(pr: Conversation) -> None:
    """All that the bot has said so far counts as read, also several new comments at once."""
    for comment in said(pr):
        pr._read[comment.id] = len(comment.versions)


def lags(pr: Conversation) -> Fault:
    """From now on GitHub's API shows the pull request as it is at this moment."""
    return shows(pr, shown(pr))


def shown(pr: Conversation) -> dict[str, Any]:
    """The pull request as GitHub's API shows it now."""
    return dict(pr.github.bodies.pull(pr.github.pull(pr.repo, pr.number)))


def shows(pr: Conversation, pull: Mapping[str, Any], times: int | None = None) -> Fault:
    """From now on GitHub's API shows this as the pull request."""
    body = msgspec.json.encode(pull).decode()
    headers = {"content-type": "application/json; charset=utf-8"}
    path = rf"/repos/{pr.repo}/pulls/{pr.number}$"
    return pr.github.faults.answer("GET", path, 200, body, headers, times=times)


def changed(delivery: Delivery, **parts: Mapping[str, Any]) -> Delivery:
    """A delivery with some fields of some objects in its payload changed; signed like any other."""
    payload = delivery.payload
    for name, fields in parts.items():
        payload[name] = {**payload[name], **fields}
    return replace(delivery, body=msgspec.json.encode(payload))


def takes_back(pr: Conversation, event: str) -> Delivery:
    """Take the newest pending delivery of this event off the line."""
    pending = pr.github.hooks.pending
    (place,) = [place for place, each in enumerate(pending) if each.event == event][-1:]
    return pending.pop(place)


def opens_fork(
    pr: Conversation, files: Mapping[str, str] | None = None, author: str = "mallory"
) -> tuple[Repository, PullRequest]:
    """Somebody forks the repository, commits there and opens a pull request."""
    github = pr.github
    fork = github.fork(pr.repo, author)
    pull = github.pull_request(
        pr.repo, author, fork=fork, files=files or {"change.txt": "from afar\n"}, title="From afar"
    )
    return fork, pull


@asynccontextmanager
async def bot(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, **environment: str
) -> AsyncIterator[Conversation]:
    """The bot with other settings, and the pull request."""
    async with bot_on(stage, clock, hook, tmp_path / "ledger.db", **environment) as services:
        conversation = Conversation(clock, stage, services, REPO, 1)
        await conversation.settles()
        yield conversation
        conversation.assert_said_nothing_else()


def reactions(comment: Comment) -> list[str]:
    return [reaction.content for reaction in comment.reactions]
