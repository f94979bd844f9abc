"""`depot-bot serve` as a real process, forked from one that has imported it.

Importing is most of what a start costs. Tests of the start itself run the command line.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import resource
import sys
from collections.abc import Mapping, Sequence
from functools import cache
from multiprocessing.context import ForkServerContext, ForkServerProcess
from pathlib import Path
from typing import Protocol

from bot.cli import main

IMPORTED = (
    __name__,
    "alembic.command",
    "anyio._backends._asyncio",
    "bot.storage.postgresql",
    "bot.storage.sqlite",
    "bot.web.views",
    "httpcore",
    "psycopg.adapt",
    "sqlalchemy.dialects.postgresql.psycopg",
    "sqlalchemy.dialects.sqlite.pysqlite",
    "uvicorn.protocols.http.httptools_impl",
)
"""What is imported once: the command line, and what the bot imports when it needs it."""


class Process(Protocol):
    """What `asyncio.subprocess.Process` has of this, too."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    def send_signal(self, signal: int) -> None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...
    async def wait(self) -> int: ...


class Forked:
    """A forked process, with the methods of `asyncio.subprocess.Process`."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, signal: int) -> None:
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, signal)

    def terminate(self) -> None:
        self._process.terminate()

    def kill(self) -> None:
        self._process.kill()

    async def wait(self) -> int:
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        while (status := self.returncode) is None:
            # Its end of a pipe is closed when it ends.
            loop.add_reader(self._process.sentinel, ended.set)
            try:
                await ended.wait()
            finally:
                loop.remove_reader(self._process.sentinel)
        return status


def fork(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    files: int | None = None,
) -> Forked:
    """`depot-bot` with these arguments, in *folder*; what it prints goes to *log*.

    *files* is how many files and connections it may have open.
    """
    process = _context().Process(
        target=_run, args=(list(arguments), dict(environment), folder, log, files)
    )
    process.start()
    return Forked(process)


@cache
def _context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(IMPORTED))
    return context


def _run(
    arguments: list[str], environment: dict[str, str], folder: Path, log: Path, files: int | None
) -> None:
    with log.open("wb") as out:
        os.dup2(out.fileno(), 1)
        os.dup2(out.fileno(), 2)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(folder)
    if files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    sys.exit(main(arguments))
