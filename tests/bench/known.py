"""What it costs to say where else a failure was seen: calls to GitHub and Depot for one failed run.

Counted, not timed: the same run fails twice, once with an error that says nothing, so that nothing
is asked for it, and once with one that is looked for on a base branch where it is not known yet.
"""

from __future__ import annotations

import time
from pathlib import Path

import httpx

from bot.demo.simulators.github import generate_private_key
from bot.demo.stage import Stage
from tests.bench.table import Row, at_most
from tests.support.base_branch import ERROR, pushed
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on

COMMAND = "/depot run ci.yml job=test"
NOTHING = "Process completed with exit code 1"

PUSHES = 10
"""Failed runs of the base branch."""

LONG_ENOUGH = 300.0
"""Seconds after which all is said of a failed run."""


async def rows(folder: Path) -> list[Row]:
    calls = {}
    for name, public in (("quoted", False), ("not quoted", True)):
        own = folder / name
        own.mkdir()
        calls[name] = await _calls(own, public=public)
    return [
        at_most("calls to say where else a failure was seen", calls["quoted"], 5),
        at_most("the same where no diagnosis is quoted", calls["not quoted"], 5),
    ]


async def _calls(folder: Path, *, public: bool) -> int:
    """What an error that is looked for costs more than one that says nothing. Where nothing is
    quoted, both need the diagnosis of their own run: it is counted as well."""
    clock, hook = ManualClock(), Hook()
    async with httpx.AsyncClient(transport=hook) as client:
        stage = Stage(
            now=clock.now, private_key=generate_private_key(), hook_client=client, jwt_now=time.time
        )
        stage.github.repository(REPO, FILES, internal=not public)
        stage.github.role(REPO, "alice", "write")
        stage.github.pull_request(REPO, "alice", files={"change.txt": "1\n"})
        clock.time += 60  # the head is older than the comment
        async with bot_on(stage, clock, hook, folder / "ledger.db") as services:
            conversation = Conversation(clock, stage, services, REPO, 1)
            await conversation.settles()
            for _ in range(PUSHES):
                pushed(conversation, ERROR)
            await _fails(conversation, NOTHING)  # the files at the head are kept from now on
            cheap = await _fails(conversation, NOTHING)
            costly = await _fails(conversation, ERROR)
    return costly - cheap + int(public)


async def _fails(conversation: Conversation, error: str) -> int:
    """The calls that a command makes whose run fails like this, to the end."""
    github, depot = conversation.github, conversation.depot
    depot.plan(job="test", outcome="failed", error_message=error)
    await conversation.passes(3600)  # no token is left, nor anything else that is kept
    github.requests.clear()
    depot.calls.clear()
    await conversation.says("alice", f"{COMMAND} force")
    await conversation.passes(LONG_ENOUGH)
    assert depot.runs[-1].status == "failed", "the run did not fail"
    reads = [request for request in github.requests if request.method == "GET"]
    return len(reads) + len(depot.calls)
