"""Signed webhooks that are none of the bot's business, against two handlers beside it."""

from __future__ import annotations

import asyncio
import itertools
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

from bot.demo.servers import free_port, serving
from tests.bench.load import rate
from tests.bench.processes import bot, environment, running
from tests.bench.requests import comment, stage_for_load, webhook
from tests.bench.table import Row, ratio

CONNECTIONS = 32
ROUNDS = 9
SECONDS = 1.0
"""Each server gets so many seconds in each round, in turn: what else the machine does meets all."""


async def rows(folder: Path) -> list[Row]:
    """An event that is not read at all, and a comment without a command."""
    stage = stage_for_load()
    plain, limit = free_port(), free_port()
    async with (
        serving(stage.github.app) as github_url,
        serving(stage.depot.app) as depot_url,
        # Without GitHub and Depot the bot is not ready.
        nullcontext(environment(stage, folder, github_url, depot_url)) as settings,
        bot(settings, folder) as (port, _),
        running("tests.bench.peers", "plain", str(plain), port=plain, **settings),
        running("tests.bench.peers", "limit", str(limit), port=limit, **settings),
    ):
        ignored = comment("Looks good to me, thank you!")
        found = []
        for what, event in (("an event not read", "push"), ("no command in it", "issue_comment")):
            request = webhook(stage.github, replace(ignored, event=event))
            ours, plains, limits = await _rates([port, plain, limit], request)
            found += [
                ratio(f"ignored, {what}: `Event.from_http`", ours, plains, 1.6),
                ratio(f"ignored, {what}: 202 unread", ours, limits, 0.5),
            ]
    return found


async def _rates(ports: list[int], request: bytes) -> list[list[float]]:
    """The rates of each, measured in turns."""
    rates: list[list[float]] = [[] for _ in ports]
    for _ in range(ROUNDS):
        for port, found in zip(ports, rates, strict=True):
            requests = itertools.repeat(request)
            found.append(await asyncio.to_thread(rate, port, requests, CONNECTIONS, SECONDS))
    return rates
