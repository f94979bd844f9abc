"""Conversations about `/depot status`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import Literal

import pytest
from inline_snapshot import snapshot
from starlette.responses import Response

from bot.demo.simulators.depot import Run, SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from tests.support.commands import (
    CI,
    SLOW,
    changes,
    no_such_run,
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

HEADING = (
    "| run | workflow | asked by | when | state | took | jobs |\n|---|---|---|---|---|---|---|\n"
)


def row(run: Run, rest: str) -> str:
    return f"| [`{run.run_id}`](https://depot.dev/orgs/{run.org_id}/workflows/{run.run_id}) {rest}"


async def test_the_runs_at_the_head(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot, outcome="failed")
    new = await runs_on(pr, depot, "run nightly")
    await pr.says("rita", "/depot status")
    assert pr.reply() == (
        f"On `{pr.head[:7]}`:\n\n{HEADING}"
        + row(
            new,
            "| `nightly.yaml` | `alice` | 2026-11-24 06:02 UTC | ⏳ running | 1 min so far "
            "| 1 ⏳ running |\n",
        )
        + row(
            old,
            "| `ci.yml` | `alice` | 2026-11-24 06:01 UTC | ❌ failed | 2 s "
            "| 2 ✅ passed, 1 ❌ failed |",
        )
    )
    assert reason(pr) == "answered"
    assert len(changes(depot)) == 2


async def test_depots_own_runs_are_shown_too(pr: Conversation, depot: SimulatedDepot) -> None:
    merge = "a" * 40
    run = depot.foreign_run(REPO, merge, trigger="pull_request", head_sha=pr.head, pr=1)
    depot.hold()
    await pr.passes(30)
    await pr.says("rita", "/depot status")
    assert f"[`{run.run_id}`]" in pr.reply()


async def test_a_run_of_all_workflows(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, "run")
    await pr.says("rita", "/depot status")
    rest = "`alice` | 2026-11-24 06:01 UTC | ✅ passed | 2 s | 4 ✅ passed |"
    expected = row(run, f"| `ci.yml`, `nightly.yaml` | {rest}")
    assert pr.reply().endswith(expected)


async def test_yaml_sent_along(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("maya", f"/depot run\n```yaml\n{YAML}```")
    pr.reply()
    await pr.passes(60)
    pr.last_edit()
    (run,) = depot.runs
    await pr.says("rita", "/depot status")
    rest = "`maya` | 2026-11-24 06:01 UTC | ✅ passed | 2 s | 1 ✅ passed |"
    assert pr.reply().endswith(row(run, f"| `YAML` | {rest}"))


async def test_one_that_has_not_been_compiled(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, compile_seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    (run,) = depot.runs
    await pr.says("rita", "/depot status")
    rest = "`alice` | 2026-11-24 06:01 UTC | ⏸ queued | 0 s so far |  |"
    assert pr.reply().endswith(row(run, f"|  | {rest}"))


async def test_attempts_and_what_depot_started(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.finish(depot.foreign_run(REPO, pr.head, trigger="push").run_id)
    await ran(pr, depot, outcome="failed")
    await pr.says("maya", "/depot retry ci.yml")
    pr.reply()
    await pr.passes(60)
    stands(pr)
    await pr.says("rita", "/depot status")
    text = pr.reply()
    assert "| `alice` | 2026-11-24 06:01 UTC | ✅ passed, attempt 2 |" in text
    assert "| Depot: `push` | 2026-11-24 06:01 UTC | ✅ passed |" in text


@pytest.mark.parametrize("path", ["path", "bare"])
async def test_file_names_in_either_shape(
    pr: Conversation, depot: SimulatedDepot, path: Literal["path", "bare"]
) -> None:
    depot.switches = replace(depot.switches, workflow_path=path)
    await ran(pr, depot)
    await pr.says("rita", "/depot status")
    assert "| `ci.yml` |" in pr.reply()


async def test_only_the_head_counts(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.says("rita", "/depot status")
    assert pr.reply() == f"There is no run on `{pr.head[:7]}`. `/depot run` starts one."


async def test_the_newest_ten(pr: Conversation, depot: SimulatedDepot) -> None:
    runs = []
    for _ in range(13):
        runs.append(depot.foreign_run(REPO, pr.head, CI))
        await pr.passes(1)
    await pr.says("rita", "/depot status")
    text = pr.reply()
    assert text.endswith("\n\nAnd 3 older.")
    assert [run.run_id in text for run in runs] == [False] * 3 + [True] * 10


async def test_one_run(pr: Conversation, depot: SimulatedDepot) -> None:
    old = await ran(pr, depot, outcome="failed")
    await ran(pr, depot)
    await pr.says("rita", f"/depot status {old.run_id}")
    text = pr.reply()
    assert text.startswith(f"{name_of(old)}: ❌ failed: `test`, 2 passed.\n\n| job | state |\n")
    assert "| `test` | ❌ failed |" in text


async def test_one_run_that_goes_on(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await runs_on(pr, depot)
    await pr.says("rita", f"/depot status {run.run_id}")
    assert pr.reply().startswith(f"{name_of(run)}: ⏳ running.")


async def test_an_old_run_by_its_id_after_a_push(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    await pushes(pr, {"change.txt": "two\n"})
    await pr.says("rita", f"/depot status {run.run_id}")
    assert pr.reply().startswith(f"{name_of(run)}: ✅ passed.")


async def test_a_run_of_another_repository(pr: Conversation, depot: SimulatedDepot) -> None:
    await refuses_others_runs(pr, depot, "status {run}")


@dataclass
class Tells:
    """Answers, and lets another call be answered after that."""

    told: asyncio.Event

    async def answer(self, work: Work) -> Response:
        response = work().response()
        self.told.set()
        return response


async def test_an_unknown_run_whichever_answer_comes_first(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    told = asyncio.Event()
    depot.faults.late("GetRun", until=told)
    depot.faults.arrange(Tells(told), "GetRunStatus")
    await pr.says("rita", "/depot status nosuchrun0")
    assert pr.reply() == no_such_run("nosuchrun0")


async def test_a_stranger_may_ask(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("mallory", "/depot status")
    assert pr.reply() == f"There is no run on `{pr.head[:7]}`. `/depot run` starts one."


async def test_depot_is_away_for_a_moment(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot)
    depot.faults.refuse("GetRunStatus", "internal")
    await pr.says("rita", "/depot status")
    assert pr.reply() == snapshot("Depot does not answer right now; still trying.")
    await pr.passes(30)
    assert run.run_id in stands(pr)[-1]


async def test_one_of_the_runs_disappears_meanwhile(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    """Between the listing and the look."""
    await ran(pr, depot)
    depot.faults.refuse("GetRunStatus", "not_found", message="run not found")
    await pr.says("rita", "/depot status")
    assert "Depot answered `not_found`" in pr.reply()
    assert reason(pr) == "depot-not_found"


YAML = "jobs:\n  probe:\n    runs-on: x\n    steps: [{run: make probe}]\n"
