"""Several Depot organisations: the owner of a repository says whose token is used."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from bot.demo.simulators.depot.calls import Call
from bot.demo.stage import Stage
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on

pytestmark = pytest.mark.anyio

TOOL = "Acme/tool"
ACME = "the-token-of-acme"


@pytest.fixture
async def two(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path
) -> AsyncIterator[tuple[Conversation, Conversation]]:
    """Octo, which uses DEPOT_TOKEN, and Acme, which has an organisation of its own."""
    stage.depot.add_organisation("acme-org", ACME)
    stage.github.repository(TOOL, FILES, internal=True)
    stage.github.role(TOOL, "alice", "write")
    pull = stage.github.pull_request(TOOL, "alice", files={"change.txt": "one\n"})
    clock.time += 60
    config = tmp_path / "bot.toml"
    config.write_text('[depot."acme"]\ntoken = "DEPOT_TOKEN_ACME"\n')
    environment = {"BOT_CONFIG": str(config), "DEPOT_TOKEN_ACME": ACME}
    async with bot_on(stage, clock, hook, tmp_path / "two.db", **environment) as services:
        yield (
            Conversation(clock, stage, services, REPO, 1),
            Conversation(clock, stage, services, TOOL, pull.number),
        )


def of(calls: Sequence[Call], token: str) -> list[Call]:
    return [call for call in calls if call.headers["authorization"] == f"Bearer {token}"]


async def test_each_repository_by_the_token_of_its_owner(
    two: tuple[Conversation, Conversation], stage: Stage
) -> None:
    octo, acme = two
    await octo.says("alice", "/depot run ci.yml")
    await acme.says("alice", "/depot run ci.yml")
    await octo.passes(300)
    for one in two:
        await one.says("alice", "/depot status")
        await one.says("alice", "/depot logs job=test")
    calls = stage.depot.calls
    assert len(of(calls, ACME)) + len(of(calls, stage.depot.token)) == len(calls)
    methods = {"Run", "GetRunStatus", "ListRuns", "GetJobAttemptLogs"}
    for token, repo in ((stage.depot.token, REPO), (ACME, TOOL)):
        assert methods <= {call.method for call in of(calls, token)}
        assert {call.request.get("repo", repo) for call in of(calls, token)} == {repo}
    assert sorted(run.org_id for run in stage.depot.runs) == sorted(
        ["acme-org", stage.depot.org_id]
    )
    assert {run.status for run in stage.depot.runs} == {"finished"}
    said = "\n".join(comment.body for comment in stage.github.comments(TOOL, acme.number))
    assert "acme-org" in said
    assert stage.depot.org_id not in said


async def test_another_organisations_run_is_not_to_be_had(
    two: tuple[Conversation, Conversation], stage: Stage
) -> None:
    octo, acme = two
    await octo.says("alice", "/depot run ci.yml")
    (run,) = stage.depot.runs
    await acme.says("alice", f"/depot cancel {run.run_id}")
    assert not [call for call in stage.depot.calls if call.method.startswith("Cancel")]


async def test_the_token_that_is_not_taken_is_named(
    two: tuple[Conversation, Conversation], stage: Stage
) -> None:
    octo, _ = two
    stage.depot.forget_token(ACME)
    for _ in range(2):
        await octo.services.readiness.look()
    assert octo.services.readiness.problems == {
        "depot": "Depot does not take the token of acme: unauthenticated"
    }
    # It keeps nobody else.
    await octo.says("alice", "/depot run ci.yml")
    assert len(stage.depot.runs) == 1
