"""A reply that GitHub refuses is owed: tried again for a day, and counted as written when it is."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.engine.publisher import OWED_SECONDS
from tests.support.commands import said
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml"
REFUSALS = [(403, '{"message":"locked"}'), (404, "{}"), (410, "{}"), (422, "{}"), (451, "{}")]


def tries(github: SimulatedGitHub, method: str) -> int:
    return sum(
        request.method == method and "comments" in request.path and "reactions" not in request.path
        for request in github.requests
    )


async def test_a_locked_conversation_is_tried_few_times_and_answered_when_it_is_unlocked(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.lock(REPO, 1)
    await pr.says("alice", RUN)
    await pr.passes(20 * 3600)
    assert said(pr) == []
    assert len(depot.runs) == 1
    assert tries(github, "POST") <= 40
    assert tries(github, "GET") == 0  # a refusal is an answer: nothing is to be looked for
    github.unlock(REPO, 1)
    await pr.passes(3700)
    (reply,) = said(pr)
    assert "✅ passed" in reply.body
    hears_all(pr)


async def test_after_a_day_it_is_left(pr: Conversation, github: SimulatedGitHub) -> None:
    github.lock(REPO, 1)
    await pr.says("alice", RUN)
    await pr.passes(OWED_SECONDS + 3700)
    before = tries(github, "POST")
    assert before <= 40
    await pr.passes(OWED_SECONDS)
    assert tries(github, "POST") == before


@pytest.mark.parametrize(("status", "body"), REFUSALS)
async def test_a_post_that_is_refused_is_written_later(
    pr: Conversation, github: SimulatedGitHub, status: int, body: str
) -> None:
    refusing = github.faults.answer("POST", r"/issues/1/comments$", status, body, times=None)
    await pr.says("alice", RUN)
    await pr.passes(600)
    assert said(pr) == []
    refusing.lift()
    await pr.passes(3600)
    (reply,) = said(pr)
    assert "✅ passed" in reply.body
    hears_all(pr)


@pytest.mark.parametrize(("status", "body"), [REFUSALS[0], *REFUSALS[3:]])
async def test_an_edit_that_is_refused_is_written_later(
    pr: Conversation, github: SimulatedGitHub, status: int, body: str
) -> None:
    await pr.says("alice", RUN)
    pr.reply()
    refusing = github.faults.answer("PATCH", "/comments/", status, body, times=None)
    await pr.passes(600)
    assert "✅ passed" not in said(pr)[0].body
    refusing.lift()
    await pr.passes(3600)
    assert "✅ passed" in pr.last_edit()


async def test_an_edit_that_is_not_found_once_is_written(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pr.says("alice", RUN)
    pr.reply()
    github.faults.answer("PATCH", "/comments/", 404, "{}")
    await pr.passes(600)
    assert "✅ passed" in pr.last_edit()


def uninstalled(github: SimulatedGitHub) -> None:
    github.uninstall("octo")


def deselected(github: SimulatedGitHub) -> None:
    github.install("octo", only=())


@pytest.mark.parametrize("leaves", [uninstalled, deselected])
async def test_an_app_that_is_away_for_a_while(
    pr: Conversation,
    depot: SimulatedDepot,
    github: SimulatedGitHub,
    leaves: Callable[[SimulatedGitHub], None],
) -> None:
    """The whole repository is not there for it: nobody has deleted the reply."""
    depot.plan(seconds=120.0)
    await pr.says("alice", RUN)
    await pr.passes(20)
    leaves(github)
    await pr.passes(600)
    github.install("octo")  # which GitHub counts as another installation, when it was gone
    await pr.passes(3700)
    (reply,) = said(pr)
    assert "✅ passed" in reply.body
    hears_all(pr)


async def test_one_that_was_deleted_is_asked_for_twice_and_not_posted_anew(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pr.says("alice", RUN)
    pr.reply()
    github.delete_comment(said(pr)[0], by="ada")
    await pr.passes(3600)
    assert said(pr) == []
    assert tries(github, "PATCH") <= 4  # twice for each state that it would have shown


async def test_a_refusal_and_then_a_404_is_no_deletion(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pr.says("alice", RUN)
    github.faults.answer("PATCH", "/comments/", 403, "{}")
    github.faults.answer("PATCH", "/comments/", 404, "{}")
    await pr.passes(1200)
    assert "✅ passed" in said(pr)[-1].body
    hears_all(pr)


@pytest.mark.parametrize("status", [403, 404])
async def test_without_a_look_nothing_is_posted_twice(
    pr: Conversation, github: SimulatedGitHub, status: int
) -> None:
    github.faults.lose_answer("POST", r"/issues/1/comments$")
    looking = github.faults.answer("GET", r"/issues/1/comments", status, "{}", times=None)
    await pr.says("alice", RUN)
    await pr.passes(600)
    looking.lift()
    await pr.passes(3600)
    (reply,) = said(pr)
    assert "✅ passed" in reply.body
    hears_all(pr)
