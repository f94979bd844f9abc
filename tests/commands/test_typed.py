"""What people type, as conversations: understood, or told exactly what to type."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.commands import COMMANDS
from bot.commands.base import parse_line
from bot.commands.run import RunArguments
from bot.core.errors import Misreading
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import Drop
from bot.demo.simulators.github import SimulatedGitHub
from bot.messages import refusals, runs
from bot.parsing.arguments import parse_command
from bot.parsing.comments import find_command_lines
from bot.rules.repository_config import Config
from tests.fuzz.markdown_texts import wild_texts
from tests.support.commands import (
    CI,
    MATRIX,
    SLOW,
    attempts,
    pushes,
    ran,
    reason,
    runs_on,
    stands,
)
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import name_of, queued

pytestmark = pytest.mark.anyio

NIGHTLY = ".depot/workflows/nightly.yaml"
YAML = "```yaml\njobs: {x: {runs-on: a, steps: [{run: b}]}}\n```"


# --- never more than was meant -------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        f"/depot run\nlike this:\n{YAML}",
        f"{YAML}\n/depot run",
        "/depot run\n\n    jobs:\n      x: {}",
        f"> {YAML.replace(chr(10), chr(10) + '> ')}\n\n/depot run",
        f"/depot run job=test\n\ntext\n\n{YAML}",
    ],
)
async def test_yaml_that_is_not_plainly_the_commands_own(
    pr: Conversation, depot: SimulatedDepot, text: str
) -> None:
    await pr.says("maya", text)
    assert pr.reply() == refusals.yaml_not_own()
    assert reason(pr) == "yaml-not-own"
    assert depot.calls == []


async def test_an_unmarked_block_that_is_plainly_a_workflow(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("maya", "/depot run\n" + YAML.replace("yaml", ""))
    pr.reply()
    assert reason(pr) == "started"
    (run,) = depot.runs
    assert run.order.contents
    await pr.passes(60)
    stands(pr)


@st.composite
def _around(draw: st.DrawFn) -> str:
    """A comment with a line that may nearly be a bare `run`."""
    words = st.sampled_from(
        ["run", "run ", "run\u200b", "RUN", "run force", "run job=test", "run ci.yml", "retry", ""]
    )
    line = f"/depot {draw(words)}{draw(st.sampled_from(['', ' ', chr(92), ' x', '=', ' --']))}"
    return f"{draw(wild_texts)}\n\n{line}\n{draw(wild_texts)}"


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(_around())
def test_only_a_bare_run_means_all_workflows(text: str) -> None:
    """No text that does not spell a bare `run` leads to a run without workflow and content."""
    for line in find_command_lines(text):
        parsed = parse_command(
            line.text, {verb: command.arguments for verb, command in COMMANDS.items()}
        )
        if isinstance(parsed, Misreading) or not isinstance(parsed, RunArguments):
            continue
        target = parsed.target(line)
        if not (target.workflows or target.jobs or target.is_inline or line.is_beside_yaml):
            # Nothing but the verb, the commit and the flag.
            typed = "".join(char for char in line.text.lower() if char.isalnum() or char in "=-")
            rest = typed.removeprefix("run").replace("-", "").replace("force", "")
            assert rest.split("=")[0] in {"", "sha"}, line
            assert not isinstance(parse_line(line, Config(), COMMANDS), Misreading)


# --- hints ---------------------------------------------------------------------------------------


async def test_a_hint_is_given_once(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "- /depot run ci.yml")
    assert pr.reply() == refusals.hint("run ci.yml")
    await pr.says("alice", "@depot-bot run ci.yml")
    pr.assert_said_nothing_else()
    await pr.says("maya", "@depot-bot run ci.yml")
    assert pr.reply() == refusals.hint("run ci.yml")
    assert depot.calls == []


@pytest.mark.parametrize("text", ["@depot-team please look", "- /depot is cheap", "@depot-bot hi"])
async def test_talk_about_the_bot_gets_no_hint(pr: Conversation, text: str) -> None:
    comment = await pr.says("alice", text)
    pr.assert_said_nothing_else()
    assert comment.reactions == []


async def test_a_misreading_says_that_edits_are_not_read(pr: Conversation) -> None:
    await pr.says("alice", "/depot rum ci.yml")
    assert pr.reply() == (
        "There is no command `rum`. Did you mean `/depot run ci.yml`? "
        "Write it as a new comment: edits are not read."
    )


# --- by workflow, and all at once ----------------------------------------------------------------


async def test_what_failed_anywhere_at_the_head_is_retried(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    failed = await ran(pr, depot, "run nightly.yaml", outcome="failed", job="soak")
    passed = await ran(pr, depot, "run ci.yml")
    await pr.says("alice", "/depot retry")
    assert name_of(failed, "`nightly.yaml`") in pr.reply()
    assert reason(pr) == "retried"
    await pr.passes(120)
    stands(pr)
    assert max(attempts(failed).values()) == 2
    assert max(attempts(passed).values()) == 1


async def test_several_failed_runs_are_retried_together(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    soak = await ran(pr, depot, "run nightly.yaml", outcome="failed", job="soak")
    test = await ran(pr, depot, "run ci.yml", outcome="failed", job="test")
    await pr.says("alice", "/depot retest")
    said_ = pr.reply()
    assert name_of(soak, "`nightly.yaml`") in said_
    assert name_of(test) in said_
    await pr.passes(120)
    stands(pr)
    assert [max(attempts(run).values()) for run in (soak, test)] == [2, 2]


async def test_why_tells_of_all_that_failed(pr: Conversation, depot: SimulatedDepot) -> None:
    soak = await ran(pr, depot, "run nightly.yaml", outcome="failed", job="soak")
    test = await ran(pr, depot, "run ci.yml", outcome="failed", job="test")
    await pr.says("trudy", "/depot why")
    said_ = pr.reply()
    assert soak.run_id in said_
    assert test.run_id in said_


@pytest.mark.parametrize("typed", ["ci.yml", "ci", CI])
@pytest.mark.parametrize("verb", ["retry", "status", "rerun", "why"])
async def test_a_run_is_named_by_its_workflow(
    pr: Conversation, depot: SimulatedDepot, verb: str, typed: str
) -> None:
    test = await ran(pr, depot, "run ci.yml", outcome="failed", job="test")
    await ran(pr, depot, "run nightly.yaml")
    await pr.says("alice", f"/depot {verb} {typed}")
    assert test.run_id in pr.reply()
    await pr.passes(120)
    stands(pr)


async def test_a_workflow_without_a_run(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, "run ci.yml")
    await pr.says("alice", "/depot retry nightly")
    assert pr.reply() == refusals.no_run_of("nightly.yaml")
    await pr.says("alice", "/depot retry nigthly.yaml")
    assert "Did you mean `nightly.yaml`?" in pr.reply()


async def test_the_one_under_way_is_cancelled(pr: Conversation, depot: SimulatedDepot) -> None:
    over = depot.foreign_run(REPO, pr.head, NIGHTLY)
    depot.finish(over.run_id, "finished")
    going = await runs_on(pr, depot, "run ci.yml")
    await pr.says("alice", "/depot cancel")
    pr.reply()
    assert going.status == "cancelled"
    await pr.passes(60)
    stands(pr)


async def test_several_workflows_in_one_command(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot run nightly ci.yml")
    nightly, ci = depot.runs
    said_ = pr.reply()
    assert queued(nightly, "`nightly.yaml`") in said_
    assert queued(ci) in said_
    await pr.passes(60)
    (text,) = stands(pr)
    assert text.count(": ✅ passed") == 2


async def test_several_jobs_in_one_command(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot run ci.yml job=build,lint,build")
    assert [run.job for run in depot.runs] == ["build", "lint"]
    pr.reply()
    await pr.passes(60)
    stands(pr)


async def test_the_second_of_two_starts_is_lost(pr: Conversation, depot: SimulatedDepot) -> None:
    """What was started stays started, and what was not is looked for and started once."""
    depot.faults.arrange(Drop(), "Run", 1, every=2)
    await pr.says("alice", "/depot run nightly ci.yml")
    pr.reply()
    await pr.passes(120)
    (text,) = stands(pr)
    assert sorted(run.order.workflow for run in depot.runs) == [CI, NIGHTLY]
    assert text.count(": ✅ passed") == 2


async def test_several_jobs_are_retried(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(job="build", attempt=1, outcome="failed")
    run = await ran(pr, depot, "run ci.yml", outcome="failed", job="lint")
    await pr.says("alice", "/depot retry job=build,lint")
    pr.reply()
    await pr.passes(120)
    stands(pr)
    tried = attempts(run)
    assert {key.split(":")[-1]: tries for key, tries in tried.items()} == {
        "build": 2,
        "lint": 2,
        "test": 1,
    }


async def test_a_job_whose_name_has_a_comma(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: MATRIX})
    run = await ran(pr, depot, "run ci.yml", outcome="failed", job="test")
    await pr.says("alice", "/depot retry job=test,lint")
    assert "may mean" in pr.reply()
    assert max(attempts(run).values()) == 1


async def test_rerun_failed_is_told_of_retry(pr: Conversation, depot: SimulatedDepot) -> None:
    await ran(pr, depot, "run ci.yml", outcome="failed")
    await pr.says("alice", "/depot rerun failed")
    assert pr.reply() == refusals.rerun_failed()


@pytest.mark.parametrize("text", ["/depot test", "/depot browser job=x"])
async def test_what_is_no_command_may_be_a_workflow_or_a_job(pr: Conversation, text: str) -> None:
    await pr.says("alice", text)
    word = text.split()[1]
    said_ = pr.reply()
    assert f"`/depot run {word}`" in said_
    assert f"`/depot run job={word}`" in said_


# --- what is under way, whoever started it -------------------------------------------------------


@pytest.mark.parametrize("trigger", ["api", "push"])
@pytest.mark.parametrize("typed", ["run ci.yml", "run ci.yml job=test", "run job=test"])
async def test_a_run_that_somebody_else_started_is_pointed_to(
    pr: Conversation, depot: SimulatedDepot, trigger: str, typed: str
) -> None:
    depot.plan(seconds=SLOW)
    theirs = depot.foreign_run(REPO, pr.head, CI, trigger=trigger)
    await pr.passes(5)
    await pr.says("alice", f"/depot {typed}")
    said_ = pr.reply()
    assert name_of(theirs) in said_
    assert runs.already_running() in said_
    assert depot.calls_of("Run") == []
    await pr.says("alice", f"/depot {typed} force")
    pr.reply()
    assert reason(pr) == "started"
    await pr.passes(2 * SLOW)
    stands(pr)


async def test_a_run_of_the_test_merge_says_what_it_builds(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=SLOW)
    merge = pr.head
    await pushes(pr, {"change.txt": "newer\n"})
    depot.foreign_run(REPO, merge, CI, trigger="pull_request", head_sha=pr.head, pr=1)
    await pr.passes(5)
    await pr.says("alice", "/depot run ci.yml")
    assert f"It builds `{merge[:7]}`, GitHub's test merge of the head." in pr.reply()
    await pr.passes(2 * SLOW)
    stands(pr)


async def test_a_job_that_is_over_in_a_run_under_way_is_started(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=SLOW)
    depot.plan(job="test", seconds=1)
    depot.foreign_run(REPO, pr.head, CI, trigger="push")
    await pr.passes(60)
    await pr.says("alice", "/depot run ci.yml job=test")
    pr.reply()
    assert reason(pr) == "started"
    await pr.passes(2 * SLOW)
    stands(pr)


# --- review threads ------------------------------------------------------------------------------


async def test_a_reply_in_an_old_thread_pins_nothing(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    began = github.review_comment(REPO, 1, "alice", "why?", "change.txt")
    await pushes(pr, {"change.txt": "newer\n"})
    for text in ("/depot dispatch nightly", "/depot run ci.yml"):
        github.review_comment(REPO, 1, "alice", text, "change.txt", in_reply_to=began)
        await pr.settles()
        pr.reply()
        assert reason(pr) == "started"
    await pr.passes(60)
    stands(pr)
    assert {run.order.sha for run in depot.runs} == {pr.head}


# --- a workflow that is named is all that is meant ------------------------------------------------

LINT = ".depot/workflows/lint.yml"
LINT_TEXT = """\
name: Lint
on: push
jobs:
  style: {runs-on: depot-ubuntu-latest, steps: [{run: make style}]}
"""


@pytest.mark.parametrize(
    ("typed", "call", "count"),
    [
        ("retry ci.yml", "RetryFailedJobs", 1),
        ("rerun ci.yml", "RerunWorkflow", 1),
        ("retry", "RetryFailedJobs", 2),
    ],
)
async def test_other_workflows_of_the_run_stay_as_they_are(
    pr: Conversation, depot: SimulatedDepot, typed: str, call: str, count: int
) -> None:
    await pushes(pr, {LINT: LINT_TEXT})
    for job in ("test", "style"):
        depot.plan(job=job, attempt=1, outcome="failed")
    run = depot.foreign_run(REPO, pr.head, trigger="push")
    await pr.passes(60)
    await pr.says("alice", f"/depot {typed}")
    pr.reply()
    called = [dict(one.request)["workflowId"] for one in depot.calls_of(call)]
    assert len(called) == count
    ids = {
        workflow.spec.path.rpartition("/")[2]: workflow.workflow_id for workflow in run.workflows
    }
    assert ids["ci.yml"] in called
    await pr.passes(120)
    stands(pr)


async def test_only_the_workflow_that_was_named_is_cancelled(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {LINT: LINT_TEXT})
    depot.plan(seconds=SLOW)
    run = depot.foreign_run(REPO, pr.head, trigger="push")
    await pr.passes(60)
    await pr.says("alice", "/depot cancel ci.yml")
    pr.reply()
    states = {one.spec.path.rpartition("/")[2]: one.status for one in run.workflows}
    assert (states["ci.yml"], states["lint.yml"]) == ("cancelled", "running")
    assert depot.calls_of("CancelRun") == []
    await pr.passes(2 * SLOW)
    stands(pr)


async def test_what_a_newer_run_made_good_is_not_retried(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {LINT: LINT_TEXT})
    for job in ("test", "style"):
        depot.plan(job=job, attempt=1, outcome="failed")
    older = depot.foreign_run(REPO, pr.head, trigger="push")
    await pr.passes(60)
    depot.plan(job="style", attempt=1, outcome="finished")
    depot.foreign_run(REPO, pr.head, LINT, trigger="push")
    await pr.passes(60)
    await pr.says("alice", "/depot retry")
    pr.reply()
    (called,) = depot.calls_of("RetryFailedJobs")
    ci = next(one for one in older.workflows if one.spec.path.endswith("ci.yml"))
    assert dict(called.request)["workflowId"] == ci.workflow_id
    await pr.passes(120)
    stands(pr)


async def test_a_pointer_holds_only_what_is_in_the_run(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {LINT: LINT_TEXT})
    depot.plan(seconds=SLOW)
    depot.foreign_run(REPO, pr.head, CI, trigger="push")
    await pr.passes(10)
    await pr.says("alice", "/depot run ci.yml")
    assert runs.already_running() in pr.reply()
    await pr.says("alice", "/depot run lint.yml")
    pr.reply()
    assert reason(pr) == "started"
    await pr.passes(2 * SLOW)
    stands(pr)
