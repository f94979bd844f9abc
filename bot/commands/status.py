"""`/depot status`: the runs of this pull request at its head, or one run."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, RunReader
from bot.core.types import Permission
from bot.messages import answers
from bot.messages import runs as run_messages
from bot.parsing.arguments import run_argument

MAX_RUNS = 10
"""Runs that are looked into for one answer."""


@dataclass(frozen=True, slots=True)
class StatusArguments:
    run: str | None = run_argument("a run's id, or a workflow; all at the head without it")


async def status(command: StatusArguments, reader: RunReader) -> Answer:
    if command.run is not None:
        return Answer(run_messages.run_state(await reader.run(command.run)))
    head = await reader.head()
    listed = await reader.runs()
    shown = listed[:MAX_RUNS]
    known = await reader.known_runs([run.run_id for run in shown])
    runs = await asyncio.gather(*(reader.run_status(run.run_id) for run in shown))
    rows = [
        answers.RunAtHead(one, run, known.get(one.run_id))
        for one, run in zip(shown, runs, strict=True)
    ]
    hidden = len(listed) - len(shown)
    return Answer(answers.runs_at(head.sha, rows, reader.asked.now, hidden))


STATUS = CommandSpec(
    StatusArguments,
    status,
    required_permission=Permission.NONE,
    summary="Show the runs at the head commit, or one run.",
    examples=("status", "status ci.yml"),
)
