"""Conversations about `/depot run`."""

from __future__ import annotations

import pytest

from bot.demo.depot import SimulatedDepot
from tests.conversation import Conversation

pytestmark = pytest.mark.anyio


async def test_a_run_is_followed_to_its_end(pr: Conversation, depot: SimulatedDepot) -> None:
    comment = await pr.says("alice", "/depot run ci.yml job=test")
    (run,) = depot.runs
    link = f"[`{run.run_id}`](https://depot.dev/orgs/{depot.org_id}/workflows/{run.run_id})"
    name = f"Run {link} of `ci.yml` (`test`) on `{pr.head[:7]}`"
    assert pr.reply() == f"{name}: queued."
    assert [reaction.content for reaction in comment.reactions] == ["eyes"]
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name}: **finished** in")
