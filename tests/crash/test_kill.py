"""The bot is killed at requests that matter, and started again: one run, one reply.

`make endurance` kills it at each of them, on both stores.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.crash.endurance import Place, die_at
from tests.crash.harness import RUN_SECONDS, START, Point, Scene, scene
from tests.support.conversation import REPO

pytestmark = pytest.mark.anyio

REPLY = f"POST /repos/{REPO}/issues/N/comments"


async def test_killed_where_it_starts_a_run_and_where_it_answers(
    tmp_path: Path, private_key: str
) -> None:
    points = [
        Point(request, 0, after=after) for request in (START, REPLY) for after in (False, True)
    ]
    for row in await die_at(points, Place(tmp_path, private_key)):
        assert row.is_clean, str(row)


async def test_killed_at_everything_it_does_for_the_first_time(
    tmp_path: Path, private_key: str
) -> None:
    died: set[str] = set()

    def first_time(point: Point) -> bool:
        if not point.after or point.request in died:
            return False
        died.add(point.request)
        return True

    async with scene(tmp_path / "scene", private_key, first_time) as one:
        await one.plays()
        one.assert_all_is_well()
        assert len(one.executioner.died) >= 8


async def test_killed_right_after_202(tmp_path: Path, private_key: str) -> None:
    async with scene(tmp_path / "scene", private_key) as one:
        async with one.bot() as bot:
            delivery = await one.says(bot, "/depot run ci.yml job=test")
            await bot.dies()
        assert one.github.delivery_log[0].response_body == '{"result":"queued"}'
        await one.goes_on()
        assert delivery is one.github.delivery_log[0].delivery
        one.assert_all_is_well()


async def test_killed_while_the_run_is_followed(tmp_path: Path, private_key: str) -> None:
    async with scene(tmp_path / "scene", private_key) as one:
        one.depot.plan(seconds=3.0)
        async with one.bot() as bot:
            await one.says(bot, "/depot run ci.yml job=test")
            await one.until(bot, lambda: bool(one.replies()))
            await asyncio.sleep(0.5)
            await bot.dies()
        await one.goes_on()
        one.assert_all_is_well()


async def test_the_run_is_over_before_the_bot_comes_back(tmp_path: Path, private_key: str) -> None:
    def at_reply(point: Point) -> bool:
        return point.after and point.request == REPLY

    async with scene(tmp_path / "scene", private_key, at_reply) as one:
        async with one.bot() as bot:
            await one.says(bot, "/depot run ci.yml job=test")
            await bot.process.wait()
        await asyncio.sleep(RUN_SECONDS + 1.0)
        assert one.depot.runs[0].over
        await one.goes_on(patience=10.0)
        one.assert_all_is_well()


async def test_killed_in_the_middle_of_a_doubt(tmp_path: Path, private_key: str) -> None:
    async with scene(tmp_path / "scene", private_key) as one:
        one.depot.faults.drop("Run")
        one.depot.hide_new_runs(3.0)
        async with one.bot() as bot:
            await one.says(bot, "/depot run ci.yml job=test")
            await one.until(bot, lambda: bool(one.replies()))
            await bot.dies()
        await one.goes_on()
        one.assert_all_is_well()


async def test_killed_while_two_comments_wait(tmp_path: Path, private_key: str) -> None:
    def at_run(point: Point) -> bool:
        return point == Point(START, 0, after=True)

    async with scene(tmp_path / "scene", private_key, at_run) as one:
        async with one.bot() as bot:
            one.github.comment(REPO, 1, "alice", "/depot run ci.yml job=lint")
            one.github.comment(REPO, 1, "alice", "/depot run ci.yml job=test")
            await one.github.deliver(f"{bot.url}/webhook")
            await bot.process.wait()
        async with one.bot() as bot:
            for outcome in list(one.github.delivery_log):
                await one.delivers_again(bot, outcome.delivery)
            await one.until(bot, lambda: both_finished(one))
        assert sorted(run.job for run in one.depot.runs) == ["lint", "test"]
        assert len(one.replies()) == 2


def both_finished(one: Scene) -> bool:
    return sum("✅ passed" in reply.body for reply in one.replies()) == 2
