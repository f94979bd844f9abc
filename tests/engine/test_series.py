"""`/depot run … times=N`: several runs of the same, to see how often a job fails."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from inline_snapshot import snapshot
from starlette.responses import Response

from bot.core.models import Series
from bot.core.reasons import Reason
from bot.core.runs import Job
from bot.core.series import SIDE_BY_SIDE
from bot.core.types import RunId
from bot.demo.simulators.depot import Run, SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from bot.demo.simulators.github import SimulatedGitHub
from bot.engine import series
from bot.messages import refusals, runs
from tests.engine.test_announcements import reactions
from tests.support.commands import CI, SLOW, facts, not_permitted, pushes, reason, said, stands
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import hears_all, rules

pytestmark = pytest.mark.anyio

COMMAND = "/depot run ci.yml job=test times="


async def asks(
    pr: Conversation, depot: SimulatedDepot, times: int, seconds: float = 20, more: str = ""
) -> str:
    """Several runs are asked for, and as many have begun as may; the reply as it stands."""
    depot.plan(job="test", seconds=seconds)
    await pr.says("maya", f"{COMMAND}{times}{more}")
    await pr.passes(11)  # an edit every 10 s at most
    hears_all(pr)
    return stands(pr)[-1]


def fails(depot: SimulatedDepot, *runs: Run, error: str = "AssertionError: boom") -> None:
    for run in runs:
        depot.plan(run_id=run.run_id, job="test", outcome="failed", error_message=error)


def short(text: str) -> str:
    """A reply without ids and without what is folded."""
    text = re.sub(r"<details>.*?</details>\n*", "", text, flags=re.DOTALL)
    text = re.sub(r"\[`(\w+)`\]\(\S+?/\1\)", "RUN", text)
    return re.sub(r"(/depot \w+) \w{10}\b", r"\1 RUN", text).strip()


async def test_how_often_it_passes_and_fails(pr: Conversation, depot: SimulatedDepot) -> None:
    text = await asks(pr, depot, 8)
    assert len(depot.runs) == SIDE_BY_SIDE
    assert short(text) == snapshot("""\
8 runs of `ci.yml` (`test`) on `b9a9bdd`: ⏳ 0 passed, 0 failed, 5 under way, 3 to come.

| # | run | state |
|---|---|---|
| 1 | RUN | ⏳ running |
| 2 | RUN | ⏳ running |
| 3 | RUN | ⏳ running |
| 4 | RUN | ⏳ running |
| 5 | RUN | ⏳ running |

`/depot cancel RUN` ends all of them.\
""")
    fails(depot, depot.runs[1], error="AssertionError: boom 17")
    fails(depot, depot.runs[3], error="AssertionError: boom 18")
    fails(depot, depot.runs[4], error="KeyError: 'x'")
    await pr.passes(300)
    assert len(depot.runs) == 8
    assert {(run.sha, run.job) for run in depot.runs} == {(pr.head, "test")}
    hears_all(pr)
    assert short(stands(pr)[0]) == snapshot("""\
8 runs of `ci.yml` (`test`) on `b9a9bdd`: ❌ 5 passed, 3 failed.

| # | run | state | took |
|---|---|---|---|
| 1 | RUN | ✅ passed | 20 s |
| 2 | RUN | ❌ failed | 20 s |
| 3 | RUN | ✅ passed | 20 s |
| 4 | RUN | ❌ failed | 20 s |
| 5 | RUN | ❌ failed | 20 s |
| 6 | RUN | ✅ passed | 20 s |
| 7 | RUN | ✅ passed | 20 s |
| 8 | RUN | ✅ passed | 20 s |

Runs 2 and 4 failed alike.

To go on, one of these:

```
  /depot why RUN
  /depot logs RUN
  /depot why RUN
  /depot logs RUN
```\
""")


async def test_what_passes_and_fails_is_flaky(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 4)
    fails(depot, depot.runs[1])
    await pr.passes(120)
    hears_all(pr)
    await pr.says("maya", "/depot flaky")
    assert "| `test` | `ci.yml` | once |" in pr.reply()


async def test_what_always_fails_is_not(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", outcome="failed")
    await asks(pr, depot, 4)
    await pr.passes(120)
    hears_all(pr)
    await pr.says("maya", "/depot flaky")
    assert pr.reply().startswith("No job has failed and then passed")


async def test_the_end_is_told_once(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", seconds=20)
    comment = await pr.says("maya", f"{COMMAND}7")
    await pr.passes(11)
    fails(depot, depot.runs[-1])
    await pr.passes(300)
    hears_all(pr)
    assert reactions(comment) == ["eyes", "confused"]
    assert pr.mentions() == snapshot(
        [
            "@maya: 1 of 7 runs: ❌ failed. [The reply](https://github.com/octo/hello/pull/1#issuecomment) has more."
        ]
    )


async def test_programs_see_each_run(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 2)
    await pr.passes(60)
    hears_all(pr)
    (command,) = facts(said(pr)[0])["commands"]
    assert (command["times"], command["reason"]) == (2, "started")
    assert [run["state"] for run in command["runs"]] == ["finished", "finished"]


# --- who may, and what is asked for --------------------------------------------------------------


async def test_it_takes_maintain(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", f"{COMMAND}3")
    assert pr.reply() == not_permitted("run times=", "maintain", "write")
    assert not depot.runs


async def test_the_repository_may_say_otherwise(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, "permissions: {times: write}\n")
    await pr.says("alice", f"{COMMAND}2")
    assert "2 runs of" in pr.reply()
    await pr.passes(120)
    hears_all(pr)
    assert len(depot.runs) == 2


async def test_who_may_not_run_may_not_do_so_several_times(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, "permissions: {run: admin, times: write}\n")
    await pr.says("maya", f"{COMMAND}2")
    assert pr.reply().startswith(not_permitted("run", "admin", "maintain"))
    assert not depot.runs


async def test_persons_and_teams_count_for_it_too(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, 'permissions: {times: ["@alice"]}\n')
    await pr.says("maya", f"{COMMAND}2")
    assert (
        pr.reply()
        == "This repository allows `run times=` to `@alice` only (see `.github/depot-bot.yml`)."
    )
    await pr.says("alice", f"{COMMAND}2")
    assert "2 runs of" in pr.reply()
    await pr.passes(120)
    hears_all(pr)
    assert len(depot.runs) == 2


@pytest.mark.parametrize(
    ("typed", "instead"),
    [
        ("run ci.yml times=3", "/depot run ci.yml job=KEY times=3"),
        ("run ci.yml job=test,lint times=3", "/depot run ci.yml job=KEY times=3"),
        ("run times=3", "/depot run job=KEY times=3"),
        ("run ci.yml nightly.yaml times=3", "/depot run ci.yml job=KEY times=3"),
        ("run job=a times=2\n```yaml\njobs: {a: {steps: []}}\n```", "/depot run job=KEY times=2"),
    ],
)
async def test_it_is_one_job_of_one_workflow(
    pr: Conversation, depot: SimulatedDepot, typed: str, instead: str
) -> None:
    await pr.says("maya", f"/depot {typed}")
    assert pr.reply() == f"`times=` goes with one job of one workflow file: `{instead}`"
    assert reason(pr) == "times-needs-job"
    assert not depot.runs


async def test_the_only_workflow_with_the_job_is_meant(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("maya", "/depot run job=test times=2")
    assert "2 runs of `ci.yml` (`test`)" in pr.reply()
    await pr.passes(120)
    hears_all(pr)
    assert len(depot.runs) == 2


@pytest.mark.parametrize("typed", ["1", "0", "21", "-3", "2.5", "ten", "", "1e1"])
async def test_two_to_twenty(pr: Conversation, depot: SimulatedDepot, typed: str) -> None:
    await pr.says("maya", f"{COMMAND}{typed}")
    assert reason(pr) == "misread"
    pr.reply()
    assert not depot.runs


async def test_the_same_that_is_under_way_is_shown(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(seconds=SLOW)
    await pr.says("maya", "/depot run ci.yml job=test")
    pr.reply()
    await pr.says("maya", f"{COMMAND}3")
    assert "`force` starts another" in pr.reply()
    await pr.passes(60)
    hears_all(pr)
    assert len(depot.runs) == 1
    await pr.says("maya", f"{COMMAND}3 force")
    pr.reply()
    await pr.passes(60)
    hears_all(pr)
    assert len(depot.runs) == 4


# --- the head, the time --------------------------------------------------------------------------


@pytest.mark.parametrize("pinned", [False, True])
async def test_it_ends_when_the_head_moves(
    pr: Conversation, depot: SimulatedDepot, pinned: bool
) -> None:
    old = pr.head
    await asks(pr, depot, 9, seconds=90, more=f" sha={old}" if pinned else "")
    await pushes(pr, {"change.txt": "two\n"})
    await pr.passes(300)
    hears_all(pr)
    assert [run.sha for run in depot.runs] == [old] * SIDE_BY_SIDE
    text = stands(pr)[0]
    assert "5 passed, 0 failed, 4 not started" in text
    assert f"/depot run ci.yml job=test times=9 sha={pr.head}" in text
    (command,) = facts(said(pr)[0])["commands"]
    assert command["stopped"] == ("stale-sha" if pinned else "head-newer")


async def test_it_ends_when_the_pull_request_is_closed(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 9)
    pr.github.close(pr.repo, pr.number)
    await pr.passes(300)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE
    assert refusals.pull_request_closed() in stands(pr)[0]


async def test_a_quarter_of_an_hour_binds_the_first_alone(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 12, seconds=900)
    await pr.passes(3600)
    hears_all(pr)
    assert len(depot.runs) == 12
    assert "✅ 12 passed, 0 failed" in stands(pr)[0]


async def test_who_lost_the_role_starts_no_more(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 7, seconds=120)
    pr.github.role(REPO, "maya", "read")
    await pr.passes(300)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE
    assert "`run` needs the `write` role" in stands(pr)[0]


# --- cancelling ----------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", ["", " ci.yml", " {run}", " job=test", " {run} job=test"])
async def test_cancel_ends_all(pr: Conversation, depot: SimulatedDepot, typed: str) -> None:
    await asks(pr, depot, 9, seconds=SLOW)
    await pr.says("alice", "/depot cancel" + typed.format(run=depot.runs[2].run_id))
    assert "🚫 cancelled. [Their reply](" in pr.reply()
    await pr.passes(300)
    hears_all(pr)
    assert [run.status for run in depot.runs] == ["cancelled"] * SIDE_BY_SIDE
    assert short(stands(pr)[0]).startswith(
        "9 runs of `ci.yml` (`test`) on `" + pr.head[:7] + "`: "
        "🚫 0 passed, 0 failed, 5 cancelled, 4 not started."
    )


async def test_cancel_when_none_is_under_way_just_then(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 9)
    away = depot.faults.refuse("ListRuns", "unavailable", times=None)
    await pr.passes(60)
    away.lift()
    # All that were started are over; the next waits for Depot.
    await pr.says("alice", f"/depot cancel {depot.runs[0].run_id}")
    pr.reply()
    count = len(depot.runs)
    await pr.passes(300)
    hears_all(pr)
    assert len(depot.runs) == count
    assert "not started" in stands(pr)[0]


@dataclass
class CancelledMeanwhile:
    """Somebody cancels while a run is just started."""

    pr: Conversation

    async def answer(self, work: Work) -> Response:
        reply = work()
        items = self.pr.services.ledger.items
        first = await items.find_run(RunId(self.pr.depot.runs[0].run_id))
        assert first is not None
        await items.stop(first.command_id, Reason.CANCELLED)
        return reply.response()


async def test_cancel_while_another_is_started(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 9)
    depot.faults.arrange(CancelledMeanwhile(pr), "Run")
    await pr.passes(300)
    hears_all(pr)
    statuses = [run.status for run in depot.runs]
    assert statuses == ["finished"] * SIDE_BY_SIDE + ["cancelled"]


@pytest.mark.parametrize("code", ["unavailable", "failed_precondition", "internal"])
async def test_depot_does_not_cancel_at_once_what_was_just_started(
    pr: Conversation, depot: SimulatedDepot, code: str
) -> None:
    await asks(pr, depot, 9)
    depot.faults.arrange(CancelledMeanwhile(pr), "Run")
    depot.faults.refuse("CancelRun", code, times=3)
    await pr.passes(15)
    depot.plan(run_id=depot.runs[-1].run_id, seconds=SLOW)
    await pr.passes(300)
    hears_all(pr)
    assert depot.runs[-1].status == "cancelled"
    assert len(depot.runs) == SIDE_BY_SIDE + 1
    assert len(depot.calls_of("CancelRun")) == 4


async def one_failed_before_cancel(pr: Conversation, depot: SimulatedDepot) -> Run:
    """Five of nine runs are over, the first failed; then no more are started."""
    depot.plan(job="test", seconds=20)
    await pr.says("maya", f"{COMMAND}9")
    fails(depot, depot.runs[0])
    await pr.passes(27)
    await pr.says("alice", f"/depot cancel {depot.runs[-1].run_id}")
    await pr.passes(3600)
    hears_all(pr)
    assert depot.runs[0].status == "failed"
    depot.plan(job="test", attempt=2, seconds=120, outcome="finished")
    pr.github.check_run_webhooks = True
    return depot.runs[0]


async def goes_again_undisturbed(pr: Conversation, first: Run) -> None:
    await pr.passes(600)
    hears_all(pr)
    assert first.status == "finished"
    assert not pr.depot.calls_of("CancelRun")
    assert "attempt 2" in stands(pr)[0]


async def test_what_goes_again_at_depot_after_cancel_is_left_alone(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    first = await one_failed_before_cancel(pr, depot)
    depot.retried_elsewhere(first.run_id)
    depot.start(first.run_id)
    await goes_again_undisturbed(pr, first)


@dataclass
class PolledMeanwhile:
    """Depot has a run go again, and it is polled before Depot answers."""

    pr: Conversation

    async def answer(self, work: Work) -> Response:
        reply = work()
        queue = self.pr.services.ledger.queue
        await queue.reread_runs([RunId(self.pr.depot.runs[0].run_id)])
        for claim in await queue.claim(0, 5):
            await self.pr.services.steps.step(claim)
        return reply.response()


@pytest.mark.parametrize("verb", ["retry", "rerun"])
async def test_what_goes_again_by_a_command_after_cancel_is_left_alone(
    pr: Conversation, depot: SimulatedDepot, verb: str
) -> None:
    first = await one_failed_before_cancel(pr, depot)
    method = {"retry": "RetryFailedJobs", "rerun": "RerunWorkflow"}[verb]
    depot.faults.arrange(PolledMeanwhile(pr), method)
    await pr.says("alice", f"/depot {verb} {first.run_id}")
    await goes_again_undisturbed(pr, first)


async def test_cancel_reaches_what_it_did_not_see(pr: Conversation, depot: SimulatedDepot) -> None:
    """A run is stored after `cancel` has looked which there are, and before it stops them."""
    await asks(pr, depot, 9, seconds=SLOW)
    items = pr.services.ledger.items
    first = await items.find_run(RunId(depot.runs[0].run_id))
    assert first is not None
    await items.stop(first.command_id, Reason.CANCELLED)
    await pr.passes(120)
    hears_all(pr)
    assert [run.status for run in depot.runs] == ["cancelled"] * SIDE_BY_SIDE


async def test_the_same_again_right_after_cancel(pr: Conversation, depot: SimulatedDepot) -> None:
    """It does not point to the run that is just being cancelled."""
    await asks(pr, depot, 9)
    depot.faults.arrange(CancelledMeanwhile(pr), "Run")
    while len(depot.runs) == SIDE_BY_SIDE:
        await pr.passes(0.5)
    await pr.says("alice", "/depot run ci.yml job=test")
    await pr.passes(60)
    hears_all(pr)
    assert [run.status for run in depot.runs[-2:]] == ["cancelled", "finished"]


async def test_cancel_says_that_it_is_tried_again(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 9, seconds=SLOW)
    depot.faults.refuse("CancelRun", "permission_denied", times=SIDE_BY_SIDE)
    await pr.says("alice", f"/depot cancel {depot.runs[0].run_id}")
    said = pr.reply()
    assert said.startswith("Depot does not let this bot's token do that.")
    assert said.endswith(runs.cancelled_later())
    assert reason(pr) == "depot-permission_denied"
    await pr.passes(120)
    hears_all(pr)
    assert [run.status for run in depot.runs] == ["cancelled"] * SIDE_BY_SIDE


@dataclass
class CancelledAndAway(CancelledMeanwhile):
    """Somebody cancels, and Depot does not answer."""

    async def answer(self, work: Work) -> Response:
        await super().answer(work)
        return Response("", 503)


async def test_nobody_waits_for_what_was_cancelled(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 9)
    depot.faults.arrange(CancelledAndAway(pr), "ListRuns")
    await pr.passes(300)
    hears_all(pr)
    assert "not started" in stands(pr)[0]
    assert "still trying" not in stands(pr)[0]


async def test_who_has_one_go_again_that_was_cancelled_late_may(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 9)
    depot.faults.arrange(CancelledMeanwhile(pr), "Run")
    depot.faults.refuse("CancelRun", "unavailable", times=1)
    await pr.passes(60)
    hears_all(pr)
    late = depot.runs[-1]
    assert late.status == "cancelled"
    await pr.says("alice", f"/depot rerun {late.run_id}")
    pr.reply()
    await pr.passes(300)
    hears_all(pr)
    assert late.status == "finished"
    assert len(depot.calls_of("CancelRun")) == 2


async def test_cancel_while_it_is_not_known_whether_another_was_started(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    """What became of that start is found out: else nobody could start the workflow there again."""
    await asks(pr, depot, 9)
    depot.hide_new_runs(30)
    depot.faults.drop("Run")
    await pr.passes(20)  # the first are over, and the sixth is looked for
    assert len(depot.runs) == SIDE_BY_SIDE + 1
    await pr.says("alice", f"/depot cancel {depot.runs[0].run_id}")
    assert pr.reply() == runs.no_more_are_started()
    depot.plan(run_id=depot.runs[-1].run_id, seconds=SLOW)
    await pr.passes(60)
    assert depot.runs[-1].status == "cancelled"
    await pr.says("alice", "/depot run ci.yml job=lint")
    assert "(`lint`)" in pr.reply()
    await pr.passes(60)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE + 2


async def test_after_cancel_nothing_is_sent_again(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 9)
    depot.faults.refuse("Run", "unavailable", times=None)
    await pr.passes(20)
    sent = len(depot.calls_of("Run"))
    assert sent == SIDE_BY_SIDE + 1
    await pr.says("alice", f"/depot cancel {depot.runs[0].run_id}")
    pr.reply()
    depot.faults.lift()
    await pr.passes(300)
    hears_all(pr)
    assert len(depot.calls_of("Run")) == sent
    await pr.says("alice", "/depot run ci.yml job=lint")
    assert "(`lint`)" in pr.reply()
    await pr.passes(60)
    hears_all(pr)


@pytest.mark.parametrize("seconds", [0, 120])
async def test_cancel_although_depot_has_forgotten_one(
    pr: Conversation, depot: SimulatedDepot, seconds: float
) -> None:
    await asks(pr, depot, 9, seconds=SLOW)
    depot.forget(depot.runs[2].run_id)
    await pr.passes(seconds)
    hears_all(pr)
    left = len(depot.runs)
    await pr.says("alice", f"/depot cancel {depot.runs[0].run_id}")
    assert "🚫 cancelled. [Their reply](" in pr.reply()
    await pr.passes(120)
    hears_all(pr)
    assert [run.status for run in depot.runs] == ["cancelled"] * left


async def test_nothing_is_left_to_cancel(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 2)
    await pr.passes(60)
    hears_all(pr)
    await pr.says("alice", f"/depot cancel {depot.runs[0].run_id}")
    assert pr.reply().startswith("Nothing to cancel.")
    item = await pr.services.ledger.items.load(facts(said(pr)[0])["request"])
    assert item.commands[0].series == Series(2)


async def test_cancel_offers_one_line_for_all_of_them(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 9, seconds=SLOW)
    depot.plan(seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml job=lint")
    await pr.says("ada", "/depot run nightly.yaml job=soak times=3")
    await pr.passes(30)
    hears_all(pr)
    await pr.says("alice", "/depot cancel")
    assert pr.reply().count("- `/depot cancel ") == 3
    await pr.says("alice", f"/depot cancel {depot.runs[-1].run_id}")
    pr.reply()
    await pr.passes(60)
    hears_all(pr)
    assert Counter(run.status for run in depot.runs) == {"running": 6, "cancelled": 3}


async def test_other_runs_are_left_alone(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 6, seconds=SLOW)
    depot.plan(job="lint", seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml job=lint")
    pr.reply()
    await pr.passes(60)
    hears_all(pr)
    await pr.says("alice", "/depot cancel job=lint")
    pr.reply()
    await pr.passes(60)
    hears_all(pr)
    assert [run.status for run in depot.runs] == ["running"] * SIDE_BY_SIDE + ["cancelled"]


async def test_who_deletes_the_reply_ends_it(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 20, seconds=60)
    pr.github.delete_comment(said(pr)[0])
    await pr.passes(600)
    assert len(depot.runs) < 20
    assert all(run.over for run in depot.runs)


@pytest.mark.parametrize(
    "instead",
    [
        "run ci.yml job=lint times=8",
        "run ci.yml job=test",
        "run nightly.yaml",
        "run ci.yml job=test,lint",
        "status",
        "cancel",
    ],
)
async def test_an_alias_that_stands_for_something_else_by_now_ends_it(
    pr: Conversation, depot: SimulatedDepot, instead: str
) -> None:
    await rules(pr, "aliases: {often: run ci.yml job=test times=8}\n")
    depot.plan(seconds=120)
    await pr.says("maya", "/depot often")
    await rules(pr, f"aliases: {{often: '{instead}'}}\n")
    await pr.passes(300)
    hears_all(pr)
    assert [(run.job, run.status) for run in depot.runs] == [("test", "finished")] * SIDE_BY_SIDE
    assert "5 passed, 0 failed, 3 not started" in stands(pr)[0]
    assert refusals.alias_changed() in stands(pr)[0]


async def test_how_often_may_be_changed_meanwhile(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, "aliases: {often: run ci.yml job=test times=6}\n")
    depot.plan(seconds=120)
    await pr.says("maya", "/depot often")
    await rules(pr, "aliases: {often: run ci.yml job=test times=9}\n")
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.runs) == 6


async def test_why_it_ended_is_said_where_refusals_are_silent(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, "silence: [refusals]\n")
    await asks(pr, depot, 7, seconds=120)
    pr.github.role(REPO, "maya", "read")
    await pr.passes(300)
    hears_all(pr)
    assert "`run` needs the `write` role" in stands(pr)[0]


async def test_who_is_gone_starts_no_more(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await asks(pr, depot, 7, seconds=120)
    github.faults.answer("GET", "/permission$", 404, "{}", times=None)
    await pr.passes(300)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE
    assert "`run` needs the `write` role in this repository" in stands(pr)[0]


# --- retries -------------------------------------------------------------------------------------


async def test_rules_retry_none_of_them(pr: Conversation, depot: SimulatedDepot) -> None:
    await rules(pr, "retry: [{workflow: ci.yml, job: '*', attempts: 3}]\n")
    depot.plan(job="test", outcome="failed")
    await asks(pr, depot, 3)
    await pr.passes(300)
    hears_all(pr)
    assert "❌ 0 passed, 3 failed" in stands(pr)[0]
    assert not depot.calls_of("RetryJob")


async def test_what_somebody_retries_counts_as_it_was(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="test", attempt=1, outcome="failed")
    await asks(pr, depot, 2)
    await pr.passes(60)
    hears_all(pr)
    await pr.says("maya", f"/depot retry {depot.runs[0].run_id}")
    pr.reply()
    await pr.passes(120)
    hears_all(pr)
    text = stands(pr)[0]
    assert "❌ 0 passed, 2 failed" in text
    assert "✅ passed (attempt 2; before: ❌ failed)" in text


# --- trouble -------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["ListRuns", "GetRunStatus"])
async def test_trouble_is_waited_for(pr: Conversation, depot: SimulatedDepot, method: str) -> None:
    await asks(pr, depot, 8)
    away = depot.faults.refuse(method, "unavailable", times=None)
    await pr.passes(120)
    away.lift()
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.runs) == 8
    assert short(stands(pr)[0]).splitlines()[0].endswith("✅ 8 passed, 0 failed.")


async def test_a_lost_answer_starts_none_twice(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 8)
    depot.faults.drop("Run", times=2)
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.runs) == 8
    assert "✅ 8 passed, 0 failed" in stands(pr)[0]


async def test_what_may_have_started_ends_it(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 8)
    depot.faults.refuse("Run", "unavailable", times=None)
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.calls_of("Run")) == SIDE_BY_SIDE + 2  # each is sent twice at most
    assert "5 passed, 0 failed, 3 not started" in stands(pr)[0]
    assert runs.start_unknown() in stands(pr)[0]


async def test_a_lost_answer_to_the_first(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.drop("Run")
    await asks(pr, depot, 3)
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.runs) == 3
    assert "✅ 3 passed, 0 failed" in stands(pr)[0]


async def test_what_depot_refuses_ends_it(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 8)
    depot.faults.refuse("Run", "permission_denied", times=None)
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE
    text = stands(pr)[0]
    assert "5 passed, 0 failed, 3 not started" in text
    assert "Depot" in text
    (command,) = facts(said(pr)[0])["commands"]
    assert command["stopped"] == "depot-permission_denied"


async def test_a_run_that_comes_to_light_late_counts_too(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 6)
    depot.hide_new_runs(90)
    depot.faults.drop("Run")
    await pr.passes(900)
    hears_all(pr)
    assert len(depot.runs) == 7
    text = short(stands(pr)[0])
    assert text.startswith("7 runs of ")
    assert "✅ 7 passed, 0 failed" in text
    assert "Run 6: Depot's answer to a first start was lost" in text
    assert "Run 7: This run of the same came to light late" in text
    assert re.findall(r"\| (\d) \|", text) == list("1234567")


async def test_it_is_one_of_those_that_are_wanted(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 20, seconds=60)
    depot.hide_new_runs(90)
    depot.faults.drop("Run")
    await pr.passes(1800)
    hears_all(pr)
    text = short(stands(pr)[0])
    assert "✅ 20 passed, 0 failed" in text
    assert re.findall(r"\| (\d+) \|", text) == [str(number) for number in range(1, 21)]
    assert len(depot.runs) == 20


async def test_depot_forgets_a_run(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 6)
    depot.forget(depot.runs[1].run_id)
    await pr.passes(300)
    hears_all(pr)
    text = stands(pr)[0]
    assert "🚫 5 passed, 0 failed, 1 ended unknown" in text
    assert runs.run_disappeared(2) in text


async def test_what_does_not_compile(pr: Conversation, depot: SimulatedDepot) -> None:
    broken = "on: push\njobs: {test: {runs-on: x, needs: nothere, steps: [{run: x}]}}\n"
    await pushes(pr, {CI: broken})
    await pr.says("maya", f"{COMMAND}20")
    await pr.passes(120)
    hears_all(pr)
    text = stands(pr)[0]
    assert "❌ 0 passed, 5 failed, 15 not started" in text
    assert len(depot.runs) == SIDE_BY_SIDE
    assert text.count("does not compile:") == 1
    assert refusals.never_compiles() in text


async def test_what_else_depot_says_of_a_workflow_ends_nothing(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await asks(pr, depot, 2)
    await pr.passes(120)
    hears_all(pr)
    item = await pr.services.ledger.items.load(facts(said(pr)[0])["request"])
    (command,) = item.commands

    def refused(jobs: tuple[Job, ...]) -> bool:
        run = item.runs[0]
        workflow = replace(run.run.workflows[0], error="the runner was lost", jobs=jobs)
        ended = replace(run, run=replace(run.run, status="failed", workflows=(workflow,)))
        return series.refused(replace(item, runs=(ended,)), command) is not None

    assert not refused(item.runs[0].run.workflows[0].jobs)
    assert refused(())


async def test_github_away_for_an_hour_ends_it(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await asks(pr, depot, 7, seconds=60)
    away = github.faults.bad_gateway("*", ".", times=None)
    await pr.passes(3600)
    away.lift()
    await pr.passes(600)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE
    assert "so no more runs are started." in stands(pr)[0]


async def test_depot_away_for_an_hour_ends_it(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 8)
    depot.faults.refuse("ListRuns", "unavailable", times=None)
    await pr.passes(3600)
    hears_all(pr)
    (command,) = facts(said(pr)[0])["commands"]
    assert command["stopped"] == "could-not-ask"
    asked = len(depot.calls)
    await pr.passes(3600)
    assert len(depot.calls) == asked


async def test_nobody_waits_for_it(pr: Conversation, depot: SimulatedDepot) -> None:
    await asks(pr, depot, 9, seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml job=lint")
    assert "(`lint`)" in pr.reply()
    await pr.passes(60)
    hears_all(pr)
    assert len(depot.runs) == SIDE_BY_SIDE + 1


async def test_two_of_them_at_once(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(seconds=20)
    await pr.says("maya", f"{COMMAND}6\n\n/depot run ci.yml job=lint times=6")
    await pr.passes(600)
    hears_all(pr)
    assert sorted(run.job for run in depot.runs) == ["lint"] * 6 + ["test"] * 6
    text = stands(pr)[0]
    assert text.count("✅ 6 passed, 0 failed") == 2
