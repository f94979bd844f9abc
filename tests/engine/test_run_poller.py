"""A run is looked at until it is over, and its reply says how it stands."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import pytest
from starlette.responses import Response
from structlog.testing import capture_logs

from bot.core.backoff import POLLING
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from bot.demo.simulators.github import SimulatedGitHub
from bot.depot.client import LONGEST_PAUSE
from bot.engine.active_runs import LISTING_SECONDS
from bot.engine.publisher import EDIT_SECONDS
from bot.engine.run_poller import GIVE_UP_SECONDS
from bot.messages import runs
from tests.support.commands import CI, SLOW, attempts, facts, pushes, ran, runs_on, said, stands
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import hears_all
from tests.support.sentences import again, name_of, queued

pytestmark = pytest.mark.anyio

DAY = 24 * 3600.0


@dataclass
class Once:
    """Something happens just before a call is looked at."""

    depot: SimulatedDepot
    run_id: str

    async def answer(self, work: Work) -> Response:
        self.depot.forget(self.run_id)
        return work().response()


def looks(depot: SimulatedDepot) -> list[float]:
    """When Depot was asked how a run stands."""
    return [call.at for call in depot.calls_of("GetRunStatus")]


def pauses(depot: SimulatedDepot) -> list[float]:
    return [round(after - before, 3) for before, after in pairwise(looks(depot))]


def skips_a_day(depot: SimulatedDepot) -> None:
    """Depot asks to be left alone, so that a day does not cost thousands of looks."""
    pauses, length = int(GIVE_UP_SECONDS / LONGEST_PAUSE) - 1, int(LONGEST_PAUSE)
    depot.faults.refuse("GetRunStatus", "resource_exhausted", retry_after=length, times=pauses)


async def starts(pr: Conversation, command: str = "run ci.yml") -> None:
    await pr.says("alice", f"/depot {command}")
    pr.reply()


async def lists_for(pr: Conversation, seconds: int) -> None:
    """Time passes, and the active runs are listed meanwhile."""
    for _ in range(int(seconds / LISTING_SECONDS)):
        await pr.services.steps.look()
        await pr.passes(LISTING_SECONDS)


# --- how often it is looked at -------------------------------------------------------------------


async def test_pauses_grow_from_two_seconds_to_thirty(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hold()
    started = pr.clock.time
    await starts(pr)
    await pr.passes(600)
    stands(pr)
    seen = pauses(depot)
    assert looks(depot)[0] - started == POLLING.first
    assert seen == sorted(seen)
    assert POLLING.first <= seen[0] < 4
    assert seen[-1] == POLLING.longest
    assert all(after <= before * 1.5 for before, after in pairwise(seen))


async def test_a_run_that_is_over_is_looked_at_no_more(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await ran(pr, depot)
    before = len(depot.calls)
    await pr.passes(DAY)
    assert len(depot.calls) == before


async def test_a_waiting_run_costs_one_call_a_look(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.hold()
    await starts(pr)
    before = len(depot.calls)
    await pr.passes(600)
    stands(pr)
    assert {call.method for call in depot.calls[before:]} == {"GetRunStatus"}


async def test_many_checks_in_one_second_cost_one_look_and_one_after_the_last(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    pr.github.check_run_webhooks = True
    began, seen = pr.clock.time, len(looks(depot))
    for job in range(50):
        pr.github.upsert_check_run(pr.repo, run.sha, f"job {job}", "completed", "success")
        await pr.settles()
        pr.clock.time = began + job / 50
    assert looks(depot)[seen:] == [began]
    depot.finish(run.run_id)
    await pr.settles()
    assert looks(depot)[seen:] == [began]
    await pr.passes(POLLING.first)
    assert looks(depot)[seen:] == [began, began + POLLING.first]
    assert stands(pr)[0].startswith(f"{name_of(run)}: ✅ passed")
    await pr.passes(60)
    hears_all(pr)


async def test_depots_wish_to_be_left_alone_is_obeyed(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hold()
    await starts(pr)
    depot.faults.refuse("GetRunStatus", "resource_exhausted", retry_after=120)
    await pr.passes(600)
    stands(pr)
    assert pauses(depot)[0] == 120


# --- how often it is edited ----------------------------------------------------------------------


async def test_edits_come_on_changes_only(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.hold()
    await starts(pr)
    await pr.passes(900)
    texts = [version.body for version in said(pr)[0].versions]
    assert len(texts) == len(set(texts)) == 2  # queued, then queued with its jobs
    stands(pr)
    patches = [request for request in github.requests if request.method == "PATCH"]
    assert len(patches) == 1


async def test_edits_are_ten_seconds_apart_but_the_last_comes_at_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    keys = [f"job{number}" for number in range(12)]
    jobs = "".join(f"  {key}:\n    runs-on: x\n    steps: [{{run: make}}]\n" for key in keys)
    await pushes(pr, {CI: f"on: push\njobs:\n{jobs}"})
    for place, key in enumerate(keys):
        depot.plan(job=key, seconds=3.0 * place + 1)
    await starts(pr)
    await pr.passes(120)
    pr.last_edit()
    (run,) = depot.runs
    times = [version.time for version in said(pr)[0].versions]
    gaps = [after - before for before, after in pairwise(times)]
    assert len(gaps) >= 3
    assert all(gap >= EDIT_SECONDS for gap in gaps[:-1])
    # The end is told at the look that finds it.
    assert times[-1] == looks(depot)[-1]
    assert "✅ passed" in said(pr)[0].body
    assert run.over


async def test_an_end_within_ten_seconds_of_an_edit_is_told_at_once(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(queued=0, seconds=3)
    await starts(pr)
    await pr.passes(9)
    assert pr.edited().startswith(f"{name_of(depot.runs[0])}: ✅ passed in")


# --- what ends the following ---------------------------------------------------------------------


async def test_a_run_that_stays_queued_is_given_up_in_words(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hold()
    await starts(pr)
    (run,) = depot.runs
    await pr.passes(60)
    stands(pr)
    skips_a_day(depot)
    await pr.passes(GIVE_UP_SECONDS - 61)
    pr.assert_said_nothing_else()
    await pr.passes(120)
    text = pr.edited()
    assert text.startswith(f"{queued(run)}\n\n{runs.following_given_up()}")
    before = len(depot.calls)
    await pr.passes(DAY)
    assert len(depot.calls) == before


async def test_a_run_that_was_given_up_and_then_cancelled(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hold()
    await starts(pr)
    skips_a_day(depot)
    await pr.passes(GIVE_UP_SECONDS + 120)
    assert runs.following_given_up() in stands(pr)[0]
    await pr.says("alice", "/depot cancel")
    pr.reply()
    await pr.passes(60)
    first, second = stands(pr)
    assert "🚫 cancelled" in first
    assert "🚫 cancelled" in second
    assert runs.following_given_up() not in first


async def test_a_run_that_disappears(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    depot.forget(run.run_id)
    await pr.passes(120)
    text = pr.edited()
    assert text.startswith(f"{name_of(run)}: ⏳ running.\n\n{runs.run_disappeared()}")
    before = len(depot.calls)
    await pr.passes(DAY)
    assert len(depot.calls) == before


async def test_a_run_that_is_not_there_for_a_moment(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    depot.faults.refuse("GetRunStatus", "not_found", times=1)
    await pr.passes(60)
    depot.finish(run.run_id)
    await pr.passes(60)
    text = stands(pr)[0]
    assert "✅ passed" in text
    assert runs.run_disappeared() not in text


ODD = ["unauthenticated", "permission_denied", "unimplemented", "failed_precondition", "internal"]


@pytest.mark.parametrize("code", ODD)
async def test_nothing_else_that_depot_says_ends_the_following(
    pr: Conversation, depot: SimulatedDepot, code: str
) -> None:
    depot.plan(seconds=300.0)
    await starts(pr)
    refusing = depot.faults.refuse("GetRunStatus", code, times=None)
    await pr.passes(1200)
    refusing.lift()
    await pr.passes(120)
    text = stands(pr)[0]
    assert "✅ passed" in text
    assert "no longer kept" not in text


async def test_the_token_is_replaced_in_the_middle(pr: Conversation, depot: SimulatedDepot) -> None:
    await runs_on(pr, depot)
    await starts(pr, "run nightly")
    depot.faults.revoke_token()
    await pr.passes(600)
    assert not any("unauthenticated" in text for text in stands(pr))


# --- trouble on the way --------------------------------------------------------------------------


async def test_500_on_every_third_read_is_not_worth_a_word(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.hold()
    await starts(pr)
    await pr.passes(60)
    stands(pr)
    depot.faults.refuse("GetRunStatus", "internal", times=None, every=3)
    await pr.passes(1200)
    pr.assert_said_nothing_else()
    (run,) = depot.runs
    depot.plan(queued=0)
    await pr.passes(300)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")
    assert 500 in {call.status for call in depot.calls}


@pytest.mark.parametrize("trouble", ["drop", "html", "cut", "429"])
async def test_no_answer_for_long_leaves_the_reply_alone(
    pr: Conversation, depot: SimulatedDepot, trouble: str
) -> None:
    run = await runs_on(pr, depot, seconds=1200)
    faults = {
        "drop": lambda: depot.faults.drop("GetRunStatus", times=None),
        "html": lambda: depot.faults.html("GetRunStatus", times=None),
        "cut": lambda: depot.faults.cut("GetRunStatus", times=None),
        "429": lambda: depot.faults.refuse("GetRunStatus", "resource_exhausted", times=None),
    }
    fault = faults[trouble]()
    await pr.passes(SLOW)
    pr.assert_said_nothing_else()
    fault.lift()
    await pr.passes(2 * SLOW)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")


@pytest.mark.parametrize("method", ["GetRunMetrics", "GetFailureDiagnosis", "GetJobAttemptLogs"])
async def test_what_depot_does_not_say_at_the_end_is_left_out(
    pr: Conversation, depot: SimulatedDepot, method: str
) -> None:
    depot.faults.refuse(method, "resource_exhausted", times=None)
    run = await ran(pr, depot, outcome="failed")
    (text,) = stands(pr)
    assert text.startswith(f"{name_of(run)}: ❌ failed")
    assert (" in " in text.partition("\n")[0]) == (method != "GetRunMetrics")
    assert ("Diagnosis:" in text) == (method != "GetFailureDiagnosis")
    assert ("The end of" in text) == (method != "GetJobAttemptLogs")


async def test_nothing_at_all_is_known_of_a_failure(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    for method in ("GetFailureDiagnosis", "GetJobAttemptLogs"):
        depot.faults.refuse(method, "not_found", times=None)
    await ran(pr, depot, outcome="failed")
    (text,) = stands(pr)
    assert "<details>" not in text


# --- states --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "shown"), [("paused", "paused"), ("on hold, @octocat", "`on hold, @octocat`")]
)
async def test_a_state_that_nobody_knows_is_shown_and_not_taken_as_over(
    pr: Conversation, depot: SimulatedDepot, state: str, shown: str
) -> None:
    run = await runs_on(pr, depot)
    depot.set_status(run.run_id, state)
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(run)}: {shown}.")
    depot.set_status(run.run_id, "")
    await pr.passes(2 * SLOW)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")


async def test_a_state_that_is_missing(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    fault = depot.faults.leave_out("GetRunStatus", "status", times=None)
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(run)}: unknown.")
    fault.lift()
    await pr.passes(2 * SLOW)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")


async def test_keys_in_another_order(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.reorder()
    run = await ran(pr, depot, outcome="failed")
    assert stands(pr)[0].startswith(f"{name_of(run)}: ❌ failed")


async def test_cancelled_by_a_concurrency_group_blames_nobody(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    depot.set_status(run.run_id, "cancelled")
    await pr.passes(60)
    text = pr.last_edit()
    assert text.startswith(f"{name_of(run)}: 🚫 cancelled")
    assert "by" not in text.lower().split()
    assert "alice" not in text


async def test_a_run_that_is_over_and_retried_elsewhere_is_not_our_business(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await ran(pr, depot, outcome="failed")
    before = len(depot.calls)
    depot.retried_elsewhere(run.run_id)
    await pr.passes(SLOW)
    assert len(depot.calls) == before
    assert attempts(run)["test"] == 2


async def test_a_followed_run_that_is_retried_between_two_looks_is_followed_on(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = await runs_on(pr, depot)
    await pr.passes(300)
    depot.finish(run.run_id, "failed")
    depot.retried_elsewhere(run.run_id)
    await pr.passes(60)
    assert ": ⏳ running." in stands(pr)[0] or ": ⏸ queued." in stands(pr)[0]
    await pr.passes(2 * SLOW)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed.")


async def test_a_run_is_followed_in_one_reply(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("alice", "/depot run ci.yml")
    pointing = pr.reply()
    depot.finish(run.run_id, "failed")
    await pr.passes(120)
    first, second = stands(pr)
    assert first.startswith(f"{name_of(run)}: ❌ failed")
    assert second == pointing


async def test_several_runs_in_one_reply(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="soak", seconds=120)
    await pr.says("alice", "/depot run ci.yml job=test\n/depot run nightly")
    pr.reply()
    one, other = depot.runs
    await pr.passes(60)
    text = pr.last_edit()
    assert f"{name_of(one, '`ci.yml` (`test`)')}: ✅ passed" in text
    assert f"{name_of(other, '`nightly.yaml`')}: ⏳ running." in text
    await pr.passes(300)
    states = [command["runs"][0]["state"] for command in facts(said(pr)[0])["commands"]]
    assert states == ["finished", "finished"]
    pr.last_edit()


async def test_a_crowd_is_followed_by_listings(pr: Conversation, depot: SimulatedDepot) -> None:
    """More than a few runs: one listing tells which of them moved."""
    depot.hold()
    await starts(pr, "run ci.yml\n/depot run nightly\n/depot run ci.yml job=test force")
    await starts(pr, "run ci.yml job=build force\n/depot run ci.yml job=lint force")
    await lists_for(pr, 300)
    stands(pr)
    before = len(depot.calls)
    await lists_for(pr, 100)
    pr.assert_said_nothing_else()
    methods = [call.method for call in depot.calls[before:]]
    assert methods.count("ListRuns") == 20
    assert methods.count("GetRunStatus") <= 5
    depot.plan(queued=0)
    await lists_for(pr, 30)
    assert all("queued" not in text for text in stands(pr))
    assert all(run.over for run in depot.runs)


# --- the reply is gone ---------------------------------------------------------------------------


async def test_a_deleted_reply_is_not_written_again(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    run = await runs_on(pr, depot)
    github.delete_comment(said(pr)[0])
    await pr.passes(2 * SLOW)
    assert said(pr) == []
    assert run.over


async def test_a_reply_is_not_looked_for_without_end_where_the_thread_is_gone(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.plan(seconds=30)
    github.faults.lose_answer("POST", "/issues/1/comments")
    headers = {"content-type": "application/json"}
    github.faults.answer(
        "GET", "/issues/1/comments", 404, '{"message":"Not Found"}', headers, times=None
    )
    with capture_logs() as logs:
        await pr.says("alice", "/depot run ci.yml")
        await pr.passes(120)
    assert not [one for one in logs if one["event"] == "step_failed"]
    assert depot.runs[0].over
    assert len(said(pr)) == 1  # and it is not posted twice
    pr.reply()


async def test_github_is_away_at_the_end(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    run = await runs_on(pr, depot)
    away = github.faults.bad_gateway("PATCH", "/issues/comments/", times=None)
    depot.finish(run.run_id)
    await pr.passes(300)
    pr.assert_said_nothing_else()
    away.lift()
    await pr.passes(300)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")


async def test_a_run_of_depots_own_is_followed_once_it_is_retried(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    run = depot.foreign_run(REPO, pr.head, CI, trigger="push")
    depot.finish(run.run_id, jobs={"test": "failed"})
    depot.plan(job="test", attempt=2, seconds=300)
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(600)
    assert stands(pr)[0].startswith(again(run, "✅ passed"))


async def test_a_slow_compiler(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, compile_seconds=120)
    await starts(pr)
    await pr.passes(100)
    pr.assert_said_nothing_else()
    await pr.passes(100)
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed in")


# --- what is missing of a run that is over -------------------------------------------------------

DETAILS = ("GetRunMetrics", "GetFailureDiagnosis", "GetJobAttemptLogs")


async def fails_later(pr: Conversation, depot: SimulatedDepot) -> None:
    """A run that fails when nothing is kept of the role any more."""
    depot.plan(seconds=600.0)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(400)
    depot.finish(depot.runs[-1].run_id, "failed")


async def test_how_it_ended_is_told_while_the_role_cannot_be_read(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await fails_later(pr, depot)
    away = github.faults.bad_gateway("GET", "/permission$", times=None)
    await pr.passes(300)
    assert "❌ failed" in said(pr)[-1].body
    assert "Why it failed" not in said(pr)[-1].body
    away.lift()
    await pr.passes(600)
    assert "Why it failed" in said(pr)[-1].body
    hears_all(pr)


@pytest.mark.parametrize("status", [403, 404])
async def test_one_refusal_loses_no_log(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, status: int
) -> None:
    await fails_later(pr, depot)
    github.faults.answer("GET", "/permission$", status, "{}")
    await pr.passes(300)
    assert "Why it failed" in said(pr)[-1].body
    hears_all(pr)


async def test_what_is_known_of_a_run_that_is_gone_stays(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    for method in DETAILS:
        depot.faults.refuse(method, "unavailable", times=None)
    await fails_later(pr, depot)
    await pr.passes(60)
    depot.faults.lift()
    depot.faults.refuse("GetRunStatus", "not_found", times=None)
    await pr.passes(3600)
    assert "❌ failed" in said(pr)[-1].body
    assert runs.run_disappeared() not in said(pr)[-1].body
    hears_all(pr)
