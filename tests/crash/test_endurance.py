"""A few rounds of each kind of trouble; `make endurance` prints the whole table."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.endurance import TROUBLES, Trouble, play

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("trouble", "store", "rounds"),
    [
        pytest.param(trouble, store, short, id=f"{trouble.__name__}-{store}")
        for trouble, store, _, short in TROUBLES
        if short is not None
    ],
)
async def test_nothing_is_lost_or_doubled(
    trouble: Trouble, store: str, rounds: int, private_key: str, tmp_path: Path
) -> None:
    row = await play(trouble, store, rounds, private_key, tmp_path)
    assert row.is_clean, str(row)
