"""A run is started once, whatever happens to the call that starts it (bot/depot/README.md,
"Starting a run once")."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from starlette.responses import Response

from bot.demo.simulators.depot import Run, SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from bot.demo.simulators.github import DeliveryOutcome, SimulatedGitHub
from bot.demo.stage import Stage
from bot.engine.runs import LATE_SECONDS, WINDOW_SECONDS
from bot.messages import refusals, runs
from tests.support.commands import reason, stands
from tests.support.conversation import HOOK, REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.sentences import name_of, queued

pytestmark = pytest.mark.anyio

CI = ".depot/workflows/ci.yml"
SLOW = 500.0
"""Seconds that a run takes which must not end while a test looks at it."""


@dataclass
class TimesOut:
    """The client gives up waiting; Depot does the work at once, or when `work` is called."""

    at_once: bool = True
    work: Work | None = field(default=None, init=False)

    async def answer(self, work: Work) -> Response:
        self.work = work
        if self.at_once:
            work()
        raise httpx.ReadTimeout("no answer in time")


class Line(httpx.AsyncBaseTransport):
    """The way to Depot, on which a connection can be refused: nothing is sent then."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self._refused: dict[str, int] = {}

    def refuses(self, method: str, times: int = 1) -> None:
        self._refused[method] = times

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        method = request.url.path.rpartition("/")[2]
        if self._refused.get(method, 0) > 0:
            self._refused[method] -= 1
            raise httpx.ConnectError("connection refused", request=request)
        return await self._inner.handle_async_request(request)


def one_run(depot: SimulatedDepot) -> Run:
    """The only run there is."""
    (run,) = depot.runs
    return run


# --- accepted, but the answer is lost ------------------------------------------------------------

LOSSES: dict[str, Callable[[SimulatedDepot], object]] = {
    "connection lost": lambda depot: depot.faults.drop("Run"),
    "503": lambda depot: depot.faults.fail_after("Run"),
    "500": lambda depot: depot.faults.fail_after("Run", "internal"),
    "504": lambda depot: depot.faults.fail_after("Run", "deadline_exceeded"),
    "aborted": lambda depot: depot.faults.fail_after("Run", "aborted"),
    "canceled": lambda depot: depot.faults.fail_after("Run", "canceled"),
    "429": lambda depot: depot.faults.fail_after("Run", "resource_exhausted"),
    "too late": lambda depot: depot.faults.arrange(TimesOut(), "Run"),
    "cut in half": lambda depot: depot.faults.cut("Run"),
    "no run id": lambda depot: depot.faults.leave_out("Run", "runId"),
}


@pytest.mark.parametrize("loss", LOSSES)
async def test_a_lost_answer_starts_no_second_run(
    pr: Conversation, depot: SimulatedDepot, loss: str
) -> None:
    LOSSES[loss](depot)
    await pr.says("alice", "/depot run ci.yml job=test")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    run = one_run(depot)
    done = pr.last_edit()
    assert done.startswith(f"{name_of(run, '`ci.yml` (`test`)')}: ✅ passed in")
    assert runs.adopted() in done
    assert len(depot.calls_of("Run")) == 1


async def test_the_run_of_the_second_call_is_not_taken_for_that_of_the_first(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run", "unavailable")
    depot.faults.fail_after("Run")
    depot.faults.refuse("GetRunStatus", "unavailable", times=2)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(120)
    done = pr.last_edit()
    assert done.startswith(f"{name_of(one_run(depot), '`ci.yml`')}: ✅ passed in")
    assert runs.late_twin() not in done
    assert reason(pr) == "started"


async def test_an_adopted_run_is_shown_while_it_goes_on(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hold()
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(12)
    assert pr.edited().startswith(f"{queued(one_run(depot))}\n\n{runs.adopted()}")


@pytest.mark.parametrize("job_key", ["prefix", "bare"])
@pytest.mark.parametrize("workflow_path", ["path", "bare"])
async def test_its_run_is_recognised_however_depot_writes_names(
    pr: Conversation, depot: SimulatedDepot, job_key: str, workflow_path: str
) -> None:
    depot.switches = type(depot.switches)(
        job_key="bare" if job_key == "bare" else "prefix",
        workflow_path="bare" if workflow_path == "bare" else "path",
    )
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml job=test")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    assert runs.adopted() in pr.last_edit()
    assert len(depot.runs) == 1


async def test_a_run_of_all_workflows_is_recognised(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot), 'all workflows')}: ✅ passed")


async def test_a_run_that_does_not_compile_is_recognised(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    broken = "on: push\njobs:\n  test:\n    runs-on: x\n    steps: [{rnu: make}]\n"
    github.push(REPO, 1, {CI: broken})
    await pr.passes(60)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ❌ failed")


async def test_a_run_cancelled_before_it_compiled_is_recognised_in_the_end(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    comment = await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    depot.set_status(one_run(depot).run_id, "cancelled")
    await pr.passes(120)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: 🚫 cancelled")
    assert comment.reactions


async def test_a_tree_that_stays_empty_is_waited_for(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.switches = type(depot.switches)(compile_seconds=20)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(15)
    pr.assert_said_nothing_else()
    await pr.passes(60)
    assert runs.adopted() in pr.last_edit()
    assert len(depot.runs) == 1


async def test_a_run_that_was_there_before_is_not_taken_for_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    old = depot.foreign_run(REPO, pr.head, CI)
    await pr.passes(1)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml force")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    _, ours = depot.runs
    assert pr.last_edit().startswith(f"{name_of(ours)}: ✅ passed")
    assert old.run_id != ours.run_id


async def test_runs_of_other_triggers_are_not_taken_for_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run")
    await pr.says("alice", "/depot run ci.yml")
    depot.foreign_run(REPO, pr.head, CI, trigger="push")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS + 30)
    _, ours = depot.runs
    assert ours.trigger == "api"
    assert pr.last_edit().startswith(f"{name_of(ours)}: ✅ passed")


async def test_depots_clock_may_be_a_minute_behind(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    ahead = ManualClock(clock.time + 60)
    async with bot_on(stage, ahead, hook, tmp_path / "ledger.db") as services:
        pr = Conversation(ahead, stage, services, REPO, 1)
        stage.depot.faults.drop("Run")
        await pr.says("alice", "/depot run ci.yml")
        assert pr.reply() == runs.looking_for_run()
        clock.time += 5
        await pr.passes(5)
        assert len(stage.depot.calls_of("Run")) == 1
        clock.time += 60
        await pr.passes(60)
        assert runs.adopted() in pr.last_edit()
        pr.assert_said_nothing_else()


# --- never accepted ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["unavailable", "internal", "unknown", "resource_exhausted"])
async def test_a_call_that_did_nothing_is_sent_once_more_after_the_window(
    pr: Conversation, depot: SimulatedDepot, code: str
) -> None:
    depot.faults.refuse("Run", code)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS - 1)
    assert len(depot.calls_of("Run")) == 1
    await pr.passes(60)
    done = pr.last_edit()
    assert done.startswith(f"{name_of(one_run(depot))}: ✅ passed in")
    assert runs.started_again() in done
    assert len(depot.calls_of("Run")) == 2


async def test_a_proxys_page_is_never_shown(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.html("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS + 30)
    assert "html" not in pr.transcript()
    assert runs.started_again() in pr.last_edit()
    assert len(depot.runs) == 1


async def test_two_calls_that_did_nothing_are_the_end_of_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run", times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(3 * WINDOW_SECONDS)
    assert pr.last_edit() == runs.start_unknown()
    assert depot.runs == []
    assert len(depot.calls_of("Run")) == 2


async def test_after_the_end_of_it_the_command_can_be_given_again(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run", times=2)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(3 * WINDOW_SECONDS)
    assert pr.last_edit() == runs.start_unknown()
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")


async def test_a_second_call_whose_answer_is_lost_is_looked_for_too(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run")
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(2 * WINDOW_SECONDS)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")
    assert len(depot.calls_of("Run")) == 2


async def test_a_second_call_that_is_refused_says_so(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run")
    depot.faults.refuse("Run", "permission_denied", message="not yours")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(2 * WINDOW_SECONDS)
    assert pr.last_edit() == refusals.depot_refused("permission_denied", "not yours")
    assert depot.runs == []


# --- the run shows late --------------------------------------------------------------------------


async def test_a_run_that_shows_within_the_window_is_adopted(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hide_new_runs(WINDOW_SECONDS - 15)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(2 * WINDOW_SECONDS)
    assert runs.adopted() in pr.last_edit()
    assert len(depot.runs) == 1


async def test_a_run_that_shows_after_the_window_is_named_beside_the_second(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=SLOW)
    depot.hide_new_runs(WINDOW_SECONDS + 30)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS + LATE_SECONDS)
    first, second = depot.runs
    said = pr.last_edit()
    assert name_of(first) in said
    assert name_of(second) in said
    assert runs.started_again() in said
    assert runs.late_twin() in said
    await pr.passes(2 * SLOW)
    assert pr.last_edit().count(": ✅ passed") == 2
    assert len(depot.calls_of("Run")) == 2


async def test_the_second_may_be_over_when_the_first_shows(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.hide_new_runs(WINDOW_SECONDS + 30)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS + LATE_SECONDS)
    first, second = depot.runs
    said = pr.last_edit()
    assert name_of(first) in said
    assert name_of(second) in said


async def test_a_first_call_that_depot_takes_up_late_is_named_too(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=SLOW)
    stuck = TimesOut(at_once=False)
    depot.faults.arrange(stuck, "Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS + 15)
    assert stuck.work is not None
    stuck.work()
    await pr.passes(60)
    assert len(depot.runs) == 2
    said = pr.last_edit()
    assert all(name_of(run) in said for run in depot.runs)


async def test_a_run_that_shows_after_both_calls_were_given_up_is_shown(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=SLOW)
    depot.hide_new_runs(2 * WINDOW_SECONDS + 30)
    depot.faults.drop("Run")
    depot.faults.refuse("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(WINDOW_SECONDS + LATE_SECONDS)
    assert name_of(one_run(depot)) in pr.last_edit()


# --- other runs at the same time -----------------------------------------------------------------


async def test_two_that_could_be_it_are_named_and_nothing_is_started(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    foreign = depot.foreign_run(REPO, pr.head, CI)
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(600)
    ours, _ = depot.runs
    said = pr.last_edit()
    assert f"`{ours.run_id}`" in said
    assert f"`{foreign.run_id}`" in said
    assert "Nothing more was started." in said
    assert len(depot.calls_of("Run")) == 1


async def test_a_foreign_run_of_another_workflow_is_no_doubt(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    depot.foreign_run(REPO, pr.head, ".depot/workflows/nightly.yaml")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    ours, _ = depot.runs
    assert pr.last_edit().startswith(f"{name_of(ours)}: ✅ passed")


async def test_a_foreign_run_of_another_job_is_no_doubt(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml job=test")
    depot.foreign_run(REPO, pr.head, CI, "lint")
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    ours, _ = depot.runs
    assert pr.last_edit().startswith(f"{name_of(ours, '`ci.yml` (`test`)')}: ✅ passed")


@pytest.mark.parametrize(("typed", "job"), [("run ci.yml", "lint"), ("run", None)])
async def test_what_cannot_be_told_apart_for_certain_is_named(
    pr: Conversation, depot: SimulatedDepot, typed: str, job: str | None
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", f"/depot {typed}")
    foreign = depot.foreign_run(REPO, pr.head, CI, job)
    assert pr.reply() == runs.looking_for_run()
    await pr.passes(60)
    assert f"`{foreign.run_id}`" in pr.last_edit()
    assert len(depot.calls_of("Run")) == 1


async def test_a_foreign_run_that_has_not_compiled_is_waited_for(
    pr: Conversation, depot: SimulatedDepot, clock: ManualClock
) -> None:
    depot.plan(seconds=SLOW)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    # Made right before the next look, at which its tree is still empty.
    clock.time += 0.9
    depot.foreign_run(REPO, pr.head, CI)
    await pr.passes(30)
    ours, foreign = depot.runs
    said = pr.last_edit()
    assert f"`{ours.run_id}`" in said
    assert f"`{foreign.run_id}`" in said


async def test_two_commands_for_the_same_in_one_comment_do_not_mix(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml job=test\n/depot run ci.yml job=lint")
    assert runs.looking_for_run() in pr.reply()
    await pr.passes(90)
    test, lint = depot.runs
    assert (test.job, lint.job) == ("test", "lint")
    done = pr.last_edit()
    assert f"{name_of(test, '`ci.yml` (`test`)')}: ✅ passed" in done
    assert f"{name_of(lint, '`ci.yml` (`lint`)')}: ✅ passed" in done


async def test_two_comments_for_the_same_are_decided_one_after_the_other(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    depot.faults.drop("Run")
    github.comment(REPO, 1, "alice", "/depot run ci.yml job=test")
    github.comment(REPO, 1, "maya", "/depot run ci.yml job=lint")
    await pr.settles()
    assert pr.reply() == runs.looking_for_run()
    assert len(depot.runs) == 1
    await pr.passes(2)
    test, lint = depot.runs
    assert pr.reply().startswith(name_of(lint, "`ci.yml` (`lint`)"))
    await pr.passes(30)
    first, second = stands(pr)
    assert first.startswith(f"{name_of(test, '`ci.yml` (`test`)')}: ✅ passed")
    assert second.startswith(f"{name_of(lint, '`ci.yml` (`lint`)')}: ✅ passed")


async def test_two_pull_requests_with_the_same_head_do_not_mix(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, stage: Stage
) -> None:
    github.branch(REPO, "release")
    github.pull_request(REPO, "alice", branch="feature", files={}, base="release")
    other = Conversation(pr.clock, stage, pr.services, REPO, 2)
    await pr.passes(60)
    assert other.head == pr.head
    depot.faults.drop("Run")
    github.comment(REPO, 1, "alice", "/depot run ci.yml")
    github.comment(REPO, 2, "maya", "/depot run ci.yml job=test force")
    await pr.settles()
    assert len(depot.runs) == 1
    assert {pr.reply(), other.reply()} == {
        runs.looking_for_run(),
        runs.waiting_for_other_start(),
    }
    await pr.passes(60)
    assert sorted(run.job for run in depot.runs) == ["", "test"]
    ours, theirs = sorted(depot.runs, key=lambda run: run.job)
    assert pr.last_edit().startswith(f"{name_of(ours)}: ✅ passed")
    assert other.last_edit().startswith(f"{name_of(theirs, '`ci.yml` (`test`)')}: ✅ passed")
    other.assert_said_nothing_else()


# --- Depot is out of reach, or asks for patience -------------------------------------------------


@pytest.fixture
def line(depot: SimulatedDepot) -> Line:
    return Line(depot.transport())


@pytest.fixture
async def far(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, line: Line
) -> AsyncIterator[Conversation]:
    """The pull request of a bot that reaches Depot over *line*."""
    async with bot_on(stage, clock, hook, tmp_path / "ledger.db", line) as services:
        conversation = Conversation(clock, stage, services, REPO, 1)
        await conversation.settles()
        yield conversation
        conversation.assert_said_nothing_else()


@pytest.mark.parametrize("times", [1, 5])
async def test_a_refused_connection_is_plainly_tried_again(
    far: Conversation, depot: SimulatedDepot, line: Line, times: int
) -> None:
    line.refuses("Run", times)
    await far.says("alice", "/depot run ci.yml")
    assert far.reply() == refusals.trying("Depot")
    assert depot.calls_of("Run") == []
    await far.passes(120)
    done = far.last_edit()
    assert done.startswith(f"{name_of(one_run(depot))}: ✅ passed")
    assert runs.started_again() not in done
    assert len(depot.calls_of("Run")) == 1


async def test_depot_may_be_away_during_the_doubt(
    far: Conversation, depot: SimulatedDepot, line: Line
) -> None:
    depot.faults.drop("Run")
    line.refuses("GetRunStatus", 3)
    await far.says("alice", "/depot run ci.yml")
    assert far.reply() == refusals.trying("Depot")
    await far.passes(120)
    assert runs.adopted() in far.last_edit()
    assert len(depot.calls_of("Run")) == 1


async def test_depot_may_be_away_for_longer_than_the_window(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    outage = depot.faults.refuse(None, times=None)
    await pr.passes(2 * WINDOW_SECONDS)
    assert pr.edited() == refusals.trying("Depot")
    outage.lift()
    await pr.passes(120)
    assert runs.adopted() in pr.last_edit()
    assert len(depot.runs) == 1


async def test_depot_may_be_away_for_good_during_the_doubt(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    depot.faults.refuse(None, times=None)
    await pr.passes(1000)
    assert pr.last_edit() == runs.start_unknown()
    assert len(depot.calls_of("Run")) == 1


async def test_nothing_is_asked_of_depot_before_it_may_be(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("ListRuns", "resource_exhausted", retry_after=40)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == refusals.trying("Depot")
    await pr.passes(39)
    assert len(depot.calls) == 1
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")


async def test_a_429_of_run_itself_is_obeyed_too(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.refuse("Run", "resource_exhausted", retry_after=20)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    asked = len(depot.calls)
    await pr.passes(19)
    assert len(depot.calls) == asked
    await pr.passes(WINDOW_SECONDS + 30)
    assert runs.started_again() in pr.last_edit()
    assert len(depot.runs) == 1


@pytest.mark.parametrize("code", ["permission_denied", "not_found"])
async def test_a_refusal_during_the_doubt_blocks_nobody(
    pr: Conversation, depot: SimulatedDepot, code: str
) -> None:
    depot.plan(seconds=SLOW)
    depot.faults.drop("Run")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == runs.looking_for_run()
    refusing = depot.faults.refuse("ListRuns", code, times=None)
    await pr.passes(2 * WINDOW_SECONDS)
    assert pr.last_edit() == runs.start_unknown()
    refusing.lift()
    await pr.says("maya", "/depot run ci.yml job=lint force")
    assert pr.reply() == queued(depot.runs[-1], "`ci.yml` (`lint`)")


# --- the same comment more than once -------------------------------------------------------------


def command_of(github: SimulatedGitHub) -> DeliveryOutcome:
    """The delivery that brought the command."""
    return next(one for one in github.delivery_log if b"/depot run" in one.delivery.body)


async def test_a_delivery_that_comes_three_times_is_one_run(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    (sent,) = [one.delivery for one in github.delivery_log if b"/depot run" in one.delivery.body][
        :1
    ]
    for _ in range(2):
        outcome = await pr.redelivers(sent)
        assert (outcome.status_code, outcome.response_body) == (202, '{"result":"duplicate"}')
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")


async def test_a_delivery_that_comes_again_long_after_is_no_run(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    (sent,) = [one.delivery for one in github.delivery_log if b"/depot run" in one.delivery.body][
        :1
    ]
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")
    clock.time += 3 * 24 * 3600
    await pr.redelivers(sent)
    await pr.passes(600)
    assert len(depot.runs) == 1


async def test_a_comment_that_comes_by_two_hooks_is_one_run(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, hook: Hook
) -> None:
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    sent = command_of(github)
    other = {**sent.request_headers, "X-GitHub-Hook-ID": "77", "X-GitHub-Delivery": "another-guid"}
    async with httpx.AsyncClient(transport=hook) as client:
        answer = await client.post(HOOK, content=sent.delivery.body, headers=other)
    assert answer.json() == {"result": "duplicate"}
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")


# --- one reply -----------------------------------------------------------------------------------

POST = r"/issues/1/comments$"


async def test_a_reply_whose_answer_is_lost_is_not_posted_twice(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.lose_answer("POST", POST)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")
    assert len(github.comments(REPO, 1)) == 2


async def test_a_reply_that_is_found_only_when_the_run_is_over_becomes_true(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.lose_answer("POST", POST)
    github.faults.bad_gateway("GET", POST, times=4)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    await pr.passes(120)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")


@pytest.mark.parametrize("trouble", ["bad_gateway", "drop", "secondary_limit"])
async def test_a_reply_that_was_not_taken_is_posted_later(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, trouble: str
) -> None:
    getattr(github.faults, trouble)("POST", POST)
    await pr.says("alice", "/depot run ci.yml")
    pr.assert_said_nothing_else()
    await pr.passes(120)
    said = pr.reply()
    if pr.unread():
        said = pr.last_edit()
    assert said.startswith(f"{name_of(one_run(depot))}: ✅ passed")
    assert len(github.comments(REPO, 1)) == 2


async def test_an_edit_whose_answer_is_lost_is_made_again(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(one_run(depot))
    github.faults.lose_answer("PATCH", "/comments/")
    github.faults.bad_gateway("PATCH", "/comments/")
    await pr.passes(120)
    assert pr.last_edit().startswith(f"{name_of(one_run(depot))}: ✅ passed")


# --- the bot is stopped and started again --------------------------------------------------------


async def test_a_doubt_outlives_the_bot(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> None:
    database = tmp_path / "ledger.db"
    stage.depot.faults.drop("Run")
    async with bot_on(stage, clock, hook, database) as services:
        before = Conversation(clock, stage, services, REPO, 1)
        await before.says("alice", "/depot run ci.yml")
    clock.time += 20
    async with bot_on(stage, clock, hook, database) as services:
        pr = Conversation(clock, stage, services, REPO, 1)
        assert pr.reply() == runs.looking_for_run()
        await pr.passes(60)
        assert runs.adopted() in pr.last_edit()
        pr.assert_said_nothing_else()
    assert len(stage.depot.runs) == 1
