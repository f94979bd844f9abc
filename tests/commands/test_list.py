"""Conversations about `/depot list`."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.commands.list import MAX_FILES
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from tests.support.commands import CI, pushes, reason
from tests.support.conversation import CI as CI_TEXT
from tests.support.conversation import REPO, Conversation
from tests.support.sentences import NO_EDITS

pytestmark = pytest.mark.anyio

NIGHTLY = ".depot/workflows/nightly.yaml"


async def test_the_workflows_and_jobs_at_the_head(pr: Conversation, depot: SimulatedDepot) -> None:
    comment = await pr.says("alice", "/depot list")
    assert pr.reply() == (
        f"At `{pr.head[:7]}`:\n\n"
        "| workflow | jobs |\n"
        "|---|---|\n"
        "| `ci.yml` | `build`, `lint`, `test` |\n"
        "| `nightly.yaml` | `soak` |"
    )
    assert reason(pr) == "answered"
    assert [reaction.content for reaction in comment.reactions] == ["eyes"]
    assert depot.calls == []


@pytest.mark.parametrize("login", ["rita", "stranger"])
async def test_anyone_may_ask(pr: Conversation, login: str) -> None:
    await pr.says(login, "/depot list")
    assert "`ci.yml`" in pr.reply()


async def test_it_follows_the_head(pr: Conversation) -> None:
    await pr.says("alice", "/depot list")
    assert "`deploy.yml`" not in pr.reply()
    await pushes(pr, {".depot/workflows/deploy.yml": CI_TEXT})
    await pr.says("alice", "/depot list")
    said = pr.reply()
    assert said.startswith(f"At `{pr.head[:7]}`")
    assert "| `deploy.yml` | `build`, `lint`, `test` |" in said


async def test_no_workflows(pr: Conversation) -> None:
    await pushes(pr, dict.fromkeys((CI, NIGHTLY)))  # type: ignore[arg-type]
    await pr.says("alice", "/depot list")
    await pr.passes(30)
    assert pr.reply() == snapshot("There are no workflow files in `.depot/workflows` at `7baeb84`.")
    assert reason(pr) == "no-workflows"


async def test_a_file_that_cannot_be_read_spoils_no_other(pr: Conversation) -> None:
    await pushes(pr, {NIGHTLY: "jobs: ["})
    await pr.says("alice", "/depot list")
    said = pr.reply()
    assert "| `ci.yml` | `build`, `lint`, `test` |" in said
    assert "| `nightly.yaml` | cannot be read |" in said


async def test_files_elsewhere_are_no_workflows(pr: Conversation) -> None:
    await pushes(
        pr,
        {
            ".depot/workflows/notes.md": "x",
            ".depot/workflows/sub/deep.yml": CI_TEXT,
            ".github/workflows/actions.yml": CI_TEXT,
        },
    )
    await pr.says("alice", "/depot list")
    said = pr.reply()
    assert not any(name in said for name in ("notes", "deep", "actions"))


async def test_very_many_files_and_jobs_are_cut(pr: Conversation) -> None:
    many = "on: push\njobs:\n" + "".join(f"  j{n}: {{}}\n" for n in range(200))
    names = {f".depot/workflows/w{n:03}.yml": many for n in range(60)}
    await pushes(pr, names)
    await pr.says("alice", "/depot list")
    said = pr.reply()
    assert said.count("\n| ") <= MAX_FILES + 1
    assert "and 170 more" in said
    assert len(said) < 65_536


async def test_that_files_were_left_out_is_said(pr: Conversation) -> None:
    await pushes(pr, {f".depot/workflows/w{n:03}.yml": CI_TEXT for n in range(60)})
    await pr.says("alice", "/depot list")
    assert f"{62 - MAX_FILES} more" in pr.reply()


@pytest.mark.parametrize("end", ["close", "merge"])
async def test_a_closed_pull_request_may_be_looked_at(
    pr: Conversation, github: SimulatedGitHub, end: str
) -> None:
    getattr(github, end)(REPO, 1)
    await pr.says("alice", "/depot list")
    assert "`ci.yml`" in pr.reply()


async def test_an_outage_is_not_an_empty_list(pr: Conversation, github: SimulatedGitHub) -> None:
    github.faults.bad_gateway("GET", "/contents/", times=3)
    await pr.says("alice", "/depot list")
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    await pr.passes(120)
    assert "`ci.yml`" in pr.last_edit()


async def test_an_argument_is_one_too_many(pr: Conversation) -> None:
    await pr.says("alice", "/depot list ci.yml")
    assert pr.reply() == f"`list` has no place for `ci.yml`. Usage: `/depot list`. {NO_EDITS}"
