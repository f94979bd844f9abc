"""Traces one command through the bot and prints what it took: a table for those who change the bot.

    python -m tests.bench.trace

The bot runs as it is served, in a process of its own on SQLite, on the simulated GitHub and Depot.
It is traced from the moment the webhook is sent until the reply stands. Nothing here knows the
bot's parts: functions are whatever runs from files under `bot/`, statements are what SQLite
executes, and a fact is read twice when the same query or the same request is made twice.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import msgspec

import bot
from bot.demo.servers import free_port, serving
from bot.ops.logging_setup import set_up_logging
from tests.bench import commands, statements
from tests.bench.processes import environment, running
from tests.bench.requests import repository, stage_for_load, webhook
from tests.bench.sender import send

PACKAGE = str(Path(bot.__file__).parent)

PATIENCE = 30.0


class Traced(msgspec.Struct):
    """What the bot's process saw; times are of the machine's monotonic clock."""

    calls: list[tuple[float, str, str]]
    """When a function was entered: file and name."""
    executed: list[tuple[float, str]]
    """What SQLite executed."""


def _serve_traced(file: Path) -> int:
    """The bot's process: `depot-bot serve`, and at its end what it saw."""
    calls: list[tuple[float, CodeType]] = []
    executed: list[tuple[float, str]] = []

    def entered(frame: FrameType, what: str, _: Any) -> None:
        if what == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            calls.append((time.monotonic(), frame.f_code))

    from bot.cli import main  # before it is traced: importing is no part of a command

    threading.setprofile(entered)
    sys.setprofile(entered)
    with statements.traced(lambda statement: executed.append((time.monotonic(), statement))):
        status = main(["serve"])
    sys.setprofile(None)
    named = [(at, code.co_filename, code.co_qualname) for at, code in calls]
    file.write_bytes(msgspec.json.encode(Traced(named, executed)))
    return status


async def _table(folder: Path) -> list[tuple[str, str]]:
    file = folder / "traced.json"
    stage = stage_for_load()
    stage.depot.plan(queued=0.5, seconds=0.5)
    port = free_port()
    place = (repository(0), 1)
    async with (
        serving(stage.github.app) as github_url,
        serving(stage.depot.app) as depot_url,
    ):
        settings = environment(stage, folder, github_url, depot_url)
        at = {"HOST": "127.0.0.1", "PORT": str(port)}
        async with running("tests.bench.trace", str(file), port=port, **settings, **at):
            for delivery in stage.github.pending_deliveries:
                await send(port, webhook(stage.github, delivery))
            stage.github.hooks.pending.clear()
            await asyncio.sleep(2.0)
            stage.github.requests.clear()
            stage.depot.calls.clear()
            stage.github.comment(*place, "alice", commands.COMMAND)
            request = webhook(stage.github, stage.github.hooks.pending.pop())
            begun = time.monotonic()
            await send(port, request)
            answered = time.monotonic()
            while len(stage.github.comments(*place)) < 2:
                assert time.monotonic() < begun + PATIENCE, "no reply"
                await asyncio.sleep(0.001)
            replied = time.monotonic()
            asked = Counter(f"{one.method} {one.path}" for one in stage.github.requests)
            asked += Counter(one.method for one in stage.depot.calls)
            await asyncio.sleep(0.5)
    seen = msgspec.json.decode(file.read_bytes(), type=Traced)
    # Comprehensions and lambdas belong to the function they stand in.
    functions = {
        (file, name)
        for at, file, name in seen.calls
        if begun <= at <= replied and not name.rpartition(".")[2].startswith("<")
    }
    executed = [one for at, one in seen.executed if begun <= at <= replied]
    after = [one for at, one in seen.executed if answered <= at <= replied]
    selects = Counter(one for one in executed if one.startswith("SELECT"))
    return [
        ("files of `bot/` entered, webhook to reply", str(len({file for file, _ in functions}))),
        ("functions entered", str(len(functions))),
        (
            "transactions after the webhook was answered, until the reply stands",
            str(sum(one.startswith("BEGIN") for one in after)),
        ),
        (
            "SQL statements, webhook to reply",
            str(sum(not statements.is_frame(one) for one in executed)),
        ),
        ("the same fact read twice: queries by table", _twice(_tables(selects))),
        ("the same fact read twice: requests", _twice(asked)),
    ]


def _tables(selects: Counter[str]) -> Counter[str]:
    """How often each table was read from, by the first that a query names."""
    found: Counter[str] = Counter()
    for query, times in selects.items():
        table = " ".join(query.split()).partition(" FROM ")[2].partition(" ")[0]
        if table:
            found[table] += times
    return found


def _twice(counted: Counter[str]) -> str:
    return ", ".join(f"{what} {times} times" for what, times in counted.items() if times > 1) or "—"


async def _measure(folder: Path) -> list[tuple[str, str]]:
    """Each on a ledger of its own."""
    parts = [folder / name for name in ("traced", "counted", "timed")]
    await asyncio.gather(*(asyncio.to_thread(part.mkdir) for part in parts))
    found = await _table(parts[0])
    (row,) = await statements.rows(parts[1])
    timed = await commands.processor_time_of_both(parts[2])
    return [*found, (row.what, row.bot), (timed.what, f"{timed.bot} : {timed.peer}")]


def main() -> int:
    if len(sys.argv) > 1:
        return _serve_traced(Path(sys.argv[1]))
    set_up_logging("error", "console")
    with tempfile.TemporaryDirectory(prefix="depot-bot-trace-") as folder:
        found = asyncio.run(_measure(Path(folder)))
    print("| `/depot run ci.yml job=test` | now |\n| --- | --- |")
    for what, value in found:
        print(f"| {what} | {value} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
