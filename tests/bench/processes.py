"""The processes that are measured: the bot as it is served, its peers, and their memory."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from bot.demo.servers import bot_serving
from bot.demo.stage import Stage
from bot.ops.variables import VARIABLES

PATIENCE = 20.0
"""Seconds a server may take until it listens."""


NOWHERE = "http://127.0.0.1:9"


def environment(
    stage: Stage, folder: Path, github_url: str = NOWHERE, depot_url: str = NOWHERE
) -> dict[str, str]:
    """The settings of a bot with a ledger in a folder, as quiet as on a host."""
    database_url = f"sqlite:///{folder / 'ledger.db'}"
    found = stage.environment(github_url=github_url, depot_url=depot_url, database_url=database_url)
    return {**found, "LOG_LEVEL": "error", "LOG_FORMAT": "json"}


@asynccontextmanager
async def running(*arguments: str, port: int, **environment: str) -> AsyncIterator[int]:
    """Run `python -m …` until the block ends, once it listens; its process id."""
    ours = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", *arguments), env={**ours, **environment}
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while not _listens(port):
                assert process.returncode is None, f"{arguments[0]} did not start"
                await asyncio.sleep(0.05)
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


@asynccontextmanager
async def bot(settings: Mapping[str, str], folder: Path) -> AsyncIterator[tuple[int, int]]:
    """`depot-bot serve` with these settings: its port and its process id."""
    async with bot_serving(settings, folder) as one:
        yield int(one.url.rpartition(":")[2]), one.process.pid


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def resident(pid: int) -> float:
    """What a process occupies of memory now, in MB of 10^6 bytes (RSS, proc(5))."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor so far, as user and as system, in all threads.

    By its own clock, which counts nanoseconds (clock_getcpuclockid(3)); proc(5) counts hundredths.
    """
    return time.clock_gettime((~pid << 3) | 2)
