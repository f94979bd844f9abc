"""Round trips to GitHub and Depot, one after the other, from a webhook to `Run`."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.demo.simulators.github import generate_private_key
from tests.bench.table import Row, at_most
from tests.support.latency import distant_bot
from tests.support.loops import SkippingLoop

COMMAND = "/depot run ci.yml job=test"


async def rows(folder: Path) -> list[Row]:
    """Counted, not timed: see `tests.support.latency`, which needs a loop of its own."""
    found = await asyncio.to_thread(_measure, folder)
    return [
        at_most("round trips to `Run`, the token not known yet", found[0], 5),
        at_most("round trips to `Run`, all known", found[1], 3),
    ]


def _measure(folder: Path) -> list[float]:
    with asyncio.Runner(loop_factory=SkippingLoop) as runner:
        return runner.run(_count(folder))


async def _count(folder: Path) -> list[float]:
    async with distant_bot(folder, generate_private_key()) as scene:
        await scene.hears_of_the_head()
        scene.services.github.forget_token(scene.stage.github.installations[0].id)
        cold = await scene.round_trips(COMMAND)
        return [cold, await scene.round_trips(f"{COMMAND} force")]
