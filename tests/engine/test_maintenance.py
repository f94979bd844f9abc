"""Deliveries that never reached the bot are sent again, as long and as often as it makes sense."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace

import httpx
import pytest
from structlog.testing import capture_logs

from bot.core.clock import DAY
from bot.core.credentials import TokenCredentials
from bot.core.types import RepoName
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.demo.simulators.github.rest import RequestRecord
from bot.engine.maintenance import DELIVERIES_EVERY, MAX_ASKED, WINDOW_SECONDS, Sweeper
from bot.github.api import GitHub
from bot.messages import refusals
from tests.contracts.checks import transport_to
from tests.support.commands import reason, said
from tests.support.conversation import REPO, Conversation, ManualClock, untouched
from tests.support.pull_requests import hears_all

pytestmark = pytest.mark.anyio

LIST = "/app/hook/deliveries"
AGAIN = re.compile(r"/app/hook/deliveries/(\d+)/attempts")


async def misses(pr: Conversation, *bodies: str) -> list[str]:
    """Alice comments while the bot is away; the ids of the deliveries."""
    pr.github.hook_down = True
    for body in bodies:
        pr.github.comment(REPO, 1, "alice", body)
    outcomes = await pr.settles()
    pr.github.hook_down = False
    assert [outcome.ok for outcome in outcomes] == [False] * len(bodies)
    return [outcome.delivery.guid for outcome in outcomes]


async def sweep(pr: Conversation) -> list[RequestRecord]:
    """One sweep; what it asked of GitHub."""
    before = len(pr.github.requests)
    await pr.services.sweeper.deliveries()
    return pr.github.requests[before:]


def redelivered(github: SimulatedGitHub) -> list[str]:
    """The ids of what GitHub was asked to send again, in order."""
    return [one.delivery.guid for one in github.delivery_log if one.redelivery]


def asked_again(requests: list[RequestRecord]) -> int:
    return sum(AGAIN.fullmatch(request.path) is not None for request in requests)


# --- what is sent again --------------------------------------------------------------------------


async def test_a_missed_comment_is_answered(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    (guid,) = await misses(pr, "/depot run ci.yml")
    assert depot.runs == []
    await sweep(pr)
    await pr.settles()
    assert redelivered(github) == [guid]
    (run,) = depot.runs
    assert run.run_id in pr.reply()
    await pr.passes(600)
    assert "✅ passed" in pr.last_edit()


async def test_what_was_redelivered_successfully_is_left_alone(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    (guid,) = await misses(pr, "/depot help run")
    assert asked_again(await sweep(pr)) == 1
    assert asked_again(await sweep(pr)) == 0
    assert redelivered(github) == [guid]
    await pr.settles()
    assert "`/depot run" in pr.reply()


async def test_what_arrived_is_not_asked_for(pr: Conversation, github: SimulatedGitHub) -> None:
    await pr.says("alice", "/depot help run")
    pr.reply()
    await pr.says("alice", "just talking")
    assert github.delivery_log
    requests = await sweep(pr)
    assert [request.path for request in requests] == [LIST]


async def test_the_one_that_failed_among_those_that_did_not(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pr.says("alice", "/depot help run")
    pr.reply()
    (guid,) = await misses(pr, "/depot help list")
    await pr.says("alice", "just talking")
    await sweep(pr)
    assert redelivered(github) == [guid]
    await pr.settles()
    assert "`/depot list" in pr.reply()


async def test_one_that_arrived_and_was_not_answered_in_time_is_no_second_command(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    """GitHub counts it as failed, although it is in the ledger: its guid says so."""
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    at = next(
        place
        for place, one in enumerate(github.hooks.log)
        if one.delivery.event == "issue_comment" and one.delivery.action == "created"
    )
    github.hooks.log[at] = replace(github.hooks.log[at], status="timed out", status_code=504)
    await sweep(pr)
    assert redelivered(github) == [github.hooks.log[at].delivery.guid]
    await pr.settles()
    assert len(depot.runs) == 1
    await pr.passes(600)
    pr.last_edit()
    assert len(depot.runs) == 1


async def test_once_in_each_sweep_while_the_bot_cannot_be_reached(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    guids = await misses(pr, "/depot help run", "/depot help list")
    github.hook_down = True
    for turn in range(1, 4):
        assert asked_again(await sweep(pr)) == 2
        assert Counter(redelivered(github)) == dict.fromkeys(guids, turn)
        assert asked_again(await sweep(pr)) == 0  # not again at once
        pr.clock.time += DELIVERIES_EVERY * 2 ** (turn - 1)


async def test_an_outage_of_our_own_of_hours(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot
) -> None:
    await sweep(pr)
    await misses(pr, "/depot run ci.yml")
    github.hook_down = True
    for _ in range(60):
        await sweep(pr)
        pr.clock.time += DELIVERIES_EVERY
    assert len(redelivered(github)) < 8
    github.hook_down = False
    for _ in range(70):
        await sweep(pr)
        await pr.passes(DELIVERIES_EVERY)
    assert reason(pr) == "too-late"
    pr.reply()


async def test_what_is_on_the_first_page_does_not_wait_for_the_second(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await sweep(pr)
    github.hook_down = True
    for number in range(150):
        github.comment(REPO, 1, "alice", f"just talking, {number}")
    await pr.settles()
    github.hook_down = False
    github.faults.meanwhile("GET", LIST, lambda: None)
    github.faults.bad_gateway("GET", LIST, times=None)
    await sweep(pr)
    assert len(redelivered(github)) == 100


async def test_after_so_many_attempts_it_is_left_alone(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    (guid,) = await misses(pr, "/depot help run")
    github.hook_down = True
    for turn in range(MAX_ASKED + 3):
        await sweep(pr)
        pr.clock.time += DELIVERIES_EVERY * 2**turn
    attempts = [one for one in github.delivery_log if one.delivery.guid == guid]
    assert len(attempts) == 1 + MAX_ASKED


async def test_events_that_are_not_read_are_not_asked_for(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    github.hook_down = True
    github.ping()
    (outcome,) = await pr.settles()
    github.hook_down = False
    assert (outcome.ok, outcome.delivery.event) == (False, "ping")
    assert asked_again(await sweep(pr)) == 0


async def test_every_event_that_is_read_is_asked_for(
    pr: Conversation, github: SimulatedGitHub, clock: ManualClock
) -> None:
    github.hook_down = True
    github.push(REPO, 1, {"more.txt": "more\n"})
    github.review(REPO, 1, "maya", "/depot help run", "approved")
    outcomes = await pr.settles()
    github.hook_down = False
    events = {outcome.delivery.event for outcome in outcomes}
    assert {"pull_request", "pull_request_review"} <= events
    await sweep(pr)
    assert sorted(redelivered(github)) == sorted(outcome.delivery.guid for outcome in outcomes)
    await pr.settles()
    assert "`/depot run" in pr.reply()
    # The head it missed is known now.
    newest, *_ = await pr.services.ledger.pull_requests.newest_heads(RepoName(REPO), 1)
    assert (newest.sha, newest.since) == (pr.head, clock.time)


async def test_a_new_ledger_looks_a_quarter_of_an_hour_back(
    pr: Conversation, github: SimulatedGitHub, clock: ManualClock
) -> None:
    """And from then on since its last look, however long that was ago."""
    clock.time += 20 * 60
    (young,) = await misses(pr, "/depot help list")
    clock.time += 10 * 60
    await sweep(pr)
    await pr.settles()
    assert redelivered(github) == [young]
    (missed,) = await misses(pr, "/depot help list")
    clock.time += WINDOW_SECONDS - 100
    await sweep(pr)
    assert redelivered(github) == [young, missed]
    await pr.settles()
    assert len(said(pr)) == 2
    hears_all(pr)


async def test_what_github_no_longer_has_is_logged(pr: Conversation, clock: ManualClock) -> None:
    await sweep(pr)
    clock.time += WINDOW_SECONDS + 1
    with capture_logs() as logs:
        await sweep(pr)
        await sweep(pr)
    events = [log["event"] for log in logs if log["event"] != "upstream_trouble_began"]
    assert events == ["deliveries_out_of_reach"]


async def test_behind_any_number_of_newer_ones(pr: Conversation, github: SimulatedGitHub) -> None:
    (guid,) = await misses(pr, "/depot help run")
    outcome = next(one for one in github.hooks.log if one.delivery.guid == guid)
    newer = [
        replace(outcome, id=outcome.id + n, status="OK", status_code=200) for n in range(1, 3101)
    ]
    github.hooks.log += [
        replace(one, delivery=replace(one.delivery, guid=f"{n}")) for n, one in enumerate(newer)
    ]
    requests = await sweep(pr)
    assert redelivered(github) == [guid]
    assert len(requests) < 5
    await pr.settles()
    assert "`/depot run" in pr.reply()


async def test_an_older_server_lists_all(pr: Conversation, github: SimulatedGitHub) -> None:
    """It knows no `status`: the pages are walked back."""
    (guid,) = await misses(pr, "/depot help run")
    for number in range(250):
        github.comment(REPO, 1, "alice", f"just talking, {number}")
    await pr.settles()
    await pr.services.github.failed_deliveries(0.0)
    github.hooks.knows_status = False
    requests = await sweep(pr)
    assert [request.path for request in requests].count(LIST) == 3
    assert redelivered(github) == [guid]
    await pr.settles()
    assert "`/depot run" in pr.reply()


async def test_a_look_that_breaks_off_is_made_again(
    pr: Conversation, github: SimulatedGitHub, clock: ManualClock
) -> None:
    await sweep(pr)
    (guid,) = await misses(pr, "/depot help run")
    for _ in range(20):
        github.faults.bad_gateway("GET", LIST)
        clock.time += 300
        await sweep(pr)
    await sweep(pr)
    assert redelivered(github) == [guid]
    await pr.settles()
    assert "`/depot run" in pr.reply()


async def test_what_failed_first_is_sent_first(pr: Conversation, github: SimulatedGitHub) -> None:
    # Commands are decided in the order of their comments; one that is not there yet cannot be.
    guids = await misses(pr, "first", "second", "third")
    await sweep(pr)
    assert redelivered(github) == guids


# --- late ----------------------------------------------------------------------------------------


async def test_a_command_that_arrives_late_is_answered_and_not_run(
    pr: Conversation, depot: SimulatedDepot, clock: ManualClock
) -> None:
    await sweep(pr)
    await misses(pr, "/depot run ci.yml\n\n/depot help run")
    clock.time += 15 * 60 + 1
    await sweep(pr)
    await pr.settles()
    said = pr.reply()
    assert refusals.too_late(15) in said
    assert "`/depot run [WORKFLOW …]" in said  # what changes nothing is answered all the same
    assert depot.runs == []
    assert untouched(depot)


async def test_a_command_that_arrives_just_in_time_is_run(
    pr: Conversation, depot: SimulatedDepot, clock: ManualClock
) -> None:
    await misses(pr, "/depot run ci.yml")
    clock.time += 15 * 60 - 1
    await sweep(pr)
    await pr.settles()
    (run,) = depot.runs
    assert run.run_id in pr.reply()
    await pr.passes(600)
    pr.last_edit()


# --- trouble -------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["bad_gateway", "drop", "truncate", "secondary_limit"])
async def test_a_github_that_is_down_is_only_logged(
    what: str, pr: Conversation, github: SimulatedGitHub
) -> None:
    (guid,) = await misses(pr, "/depot help run")
    fault = getattr(github.faults, what)("GET", LIST)
    with capture_logs() as logs:
        assert asked_again(await sweep(pr)) == 0
    events = [log["event"] for log in logs if log["event"] != "upstream_trouble_began"]
    assert events == ["missed_deliveries_lookup_failed"]
    fault.lift()
    await sweep(pr)
    assert redelivered(github) == [guid]
    await pr.settles()
    assert "`/depot run" in pr.reply()


async def test_one_that_github_refuses_does_not_keep_others_from_being_sent(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    guids = await misses(pr, "/depot help run", "/depot help list", "/depot help why")
    github.hook_down = True
    for refused in guids[0], guids[2]:  # at whichever end it begins
        newest = {one.delivery.guid: one.id for one in github.delivery_log}
        fault = github.faults.answer(
            "POST", f"/app/hook/deliveries/{newest[refused]}/attempts$", 422, times=None
        )
        await sweep(pr)
        fault.lift()
        pr.clock.time += DELIVERIES_EVERY
    assert Counter(redelivered(github)) == dict(zip(guids, (1, 2, 1), strict=True))


async def test_a_bot_account_has_no_log_of_deliveries(
    pr: Conversation, github: SimulatedGitHub, clock: ManualClock
) -> None:
    await misses(pr, "/depot help run")
    with transport_to(github) as way:
        async with httpx.AsyncClient(transport=way) as client:
            hub = GitHub(client, TokenCredentials("ghp_x"), url=str(github.bodies.api), clock=clock)
            github.requests.clear()
            await Sweeper(pr.services.ledger, hub, clock, keep_days=90).deliveries()
    assert github.requests == []
    assert redelivered(github) == []


# --- old rows ------------------------------------------------------------------------------------


async def test_old_rows_go(pr: Conversation, clock: ManualClock) -> None:
    await pr.says("alice", "/depot help run")
    pr.reply()
    sweeper = pr.services.sweeper
    with capture_logs() as logs:
        await sweeper.old_rows()
        clock.time += 90 * DAY + 1
        await sweeper.old_rows()
        await sweeper.old_rows()
    # That comment, and that the pull request was opened.
    assert [(log["event"], log["count"]) for log in logs] == [("old_work_items_deleted", 2)]
    # A comment that is delivered again after all that time is new to the ledger, and far too late.
    assert await pr.services.ledger.queue.until_due() is None
