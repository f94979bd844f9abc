"""What the demo starts: ASGI applications on loopback in this process, and the bot in its own.

Each is an async context manager that leaves nothing behind, also when it is cancelled.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import uvicorn
from starlette.types import ASGIApp

from bot.messages.markdown import clean
from bot.ops.variables import VARIABLES

HOST = "127.0.0.1"

READY_SECONDS = 30.0
"""How long the bot may take until it is ready."""

STOP_SECONDS = 5.0
"""How long the bot may take to stop before it is killed."""

TAIL_LINES = 15
"""How much of the bot's log is shown when something goes wrong."""

PACKAGE_FOLDER = Path(__file__).parents[2]
"""Where the package `bot` is found, for a process that is started in another folder."""


# --- applications in this process ----------------------------------------------------------------


class Server(uvicorn.Server):
    """uvicorn without signal handlers: Ctrl-C belongs to the program around it."""

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port of loopback meanwhile; its URL."""
    config = uvicorn.Config(
        app,
        log_config=None,
        # A simulator that breaks a connection on purpose is no news.
        log_level="critical",
        access_log=False,
        date_header=False,  # the simulated GitHub has a clock of its own
        timeout_graceful_shutdown=1,
    )
    server = Server(config)
    # It listens from here on: a connection made before uvicorn is up waits in the queue.
    listener = socket.create_server((HOST, 0))
    async with meanwhile(server.serve(sockets=[listener]), stop=lambda: _tell_to_stop(server)):
        yield f"http://{HOST}:{listener.getsockname()[1]}"


def _tell_to_stop(server: uvicorn.Server) -> None:
    server.should_exit = True


@asynccontextmanager
async def meanwhile(
    work: Coroutine[None, None, None], *, stop: Callable[[], object] | None = None
) -> AsyncIterator[None]:
    """Do this in the background, until told to *stop*; without a way to tell, it is cancelled."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        (stop or task.cancel)()
        await asyncio.wait([task])
        if not task.cancelled():
            task.result()  # raises what went wrong in it


# --- the bot in a process of its own -------------------------------------------------------------


class BotFailed(Exception):
    """The bot did not start, or stopped by itself; the text says which, with the end of its log."""


@dataclass(frozen=True, slots=True)
class BotProcess:
    """The real bot, as `depot-bot serve` runs it."""

    url: str
    process: asyncio.subprocess.Process
    log: Path
    ready_after: float
    """Seconds from the start of the process to its being ready."""

    def check(self) -> None:
        """Raise BotFailed if it is no longer there."""
        _check(self.process, self.log)

    def log_tail(self) -> str:
        """The end of its log."""
        return _tail(self.log)


@asynccontextmanager
async def bot_serving(environment: Mapping[str, str], folder: Path) -> AsyncIterator[BotProcess]:
    """Run the bot with these settings meanwhile, once it is ready. Its log lands in *folder*."""
    log = folder / "bot.log"
    port = free_port()
    began = time.monotonic()
    process = await _start(_environment({**environment, "HOST": HOST, "PORT": str(port)}), log)
    try:
        url = f"http://{HOST}:{port}"
        await _until_ready(url, process, log)
        yield BotProcess(url, process, log, ready_after=time.monotonic() - began)
    finally:
        await _stop(process)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server((HOST, 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


def _environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours, but for what would lead the bot elsewhere: other settings, and proxies.

    LOG_LEVEL is let through, for those who want to see more.
    """
    ours = {
        name: value
        for name, value in os.environ.items()
        if (name not in VARIABLES or name == "LOG_LEVEL") and not name.lower().endswith("_proxy")
    }
    paths = [str(PACKAGE_FOLDER), os.environ.get("PYTHONPATH", "")]
    ours["PYTHONPATH"] = os.pathsep.join(path for path in paths if path)
    return {**ours, "LOG_FORMAT": "console", **settings}


async def _start(environment: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
    with log.open("wb") as out:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bot", "serve"),
            env=environment,
            # Not where we are: there may be a `.env` or a `config/bot.toml` with real settings.
            cwd=log.parent,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )


async def _until_ready(url: str, process: asyncio.subprocess.Process, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(trust_env=False, timeout=1.0) as client:
        while time.monotonic() < deadline:
            _check(process, log)
            try:
                if (await client.get(f"{url}/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass  # it does not listen yet
            await asyncio.sleep(0.05)
    raise BotFailed(f"The bot was not ready within {READY_SECONDS:.0f} s.\n{_tail(log)}")


def _check(process: asyncio.subprocess.Process, log: Path) -> None:
    if process.returncode is not None:
        raise BotFailed(f"The bot stopped with exit status {process.returncode}.\n{_tail(log)}")


def _tail(log: Path) -> str:
    lines = clean(log.read_text(errors="replace")).rstrip().splitlines()[-TAIL_LINES:]
    return "\n".join(["The end of its log:", *(f"  {line}" for line in lines or ["(empty)"])])


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ask it to stop, as a host would; kill it when that takes too long or we are in a hurry."""
    try:
        if process.returncode is None:
            process.terminate()
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        pass
    finally:
        if process.returncode is None:
            process.kill()
