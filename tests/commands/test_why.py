"""Conversations about `/depot why`."""

from __future__ import annotations

from dataclasses import replace

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from tests.support.commands import (
    CI,
    MATRIX,
    job_id,
    not_permitted,
    pushes,
    ran,
    reason,
    refuses_others_runs,
    runs_on,
    stands,
)
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import name_of

pytestmark = pytest.mark.anyio

BY_A_MODEL = "Diagnosis and fix were written by a model, from the log: check them."


def questions(depot: SimulatedDepot) -> list[tuple[str, int]]:
    """What Depot was asked a diagnosis for."""
    asked = [call.request for call in depot.calls_of("GetFailureDiagnosis")]
    return [(request["targetId"], request["targetType"]) for request in asked]


async def test_one_failure(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(
        job="test",
        error_message="Step 1 exited with code 1",
        diagnosis="It counts wrong.",
        possible_fix="Count right.",
        log=["fine", "assert total == 3", "bye"],
    )
    run = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why")
    assert pr.reply() == (
        f"{name_of(run)}:\n\n"
        "`test` failed:\n\n"
        "```text\nStep 1 exited with code 1\n```\n\n"
        "```text\nassert total == 3\n```\n\n"
        "Diagnosis:\n\n> `It counts wrong.`\n\n"
        "Possible fix:\n\n> `Count right.`\n\n" + BY_A_MODEL
    )
    assert reason(pr) == "answered"
    assert questions(depot)[-1] == (run.run_id, 1)


async def test_nothing_by_a_model_is_not_said_to_be(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="test", diagnosis="", possible_fix="", log=[])
    run = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why")
    assert pr.reply() == (
        f"{name_of(run)}:\n\n`test` failed:\n\n```text\nStep 1 exited with code 1\n```"
    )


async def test_one_job(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="lint", outcome="failed", error_message="untidy")
    run = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why job=lint")
    text = pr.reply()
    assert text.startswith(f"{name_of(run)}:\n\n`lint` failed:\n\n```text\nuntidy\n```")
    assert "`test`" not in text
    assert questions(depot)[-1] == (job_id(run, "lint"), 3)


async def test_several_in_the_same_way_and_one_in_another(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="build", outcome="failed", error_message="no disk")
    depot.plan(job="lint", outcome="failed", error_message="no disk")
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why")
    text = pr.reply()
    assert "`build`, `lint` failed (2 times):\n\n```text\nno disk\n```" in text
    assert "`test` failed:\n\n```text\nStep 1 exited with code 1\n```" in text
    assert text.count(BY_A_MODEL) == 1


async def test_more_kinds_than_are_shown(pr: Conversation, depot: SimulatedDepot) -> None:
    keys = [f"job{number}" for number in range(8)]
    jobs = "".join(f"  {key}:\n    runs-on: x\n    steps: [{{run: make}}]\n" for key in keys)
    await pushes(pr, {CI: f"on: push\njobs:\n{jobs}"})
    for key in keys:
        depot.plan(job=key, outcome="failed", error_message=f"broken in {key}")
    await ran(pr, depot)
    await pr.says("trudy", "/depot why")
    text = pr.reply()
    assert text.count(" failed:") == 5
    assert "\n\nAnd 3 more kinds of failure.\n\n" in text


async def test_too_much_for_one_answer_is_asked_for_in_parts(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.switches = replace(depot.switches, diagnosis_cap=2)
    for job in ("build", "lint"):
        depot.plan(job=job, outcome="failed", error_message=f"{job} is broken")
    depot.plan(job="soak", outcome="failed", error_message="soaked")
    run = await ran(pr, depot, "run", outcome="failed")
    await pr.says("trudy", "/depot why")
    text = pr.reply()
    assert "`soak` failed:\n\n```text\nsoaked\n```" in text
    asked = questions(depot)
    parts = [(w.workflow_id, 2) for w in run.workflows]
    assert [question for question in asked if question[1] < 3][-3:] == [(run.run_id, 1), *parts]


async def test_a_part_that_is_too_much_as_well(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, diagnosis_cap=1)
    depot.plan(job="build", outcome="failed", error_message="no disk")
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why")
    text = pr.reply()
    assert "no disk" in text
    assert "knows of no failure" not in text


async def test_nothing_failed(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pr.says("trudy", "/depot why")
    assert pr.reply().startswith(f"Nothing failed. {name_of(run)}: ✅ passed")
    assert depot.calls_of("GetFailureDiagnosis") == []


async def test_nothing_failed_so_far(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("trudy", "/depot why")
    assert pr.reply().startswith(f"Nothing failed. {name_of(run)}: ⏳ running")


async def test_a_job_that_did_not_fail(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why job=build")
    assert pr.reply().startswith("Depot knows of no failure in run ")


async def test_a_typed_run_and_the_newest(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot, outcome="failed")
    new = await ran(pr, depot, outcome="failed")
    await pr.says("trudy", f"/depot why {old.run_id}")
    assert pr.reply().startswith(f"{name_of(old)}:\n\n`test` failed:")
    await pr.says("trudy", "/depot why")
    assert pr.reply().startswith(f"{name_of(new)}:\n\n`test` failed:")


async def test_depots_own_run(pr: Conversation, depot: SimulatedDepot) -> None:
    run = depot.foreign_run(REPO, pr.head, CI, trigger="pull_request", pr=1)
    depot.finish(run.run_id, jobs={"test": "failed"})
    await pr.says("trudy", "/depot why")
    assert pr.reply().startswith(f"{name_of(run)}:\n\n`test` failed:")


async def test_older_servers_without_labels(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, job_display_name=False)
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why")
    assert "`ci.yml:test` failed:" in pr.reply()


async def test_a_matrix_is_ambiguous(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: MATRIX})
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why job=test")
    assert pr.reply() == (
        "`test` may mean `ci.yml:test:matrix-0`, `ci.yml:test:matrix-1`. Name one of them."
    )


async def test_a_job_that_is_not_there(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, outcome="failed")
    await pr.says("trudy", "/depot why job=tset")
    assert " has no job `tset`; did you mean `test`?" in pr.reply()
    assert reason(pr) == "unknown-job"


async def test_no_run_at_all(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("trudy", "/depot why")
    assert pr.reply() == "There is no run on this pull request's head. `/depot run` starts one."


@pytest.mark.parametrize("command", ["why {run}", "why {run} job=test"])
async def test_a_run_of_another_repository(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    await refuses_others_runs(pr, depot, command)


@pytest.mark.parametrize(
    ("login", "has"), [("rita", "read"), ("trudy", ""), ("alice", ""), ("maya", "")]
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    run = await ran(pr, depot, outcome="failed")
    before = len(questions(depot))
    await pr.says(login, "/depot why")
    if has:
        assert pr.reply().startswith(not_permitted("why", "triage", has))
        assert reason(pr) == "not-triage"
        assert len(questions(depot)) == before
    else:
        assert pr.reply().startswith(f"{name_of(run)}:")


async def test_depot_is_away_for_a_moment(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, outcome="failed")
    depot.faults.refuse("GetFailureDiagnosis", "unavailable", retry_after=20)
    await pr.says("trudy", "/depot why")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(19)
    pr.assert_said_nothing_else()
    await pr.passes(10)
    assert stands(pr)[-1].startswith(f"{name_of(run)}:\n\n`test` failed:")
