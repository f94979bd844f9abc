"""How far a run is from its comment: round trips to GitHub and Depot that wait for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.core.types import RepoName
from tests.support.conversation import CI, HOOK, REPO
from tests.support.latency import Scene, distant_bot
from tests.support.loops import SkippingLoop

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    return "asyncio", {"loop_factory": SkippingLoop}


@pytest.fixture
async def scene(tmp_path: Path, private_key: str) -> AsyncIterator[Scene]:
    async with distant_bot(tmp_path, private_key) as scene:
        yield scene


async def test_nothing_is_known(scene: Scene) -> None:
    """The token, the role with the rules, the head with all that is read beside it, and `Run`."""
    await scene.hears_of_the_head()
    scene.services.github.forget_token(scene.stage.github.installations[0].id)
    assert await scene.round_trips("/depot run ci.yml job=test") == 4


async def test_the_head_is_known(scene: Scene) -> None:
    await scene.hears_of_the_head()
    assert await scene.round_trips("/depot run ci.yml job=test") == 3


async def test_all_is_known(scene: Scene) -> None:
    await scene.hears_of_the_head()
    await scene.round_trips("/depot run ci.yml job=test")
    assert await scene.round_trips("/depot run ci.yml job=build") == 3
    assert await scene.round_trips("/depot run nightly") == 3


async def test_the_head_was_never_heard_of(scene: Scene) -> None:
    """As after the App is installed: what is in the head is read after it, beside what dates it."""
    scene.stage.github.hooks.pending.clear()
    await scene.services.github.at(RepoName(REPO), None).config_texts()  # a token
    assert await scene.round_trips("/depot run ci.yml job=test") == 4


async def test_the_head_moved_unheard(scene: Scene) -> None:
    """The command names the commit: what is in it is read beside the head."""
    await scene.hears_of_the_head()
    scene.stage.github.push(REPO, 1, {"change.txt": "2\n"})
    head = scene.stage.github.pull(REPO, 1).head_sha
    scene.stage.github.hooks.pending.clear()
    assert await scene.round_trips(f"/depot run ci.yml job=test sha={head}") == 3


async def test_yaml_sent_along(scene: Scene) -> None:
    scene.stage.github.role(REPO, "alice", "maintain")
    await scene.hears_of_the_head()
    assert await scene.round_trips(f"/depot run\n```yaml\n{CI}\n```") == 3


async def test_two_commands_in_one_comment_look_twice(scene: Scene) -> None:
    """The second is not started on what was seen before the first."""
    await scene.hears_of_the_head()
    await asyncio.sleep(60)
    scene.github.sent.clear()
    scene.stage.github.comment(REPO, 1, "alice", "/depot run ci\n/depot run nightly")
    await scene.stage.github.deliver(HOOK)
    await scene.services.worker.drain()
    asked = [request for _, request in scene.github.sent if request.endswith("/pulls/1")]
    assert len(asked) == 2
    assert len(scene.stage.depot.runs) == 2
