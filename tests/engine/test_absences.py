"""What GitHub's webhook has just named, and its API does not have, or does not show, yet."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from tests.support.commands import pushes, reason
from tests.support.conversation import REPO, Conversation, ManualClock, untouched
from tests.support.pull_requests import CONFIG, ends, hears_all, reactions, rules, runs

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml job=test"
ROLE = "/permission$"
READS = {
    "the role": ROLE,
    "the pull request": "/pulls/1$",
    "the workflow folder": r"/contents/\.depot/workflows$",
    "the workflow file": r"/contents/\.depot/workflows/ci\.yml$",
}
NEEDS_ADMIN = "`run` needs the `admin` role in this repository; you have `write`."
LACKING: Mapping[str, str] = {"x-accepted-github-permissions": "contents=read"}


ON_PUSH = "automations:\n- {on: synchronize, do: run ci.yml, paths: [change.txt]}\n"


def asked(github: SimulatedGitHub, path: str) -> int:
    return sum(one.path.endswith(path) for one in github.requests)


@pytest.mark.parametrize("status", [404, 403])
@pytest.mark.parametrize("read", READS)
async def test_once_not_there(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, read: str, status: int
) -> None:
    github.faults.answer("GET", READS[read], status, "{}")
    await pr.says("alice", RUN)
    if read != "the workflow file":  # which is read again at once, since the folder lists it
        pr.assert_said_nothing_else()
    await pr.passes(30)
    assert "of `ci.yml` (`test`)" in pr.reply()
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)
    await ends(pr)


@pytest.mark.parametrize("read", [read for read in READS if read != "the role"])
async def test_for_a_second(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, read: str
) -> None:
    github.faults.answer("GET", READS[read], 404, "{}")
    await pr.says("alice", RUN)
    await pr.passes(2)  # nobody waits half a minute for it
    assert "of `ci.yml` (`test`)" in pr.reply()
    await ends(pr)


@pytest.mark.parametrize("status", [410, 451])
async def test_what_is_gone_is_not_asked_for_again(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, status: int
) -> None:
    github.faults.answer("GET", READS["the pull request"], status, "{}", times=None)
    await pr.says("alice", RUN)
    assert pr.reply().startswith("GitHub does not let this bot see or do what that needs.")
    assert reason(pr) == "github-refused"
    assert untouched(depot)


@pytest.mark.parametrize("read", ["the pull request", "the workflow folder"])
async def test_a_permission_that_is_missing_is_named(
    pr: Conversation, github: SimulatedGitHub, read: str
) -> None:
    github.faults.answer("GET", READS[read], 403, "{}", LACKING, times=None)
    await pr.says("alice", RUN)
    await pr.passes(29)
    pr.assert_said_nothing_else()
    await pr.passes(1)
    assert "which needs the permission `contents: read`." in pr.reply()
    assert runs(pr) == []


async def test_an_absence_is_not_kept(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    away = github.faults.answer("GET", READS["the workflow folder"], 404, "{}", times=None)
    await pr.says("alice", RUN)
    await pr.passes(30)
    assert pr.reply().startswith("There are no workflow files")
    away.lift()
    await pr.says("alice", RUN)
    assert "of `ci.yml` (`test`)" in pr.reply()
    await ends(pr)


async def test_an_outage_and_then_an_absence(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    folder = READS["the workflow folder"]
    outage = github.faults.bad_gateway("GET", folder, times=None)
    await pr.says("alice", RUN)
    assert pr.reply() == "GitHub does not answer right now; still trying."
    await pr.passes(60)
    outage.lift()
    github.faults.answer("GET", folder, 404, "{}")
    await pr.passes(120)
    assert len(depot.calls_of("Run")) == 1  # the one 404 was not believed
    await ends(pr)


async def test_absences_of_different_things_do_not_add_up(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, clock: ManualClock
) -> None:
    """The first was seen long ago, since the bot was away."""
    away = github.faults.answer("GET", READS["the pull request"], 404, "{}", times=None)
    await pr.says("alice", RUN)
    clock.time += 120
    away.lift()
    github.faults.answer("GET", READS["the workflow folder"], 404, "{}")
    await pr.passes(30)
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)
    await ends(pr)


async def test_another_absence_after_the_first(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    away = github.faults.answer("GET", READS["the pull request"], 404, "{}", times=None)
    await pr.says("alice", RUN)
    await pr.passes(25)
    away.lift()
    github.faults.answer("GET", READS["the workflow folder"], 404, "{}")
    await pr.passes(60)
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)
    await ends(pr)


# --- somebody whom GitHub does not know ----------------------------------------------------------


async def test_a_stranger_costs_two_reads(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    github.faults.answer("GET", ROLE, 404, "{}", times=None)
    await pr.says("mallory", RUN)
    pr.assert_said_nothing_else()
    assert asked(github, "/mallory/permission") == 1
    await pr.passes(29)
    assert asked(github, "/mallory/permission") == 1
    await pr.passes(1)
    assert asked(github, "/mallory/permission") == 2
    assert pr.reply().startswith("`run` needs the `write` role in this repository; you have none.")
    assert depot.calls == []
    await pr.passes(3600)
    assert asked(github, "/mallory/permission") == 2


# --- the repository's rules ----------------------------------------------------------------------


@pytest.mark.parametrize("status", [404, 410])
async def test_rules_that_are_listed_are_never_absent(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, status: int
) -> None:
    await rules(pr, "permissions: {run: admin}\n")
    github.faults.answer("GET", f"/contents/{CONFIG}$", status, "{}", times=3)
    await pr.says("alice", RUN)
    await pr.passes(60)
    assert pr.reply() == "GitHub does not answer right now; still trying."
    assert pr.last_edit().startswith(NEEDS_ADMIN)
    assert depot.calls == []


async def test_rules_that_came_without_their_end_are_read_again(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    await rules(pr, "permissions:\n  help: read  # how it works is for all to see\n  run: admin\n")
    github.faults.truncate("GET", f"/contents/{CONFIG}$", times=2)
    await pr.says("alice", RUN)
    await pr.passes(60)
    assert pr.reply() == "GitHub does not answer right now; still trying."
    assert pr.last_edit().startswith(NEEDS_ADMIN)
    assert depot.calls == []


async def test_rules_that_are_not_listed_are_read_all_the_same(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    await rules(pr, "permissions: {run: admin}\n")
    github.faults.answer("GET", r"/contents/\.github$", 404, "{}")
    await pr.says("alice", RUN)
    assert pr.reply().startswith(NEEDS_ADMIN)


async def test_rules_are_not_absent_when_all_else_is_absent_too(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    """The whole repository for a moment: file and folder agree, and are no evidence."""
    await rules(pr, "permissions: {run: admin}\n")
    github.faults.answer("GET", "/contents/", 404, "{}", times=3)
    github.faults.answer("GET", ROLE, 404, "{}")
    await pr.says("alice", RUN)
    await pr.passes(61)
    assert pr.reply().startswith(NEEDS_ADMIN)
    assert runs(pr) == []


async def test_the_check_of_a_config_finds_it(pr: Conversation, github: SimulatedGitHub) -> None:
    await pushes(pr, {CONFIG: "permissions: {run: wirte}\n"})
    await pr.passes(120)
    assert "wirte" in pr.github.thread(REPO, 1).comments[-1].body
    hears_all(pr)


async def test_a_bot_where_the_rules_are_hidden_for_a_moment(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    await rules(pr, "bots: [renovate]\n")
    github.faults.answer("GET", f"/contents/{CONFIG}$", 403, "{}", times=2)
    await pr.says("renovate[bot]", RUN)
    await pr.passes(60)
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)


async def test_a_bot_where_the_rules_are_hidden_for_good(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    github.faults.answer("GET", "/contents/", 403, "{}", times=None)
    comment = await pr.says("renovate[bot]", RUN)
    await pr.passes(24 * 3600)
    assert depot.calls == []
    assert asked(github, f"/contents/{CONFIG}") < 12
    assert reactions(comment) == []


# --- what an event sets off ----------------------------------------------------------------------


@pytest.mark.parametrize(
    "read", ["/files$", f"/contents/{CONFIG}$", "/permission$", r"/contents/\.depot/workflows$"]
)
@pytest.mark.parametrize("status", [404, 403, 502])
async def test_an_automation_is_not_lost(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, read: str, status: int
) -> None:
    await rules(pr, ON_PUSH)
    github.faults.answer("GET", read, status, "{}", times=1 if "permission" in read else 2)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(120)
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)


async def test_an_automation_waits_for_an_outage_of_ten_minutes(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    await rules(pr, ON_PUSH)
    outage = github.faults.bad_gateway("GET", "/files$", times=None)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(600)
    outage.lift()
    await pr.passes(120)
    assert len(depot.calls_of("Run")) == 1
    hears_all(pr)
