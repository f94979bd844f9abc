"""SIGHUP: the settings are read again while the bot runs. A fault keeps the old ones."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import structlog

from bot.ops.logging_setup import set_up_logging
from bot.ops.settings import Settings, SettingsError
from bot.services import Services
from bot.web.auth import Access

log = structlog.get_logger()


@asynccontextmanager
async def reloading(
    services: Services, access: Access, read: Callable[[], Settings]
) -> AsyncIterator[None]:
    """Read the settings again whenever SIGHUP comes; *read* may raise SettingsError."""
    asked = asyncio.Event()

    async def keep_reloading() -> None:
        while True:
            await asked.wait()
            asked.clear()
            await reload(services, access, read)

    task = asyncio.create_task(keep_reloading())
    try:
        with on_hangup(asked.set):
            yield
    finally:
        task.cancel()


async def reload(services: Services, access: Access, read: Callable[[], Settings]) -> None:
    """Read the settings again, and go on with them; with the old ones when there is a fault."""
    try:
        settings = await asyncio.to_thread(read)
    except SettingsError as error:
        log.error("settings_kept", problems=error.problems)
        return
    except Exception:
        log.exception("settings_kept")
        return
    renewal = services.use(settings)
    access.use(renewal.settings.admin_password)
    set_up_logging(renewal.settings.log_level, renewal.settings.log_format)
    for warning in renewal.settings.warnings:
        log.warning("settings_doubtful", hint=warning)
    log.info("settings_read_again", changed=renewal.changed, at_restart=renewal.at_restart)


@contextmanager
def on_hangup(do: Callable[[], object]) -> Iterator[None]:
    """Call this when SIGHUP comes, which is ignored afterwards: it must not end a bot that is
    stopping before its time."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, do)
    try:
        yield
    finally:
        loop.remove_signal_handler(signal.SIGHUP)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
