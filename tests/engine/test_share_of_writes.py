"""What all persons without the write role are answered: a quarter of what may be written."""

from __future__ import annotations

import pytest

from bot.core.rate_limit import UNPRIVILEGED_PER_HOUR
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio


def writes(pr: Conversation) -> int:
    """Comments and reactions that were posted."""
    return sum(
        request.method == "POST" and ("comments" in request.path or "reactions" in request.path)
        for request in pr.github.requests
    )


async def test_many_strangers_cost_a_quarter_and_a_writer_is_answered(pr: Conversation) -> None:
    for person in range(20):
        for verb in ("help", "run ci.yml", "status", "can-i", "logs", "oops"):
            pr.github.comment(REPO, 1, f"stranger-{person}", f"/depot {verb}")
        await pr.passes(30)
    assert UNPRIVILEGED_PER_HOUR * 0.9 < writes(pr) <= UNPRIVILEGED_PER_HOUR
    hears_all(pr)
    await pr.says("alice", "/depot list")
    assert "`ci.yml`" in pr.reply()
    await pr.says("mallory", "/depot help")
    pr.assert_said_nothing_else()
