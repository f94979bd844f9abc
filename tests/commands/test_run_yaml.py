"""Conversations about `/depot run` with YAML below it."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from tests.support.commands import CI, changes, not_permitted, ran, reason, stands
from tests.support.conversation import REPO, Conversation, untouched
from tests.support.sentences import name_of, queued

pytestmark = pytest.mark.anyio

PROBE = """\
# kept as it is: ünïcödé, "quotes", trailing spaces  \n\
jobs:
  probe:
    runs-on: depot-ubuntu-latest
    steps: [{run: "echo '/depot cancel'"}]
  other:
    runs-on: depot-ubuntu-latest
    steps: [{run: make}]
"""
SECOND = "jobs:\n  second:\n    runs-on: x\n    steps: [{run: make}]\n"


def block(text: str, language: str = "yaml") -> str:
    return f"```{language}\n{text}```\n"


@pytest.mark.parametrize("language", ["yaml", "yml", "YAML"])
async def test_one_block(pr: Conversation, depot: SimulatedDepot, language: str) -> None:
    await pr.says("maya", f"/depot run\n{block(PROBE, language)}")
    (run,) = depot.runs
    assert pr.reply() == queued(run, "the YAML")
    assert changes(depot) == [("Run", {"repo": REPO, "sha": pr.head, "workflowContent": [PROBE]})]
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(run, 'the YAML')}: ✅ passed in")
    assert reason(pr) == "started"


async def test_several_blocks_are_several_workflows(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("maya", f"/depot run\n{block(PROBE)}\n{block(SECOND)}\nThanks!")
    pr.reply()
    ((_, body),) = changes(depot)
    assert body["workflowContent"] == [PROBE, SECOND]
    await pr.passes(60)
    text = pr.last_edit()
    assert "| `probe` | ✅ passed |" in text
    assert "| `second` | ✅ passed |" in text


async def test_one_job_of_one_block(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("maya", f"/depot run job=probe\n{block(PROBE)}")
    (run,) = depot.runs
    assert pr.reply() == queued(run, "the YAML (`probe`)")
    ((_, body),) = changes(depot)
    assert body == {"repo": REPO, "sha": pr.head, "workflowContent": [PROBE], "job": "probe"}
    await pr.passes(60)
    text = pr.last_edit()
    assert text.startswith(f"{name_of(run, 'the YAML (`probe`)')}: ✅ passed")
    assert "other" not in text


async def test_each_of_two_commands_has_its_own_block(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("maya", f"/depot run\n{block(PROBE)}\n/depot run\n{block(SECOND)}")
    pr.reply()
    contents = [body["workflowContent"] for _, body in changes(depot)]
    assert contents == [[PROBE], [SECOND]]
    await pr.passes(60)
    pr.last_edit()


async def test_other_blocks_are_only_talk(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", f"/depot run\n{block('make test', 'sh')}")
    assert pr.reply() == queued(depot.runs[0], "all workflows")
    ((_, body),) = changes(depot)
    assert body == {"repo": REPO, "sha": pr.head}
    await pr.passes(60)
    pr.last_edit()


async def test_a_block_below_a_named_workflow_is_only_talk(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("alice", f"/depot run ci.yml\n{block(PROBE)}")
    assert pr.reply() == queued(depot.runs[0])
    ((_, body),) = changes(depot)
    assert body == {"repo": REPO, "sha": pr.head, "workflow": CI}
    await pr.passes(60)
    pr.last_edit()


async def test_the_same_again_is_another_run(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.hold()
    for _ in range(2):
        await pr.says("maya", f"/depot run\n{block(PROBE)}")
        pr.reply()
    assert len(depot.runs) == 2
    await pr.passes(30)
    stands(pr)


async def test_its_failure_is_shown(pr: Conversation, depot: SimulatedDepot) -> None:
    run = await ran(pr, depot, "run ci.yml")
    depot.plan(job="probe", outcome="failed")
    await pr.says("maya", f"/depot run\n{block(PROBE)}")
    pr.reply()
    await pr.passes(60)
    text = pr.last_edit()
    assert "Why it failed" in text
    assert run.run_id not in text


BAD = "jobs:\n  probe:\n    runs-on: x\n    steps: [{rnu: make}]\n"


@pytest.mark.parametrize("name", ["name: Probe\n"])
async def test_it_does_not_compile_at_depot(
    pr: Conversation, depot: SimulatedDepot, name: str
) -> None:
    await pr.says("maya", f"/depot run\n{block(name + BAD)}")
    (run,) = depot.runs
    pr.reply()
    await pr.passes(60)
    assert pr.last_edit() == (
        f"{name_of(run, 'the YAML')}: ❌ failed.\n\n"
        "`Probe` does not compile:\n\n```\njobs.probe.steps[0]: unknown key 'rnu'\n```"
    )


async def test_yaml_without_a_name_does_not_compile(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("maya", f"/depot run\n{block(BAD)}")
    pr.reply()
    await pr.passes(60)
    text = pr.last_edit()
    assert "unknown key 'rnu'" in text
    assert "` `" not in text


# --- refusals ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "place", "why"),
    [
        (["a: [1"], 1, "not YAML in line 2"),
        ([SECOND, "a: b\n"], 2, "it has no `jobs`"),
        ([SECOND, "- a\n- b\n"], 2, "it has no `jobs`"),
        (["jobs: {}\n"], 1, "it has no `jobs`"),
        (["[" * 60 + "\n"], 1, "nested too deeply"),
    ],
    ids=["no yaml", "no jobs", "a list", "empty jobs", "deep"],
)
async def test_a_bad_block_is_named(
    pr: Conversation, depot: SimulatedDepot, texts: list[str], place: int, why: str
) -> None:
    blocks = "\n".join(block(text if text.endswith("\n") else text + "\n") for text in texts)
    await pr.says("maya", f"/depot run\n{blocks}")
    text = pr.reply()
    assert text.startswith(f"YAML block {place} cannot be read as a workflow: ")
    assert why in text
    assert reason(pr) == "bad-workflow"
    assert changes(depot) == []


async def test_an_unknown_job(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("maya", f"/depot run job=prob\n{block(PROBE)}")
    assert pr.reply() == (
        "`the YAML` has no job `prob`; did you mean `probe`? It has: `probe`, `other`."
    )
    assert reason(pr) == "unknown-job"
    assert changes(depot) == []


async def test_a_job_and_two_blocks(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("maya", f"/depot run job=probe\n{block(PROBE)}\n{block(SECOND)}")
    assert pr.reply() == "A job belongs to one workflow, and there are several YAML blocks."
    assert reason(pr) == "job-needs-workflow"
    assert changes(depot) == []


@pytest.mark.parametrize(
    ("login", "has"),
    [("rita", "read"), ("trudy", "triage"), ("alice", "write"), ("maya", ""), ("ada", "")],
)
async def test_who_may(pr: Conversation, depot: SimulatedDepot, login: str, has: str) -> None:
    await pr.says(login, f"/depot run\n{block(PROBE)}")
    if has:
        assert pr.reply().startswith(not_permitted("run", "maintain", has))
        assert reason(pr) == "not-maintain"
        assert untouched(depot)
    else:
        assert pr.reply() == queued(depot.runs[0], "the YAML")
        await pr.passes(60)
        pr.last_edit()


@pytest.mark.parametrize("pinned", [False, True])
async def test_never_on_a_forks_commit(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, pinned: bool
) -> None:
    github.commit(REPO, "main", {".github/depot-bot.yml": "forks: pinned\n"})
    fork = github.fork(REPO, "mallory")
    number = github.pull_request(REPO, "mallory", fork=fork).number
    await pr.passes(60)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, number)
    sha = f" sha={theirs.head}" if pinned else ""
    await theirs.says("ada", f"/depot run{sha}\n{block(PROBE)}")
    text = theirs.reply()
    if pinned:
        assert text == "YAML from a comment is not run on a fork's commit."
        assert reason(theirs) == "fork-inline"
    else:
        assert reason(theirs) in {"fork-needs-sha", "fork-inline"}
    assert changes(depot) == []
    theirs.assert_said_nothing_else()


async def test_a_pinned_commit_of_our_own(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("maya", f"/depot run sha={pr.head}\n{block(PROBE)}")
    assert pr.reply() == queued(depot.runs[0], "the YAML")
    await pr.passes(60)
    pr.last_edit()


async def test_a_pinned_commit_that_is_old(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    old = pr.head
    github.push(REPO, 1, {"change.txt": "two\n"})
    await pr.passes(60)
    await pr.says("maya", f"/depot run sha={old}\n{block(PROBE)}")
    assert pr.reply() == (
        f"`{old[:7]}` is not the head of this pull request: that is `{pr.head[:7]}` now. "
        f"If you have read it: `/depot run sha={pr.head}`"
    )
    assert changes(depot) == []


async def test_a_lost_answer_is_adopted(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.drop("Run")
    await pr.says("maya", f"/depot run\n{block(PROBE)}")
    assert pr.reply() == snapshot(
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is not started twice."
    )
    await pr.passes(60)
    (run,) = depot.runs
    assert pr.last_edit().startswith(f"{name_of(run, 'the YAML')}: ✅ passed")


async def test_a_lost_answer_is_not_mixed_up_with_a_run_of_a_file(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.drop("Run")
    await pr.says("maya", f"/depot run\n{block(PROBE)}")
    depot.foreign_run(REPO, pr.head, CI)
    assert pr.reply() == snapshot(
        "Depot's answer to the start was lost. Looking whether the run has begun, so that it is not started twice."
    )
    await pr.passes(60)
    ours, _ = depot.runs
    assert pr.last_edit().startswith(f"{name_of(ours, 'the YAML')}: ✅ passed")
