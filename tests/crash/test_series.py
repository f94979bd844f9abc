"""Six runs of the same are wanted, and the bot dies again and again while it starts them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.harness import Point, scene
from tests.crash.test_attempts import Deaths, Part, first_reply, ledger, plays
from tests.support.conversation import REPO

pytestmark = pytest.mark.anyio

RUN = "POST Run"


class DeathsAtStarts(Deaths):
    """The bot dies so often right after a start, whose outcome it does not hear of."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.left = times

    def __call__(self, point: Point) -> bool:
        if point.request != RUN or not point.after or not self.left:
            return False
        self.left -= 1
        return True


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
async def test_each_is_started_once(tmp_path: Path, private_key: str, store: str) -> None:
    deaths = DeathsAtStarts(2)
    with ledger(store) as url:
        async with scene(tmp_path / "scene", private_key, deaths, database_url=url) as one:
            one.depot.plan(job="test", seconds=0.5)
            one.github.role(REPO, "alice", "maintain")
            typed = "/depot run ci.yml job=test times=6"
            await plays(one, deaths, [Part(typed, "✅ 6 passed, 0 failed")])
    assert len(one.executioner.died) == 2
    assert len(one.depot.runs) == 6
    assert len({line for line in first_reply(one).splitlines() if line.startswith("| ")}) == 7
