"""Conversations about `/depot logs`."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.messages.phrases import STATES
from tests.support.commands import (
    CI,
    MATRIX,
    SLOW,
    not_permitted,
    pushes,
    ran,
    reason,
    refuses_others_runs,
    runs_on,
    stands,
)
from tests.support.conversation import Conversation
from tests.support.sentences import NO_EDITS, name_of

pytestmark = pytest.mark.anyio


def heading(name: str, job: str, state: str) -> str:
    return f"The end of `{job}` in {name.replace('Run', 'run', 1)} ({STATES[state]}):\n\n"


def numbered(count: int) -> list[str]:
    return [f"line {number}" for number in range(1, count + 1)]


def block(first: int, last: int) -> str:
    lines = "\n".join(f"line {number}" for number in range(first, last + 1))
    return f"```text\n{lines}\n```"


async def test_the_job_that_failed(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", log=numbered(60))
    run = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs")
    assert pr.reply() == heading(name_of(run), "test", "failed") + block(11, 60)
    assert reason(pr) == "answered"


async def test_the_only_job_that_ran(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(log=["all is well"])
    run = await ran(pr, depot, "run ci.yml job=test")
    await pr.says("trudy", "/depot logs")
    name = name_of(run, "`ci.yml` (`test`)")
    expected = heading(name, "test", "finished") + "```text\nall is well\n```"
    assert pr.reply() == expected


async def test_a_named_job(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="lint", log=["tidy"])
    run = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs job=lint")
    assert pr.reply() == heading(name_of(run), "lint", "finished") + "```text\ntidy\n```"


async def test_a_named_job_of_a_typed_run(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot)
    depot.plan(job="lint", log=["newer"])
    await ran(pr, depot)
    depot.plan(job="lint", log=["older"], run_id=old.run_id)
    await pr.says("trudy", f"/depot logs {old.run_id} job=lint")
    text = pr.reply()
    assert text.startswith(heading(name_of(old), "lint", "finished"))
    assert "newer" not in text


async def test_the_newest_run(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    new = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs")
    assert pr.reply().startswith(heading(name_of(new), "test", "failed"))


@pytest.mark.parametrize(
    ("lines", "first"), [("lines=1", 450), ("lines=3", 448), ("--lines 100", 351), ("lines=500", 1)]
)
async def test_as_many_lines_as_were_asked_for(
    pr: Conversation, depot: SimulatedDepot, lines: str, first: int
) -> None:
    depot.plan(job="test", log=numbered(450))
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", f"/depot logs {lines}")
    assert pr.reply().endswith(block(first, 450))


@pytest.mark.parametrize("lines", ["0", "501", "-3", "many", "99999999999"])
async def test_a_number_that_is_none(pr: Conversation, depot: SimulatedDepot, lines: str) -> None:
    await pr.says("trudy", f"/depot logs lines={lines}")
    assert pr.reply() == (
        "`lines`: a whole number from 1 to 500 goes here. "
        "Usage: `/depot logs [RUN or WORKFLOW] [job=JOB] [lines=N]`. "
        f"{NO_EDITS}"
    )
    assert depot.calls == []


@pytest.mark.parametrize("page_size", [1, 7, 100])
async def test_the_end_of_a_log_of_many_pages(
    pr: Conversation, depot: SimulatedDepot, page_size: int
) -> None:
    depot.switches = replace(depot.switches, log_page_size=page_size)
    depot.plan(job="test", log=numbered(60))
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs lines=4")
    assert pr.reply().endswith(block(57, 60))


async def test_the_newest_attempt_counts(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    depot.plan(job="test", attempt=2, log=["second attempt"])
    await pr.says("alice", "/depot retry")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    await pr.says("trudy", "/depot logs job=test")
    assert pr.reply().endswith("```text\nsecond attempt\n```")


async def test_a_log_that_is_still_written(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(log=numbered(10))
    await runs_on(pr, depot, "run ci.yml job=test", seconds=600)
    await pr.says("trudy", "/depot logs")
    assert pr.reply().endswith(block(1, 1))


async def test_what_a_log_may_hold_is_harmless(pr: Conversation, depot: SimulatedDepot) -> None:
    """The simulator's failing log has colours, a fence and a token in it."""
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs lines=200")
    text = pr.reply()
    assert "````text\n$ pytest -v\n" in text
    assert text.endswith("\n````")
    assert "DEPLOY_TOKEN=***\n" in text
    assert "ghp_" not in text
    assert "\x1b" not in text
    assert "[31m" not in text
    assert "E       assert 4 == 3\n```\n" in text


# --- which job -----------------------------------------------------------------------------------


async def test_several_jobs_ran(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pr.says("trudy", "/depot logs")
    assert pr.reply() == (
        f"Name a job of {name_of(run).replace('Run', 'run', 1)}, as in `job=KEY`. "
        "It has: `ci.yml:build`, `ci.yml:lint`, `ci.yml:test`."
    )
    assert reason(pr) == "which-job"


async def test_several_jobs_failed(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="lint", outcome="failed")
    run = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs")
    assert pr.reply() == (
        f"Name a job of {name_of(run).replace('Run', 'run', 1)}, as in `job=KEY`. "
        "It has: `ci.yml:lint`, `ci.yml:test`."
    )


async def test_no_job_yet(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, compile_seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.says("trudy", "/depot logs")
    assert pr.reply().endswith("as in `job=KEY`. It has no jobs yet.")


@pytest.mark.parametrize(
    ("job_key", "typed"), [("prefix", "test"), ("prefix", "ci.yml:test"), ("bare", "test")]
)
async def test_a_job_however_depot_writes_it(
    pr: Conversation, depot: SimulatedDepot, job_key: Literal["prefix", "bare"], typed: str
) -> None:
    depot.switches = replace(depot.switches, job_key=job_key)
    depot.plan(job="test", log=["this one"])
    await ran(pr, depot)
    await pr.says("trudy", f"/depot logs job={typed}")
    assert pr.reply().endswith("```text\nthis one\n```")


async def test_a_matrix_is_ambiguous(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: MATRIX})
    depot.plan(job="test:matrix-1", log=["the second cell"])
    await ran(pr, depot)
    await pr.says("trudy", "/depot logs job=test")
    assert pr.reply() == (
        "`test` may mean `ci.yml:test:matrix-0`, `ci.yml:test:matrix-1`. Name one of them."
    )
    assert reason(pr) == "ambiguous-job"
    await pr.says("trudy", "/depot logs job=matrix-1")
    assert pr.reply().endswith("```text\nthe second cell\n```")


async def test_a_job_that_is_not_there(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pr.says("trudy", "/depot logs job=deploy")
    assert pr.reply() == (
        f"{name_of(run)} has no job `deploy`. It has: `ci.yml:build`, `ci.yml:lint`, `ci.yml:test`."
    )
    assert reason(pr) == "unknown-job"


# --- no log --------------------------------------------------------------------------------------


async def test_a_job_that_was_skipped(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, "run ci.yml job=test")
    await pr.says("trudy", "/depot logs job=build")
    name = name_of(run, "`ci.yml` (`test`)").replace("Run", "", 1).strip()
    assert pr.reply() == f"`build` of run {name} (skipped) has no log."
    assert reason(pr) == "no-log"


async def test_a_job_that_has_not_begun(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.hold()
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(30)
    pr.last_edit()
    await pr.says("trudy", "/depot logs job=test")
    assert pr.reply().endswith(" (⏸ queued) has no log.")
    assert depot.calls_of("GetJobAttemptLogs")


async def test_a_log_that_is_empty(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="test", log=[])
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot logs")
    assert pr.reply().endswith(" (❌ failed) has no log.")


async def test_no_run_at_all(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("trudy", "/depot logs")
    assert pr.reply() == "There is no run on this pull request's head. `/depot run` starts one."
    assert reason(pr) == "no-run"


@pytest.mark.parametrize("command", ["logs {run}", "logs {run} job=test"])
async def test_a_run_of_another_repository(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    await refuses_others_runs(pr, depot, command)


@pytest.mark.parametrize(
    ("login", "has"), [("rita", "read"), ("trudy", ""), ("alice", ""), ("maya", "")]
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    await ran(pr, depot, outcome="failed")
    before = len(depot.calls_of("GetJobAttemptLogs"))
    await pr.says(login, "/depot logs")
    if has:
        assert pr.reply().startswith(not_permitted("logs", "triage", has))
        assert reason(pr) == "not-triage"
        assert len(depot.calls_of("GetJobAttemptLogs")) == before
    else:
        assert pr.reply().startswith("The end of `test`")


async def test_single_errors_are_gone_through(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    depot.faults.refuse("GetJobAttemptLogs", "internal", every=2)
    await pr.says("trudy", "/depot logs")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(60)
    assert stands(pr)[-1].startswith("The end of `test`")


async def test_the_log_is_gone(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    depot.faults.refuse("GetJobAttemptLogs", "not_found", message="logs expired")
    await pr.says("trudy", "/depot logs")
    assert pr.reply().endswith("Depot answered `not_found`:\n\n```\nlogs expired\n```")
