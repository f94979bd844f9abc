"""What all persons without the write role are answered: a quarter of what may be written."""

from __future__ import annotations

import pytest

from bot.core.rate_limit import UNPRIVILEGED_PER_HOUR
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import CONFIG, hears_all, rules

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


async def uses_up_the_share(pr: Conversation) -> None:
    for person in range(20):
        for verb in ("help", "run ci.yml", "status", "can-i", "logs", "oops"):
            pr.github.comment(REPO, 1, f"stranger-{person}", f"/depot {verb}")
        await pr.passes(30)
    hears_all(pr)


@pytest.mark.parametrize(
    "line",
    ["/depot help", "/depot rum ci.yml", "/depot help run\n/depot bogus", "- /depot run ci.yml"],
)
async def test_a_writer_is_answered_whatever_they_type(pr: Conversation, line: str) -> None:
    """The role is read before an answer is dropped, also where the answer takes none."""
    await uses_up_the_share(pr)
    before = len(pr.github.thread(REPO, 1).comments)
    await pr.says("alice", line)
    assert len(pr.github.thread(REPO, 1).comments) == before + 2
    hears_all(pr)


async def test_a_role_that_cannot_be_read_now_drops_nothing(pr: Conversation) -> None:
    await uses_up_the_share(pr)
    away = pr.github.faults.answer("GET", "/repos/octo/hello", 503, "", times=None)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(1000)
    away.lift()
    await pr.passes(120)
    assert "nothing was run" in pr.reply()


async def test_a_result_is_not_dropped(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: triage}\n")
    pr.depot.plan(seconds=3000.0)
    await pr.says("trudy", "/depot run ci.yml")
    await uses_up_the_share(pr)
    await pr.passes(2 * 3600)
    replies = [c.body for c in pr.github.thread(REPO, 1).comments if "`ci.yml` on" in c.body]
    assert "✅ passed" in replies[0]
    hears_all(pr)


async def test_the_check_of_a_config_is_owed_to_a_writer(pr: Conversation) -> None:
    await uses_up_the_share(pr)
    pr.github.push(REPO, 1, {CONFIG: "fault: 1\n"})
    await pr.settles()
    assert "fault" in pr.reply()
