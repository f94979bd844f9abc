"""A reply whose posting was not answered: the list is given time, and twins are told apart."""

from __future__ import annotations

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Fault, SimulatedGitHub
from bot.messages.reply import answers
from tests.support.commands import said
from tests.support.conversation import Conversation, visible
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml"
COMMENTS = r"/issues/1/comments$"
JSON = {"content-type": "application/json; charset=utf-8"}


def lags(github: SimulatedGitHub) -> Fault:
    """The list of comments does not show what was written just now."""
    return github.faults.answer("GET", COMMENTS, 200, "[]", JSON, times=None)


def posts(github: SimulatedGitHub) -> int:
    return sum(one.method == "POST" and one.path.endswith("/comments") for one in github.requests)


@pytest.mark.parametrize("trouble", ["lose_answer", "truncate"])
async def test_the_list_is_given_time(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, trouble: str
) -> None:
    getattr(github.faults, trouble)("POST", COMMENTS)
    lag = lags(github)
    await pr.says("alice", RUN)
    await pr.passes(3)
    lag.lift()
    await pr.passes(600)
    (reply,) = said(pr)
    assert "✅ passed" in reply.body
    assert posts(github) == 1
    hears_all(pr)


async def test_of_twins_the_older_points_to_the_newer(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.plan(seconds=600.0)
    github.faults.lose_answer("POST", COMMENTS)
    lag = lags(github)
    await pr.says("alice", RUN)
    await pr.passes(30)
    lag.lift()
    assert len(said(pr)) == 2
    await pr.passes(60)
    older, newer = said(pr)
    assert visible(older.body) == (
        "GitHub took this reply twice. [The other one]"
        f"(https://github.com/octo/hello/pull/1#issuecomment-{newer.id}) is kept up to date."
    )
    assert answers(older.body) is None
    await pr.passes(3600)
    older, newer = said(pr)
    assert "✅ passed" in newer.body
    assert answers(newer.body) is not None
    assert posts(github) == 2 + len(pr.mentions())
    looks = sum(one.method == "GET" and one.path.endswith("/comments") for one in github.requests)
    assert looks < 15
    hears_all(pr)


async def test_both_answers_are_lost(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.lose_answer("POST", COMMENTS, times=2)
    lag = lags(github)
    await pr.says("alice", RUN)
    await pr.passes(16)
    lag.lift()
    await pr.passes(3600)
    bodies = [one.body for one in said(pr)]
    assert sum("is kept up to date" in body for body in bodies) == len(bodies) - 1
    assert "✅ passed" in bodies[-1]
    hears_all(pr)


@pytest.mark.parametrize("status", [401, 429, 409, 403])
async def test_what_was_certainly_not_posted_is_not_looked_for(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, status: int
) -> None:
    headers = {"retry-after": "5"} if status in {403, 429} else {}
    github.faults.answer("POST", COMMENTS, status, "{}", headers)
    await pr.says("alice", RUN)
    await pr.passes(6)
    assert len(said(pr)) == 1
    assert not [
        one for one in github.requests if one.path.endswith("/comments") and one.method == "GET"
    ]
    hears_all(pr)


async def test_a_reply_that_was_deleted_meanwhile_has_no_twin(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.lose_answer("POST", COMMENTS)
    lag = lags(github)
    await pr.says("alice", RUN)
    await pr.passes(30)
    assert len(said(pr)) == 2
    await pr.passes(3600)  # the list never shows them
    assert len(said(pr)) == 2
    assert lag.hits < 15
    hears_all(pr)
