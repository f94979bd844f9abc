"""Where else a failure was seen keeps nobody waiting for how a run ended."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bot.engine.known_failures import LOOK_SECONDS
from tests.support.base_branch import ERROR
from tests.support.commands import CI
from tests.support.conversation import HOOK, REPO
from tests.support.latency import ROUND_TRIP, distant_bot
from tests.support.loops import SkippingLoop, skipping_loop

pytestmark = pytest.mark.anyio

LATE = 10.0
"""Seconds that an answer takes more; it comes before the client gives up."""


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SkippingLoop}


@pytest.mark.parametrize("service", ["github", "depot"])
async def test_the_result_comes_first_and_the_rest_later(
    service: str, tmp_path: Path, private_key: str
) -> None:
    async with distant_bot(tmp_path, private_key) as scene:
        stage, github, depot = scene.stage, scene.github, scene.depot
        github.late = {"/commits": LATE} if service == "github" else {}
        depot.late = {"/ListWorkflows": LATE} if service == "depot" else {}
        await scene.hears_of_the_head()
        sha = stage.github.commit(REPO, "main", {"main.txt": "1\n"}, author="zoe")
        base = stage.depot.foreign_run(REPO, sha, CI, trigger="push")
        stage.depot.plan(job="test", outcome="failed", error_message=ERROR)
        stage.depot.finish(base.run_id, jobs={"test": "failed"})
        await asyncio.sleep(60)
        stage.github.comment(REPO, 1, "alice", "/depot run ci.yml")
        await stage.github.deliver(HOOK)
        texts: list[tuple[float, str]] = []
        for _ in range(120):
            await scene.services.worker.drain()
            reply = stage.github.comments(REPO, 1)[1].body
            if not texts or texts[-1][1] != reply:
                texts.append((skipping_loop().time(), reply))
            await asyncio.sleep(1)
        ended = next(at for at, request in depot.sent if request.endswith("/GetRunMetrics"))
        first, *rest = (one for one in texts if "❌ failed" in one[1])
        assert "Seen elsewhere" not in first[1]
        assert first[0] - ended <= LOOK_SECONDS + 5 * ROUND_TRIP < LATE
        assert "Also on `main` since" in rest[-1][1]
