"""The bot is killed at each of its requests, and started again: one run, one reply."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conversation import REPO
from tests.crash.harness import RUN_SECONDS, Point, Scene, scene

pytestmark = pytest.mark.anyio

AT_ONCE = 8
"""Scenes that are played side by side: most of their time is spent waiting."""

START = "POST Run"
REPLY = f"POST /repos/{REPO}/issues/N/comments"


async def undisturbed(folder: Path, private_key: str) -> list[Point]:
    """All requests that a conversation makes when nobody dies."""
    async with scene(folder, private_key) as quiet:
        await quiet.plays()
        quiet.assert_all_is_well()
        return list(quiet.executioner.seen)


async def test_killed_at_each_request_before_and_after(tmp_path: Path, private_key: str) -> None:
    requests = await undisturbed(tmp_path / "quiet", private_key)
    points = [replace(point, after=after) for point in requests for after in (False, True)]
    assert {"POST Run", "POST ListRuns", "POST GetRunStatus"} <= {p.request for p in points}
    # The one that has to wait for a doubt to end goes first.
    points.sort(key=lambda point: point != Point(START, 0, after=False))
    failures = await die_at(points, tmp_path, private_key)
    assert not failures, "\n".join(failures)


async def die_at(points: Sequence[Point], folder: Path, private_key: str) -> list[str]:
    """Play a scene for each point; what went wrong, by point."""
    room = asyncio.Semaphore(AT_ONCE)
    failures: list[str] = []

    async def play(place: int, point: Point) -> None:
        async with room, scene(folder / str(place), private_key, point.__eq__) as one:
            try:
                await one.plays()
                one.assert_all_is_well()
                assert one.executioner.died == [point] or is_optional(point)
            except AssertionError as wrong:
                failures.append(f"{point}: {wrong}")

    await asyncio.gather(*(play(place, point) for place, point in enumerate(points)))
    return failures


def is_optional(point: Point) -> bool:
    """Whether a request is not made in each conversation: how often a run is looked at depends on
    the time that things take."""
    return point.request == "POST GetRunStatus" and point.nth > 0


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
    return sum("**finished**" in reply.body for reply in one.replies()) == 2
