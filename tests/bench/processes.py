"""The processes that are measured: the bot as it is served, its peers, and their memory."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bot.settings import VARIABLES

PATIENCE = 20.0
"""Seconds a server may take until it listens."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


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
async def bot(**environment: str) -> AsyncIterator[tuple[int, int]]:
    """`depot-bot serve` with these settings: its port and its process id."""
    port = free_port()
    async with running(
        *("bot", "serve"), port=port, PORT=str(port), HOST="127.0.0.1", **environment
    ) as pid:
        yield port, pid


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def resident(pid: int) -> float:
    """What a process occupies of memory now, in MB of 10^6 bytes (RSS, proc(5))."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
