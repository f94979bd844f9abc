"""SQLite files with the ledger's tables, copied: migrating takes longer than most tests."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from bot.core.clock import SystemClock
from bot.storage.connect import open_store


def migrated(file: Path) -> str:
    """The address of a ledger in this file; it is made, without rows, unless it is there."""
    if not file.exists():
        file.write_bytes(_template())
    return f"sqlite:///{file}"


@cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "ledger.db"
        # In a thread: this one may be running a loop.
        with ThreadPoolExecutor(1) as thread:
            thread.submit(asyncio.run, _migrate(file)).result()
        return file.read_bytes()


async def _migrate(file: Path) -> None:
    store = await open_store(f"sqlite:///{file}", SystemClock(), waits_for_disk=False)
    await store.close()
