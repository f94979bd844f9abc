"""The bot is told to stop, as hosts do it: it ends in order, soon, and nothing is lost."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path

import pytest

from bot.messages import runs
from tests.crash.harness import Bot, Scene, scene

pytestmark = pytest.mark.anyio

SOON = 8.0
"""Seconds in which an idle bot, or one that only follows, has to be gone, on a machine with much to
do: Docker kills after 10."""


async def stops(bot: Bot, number: signal.Signals, within: float = SOON) -> None:
    began = time.monotonic()
    bot.process.send_signal(number)
    async with asyncio.timeout(20):
        status = await bot.process.wait()
    assert status == 0, bot.log.read_text()
    assert time.monotonic() - began < within


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_idle(tmp_path: Path, private_key: str, number: signal.Signals) -> None:
    # The command line, since a forked process ends without what Python does at its end.
    one_scene = scene(tmp_path / "scene", private_key, is_forked=False)
    async with one_scene as one, one.bot() as bot:
        await stops(bot, number)


async def test_while_a_run_is_followed(tmp_path: Path, private_key: str) -> None:
    async with scene(tmp_path / "scene", private_key) as one:
        one.depot.plan(seconds=4.0)
        async with one.bot() as bot:
            await one.says(bot, "/depot run ci.yml job=test")
            await one.until(bot, lambda: bool(one.replies()))
            await stops(bot, signal.SIGTERM)
        assert not one.is_finished()
        await goes_on(one)


async def test_right_after_202(tmp_path: Path, private_key: str) -> None:
    async with scene(tmp_path / "scene", private_key) as one:
        async with one.bot() as bot:
            await one.says(bot, "/depot run ci.yml job=test")
            await stops(bot, signal.SIGTERM)
        await goes_on(one)


async def test_while_depot_takes_its_time_to_start_a_run(tmp_path: Path, private_key: str) -> None:
    async with scene(tmp_path / "scene", private_key) as one:
        one.depot.faults.late("Run", seconds=2.0)
        async with one.bot() as bot:
            await one.says(bot, "/depot run ci.yml job=test")
            await one.until(bot, lambda: bool(one.depot.calls_of("Run")))
            await stops(bot, signal.SIGTERM, within=2.0 + SOON)
        await goes_on(one)
        (reply,) = one.replies()
        assert runs.adopted() not in reply.body


async def goes_on(one: Scene) -> None:
    await one.goes_on()
    one.assert_all_is_well()
