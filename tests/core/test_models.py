"""What a loaded request says of its commands."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.events import Actor, Comment, Source
from bot.core.models import (
    PendingChange,
    Reply,
    StartAttempt,
    StartRequest,
    TrackedRun,
    WorkItem,
)
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha

REPO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
FIRST, SECOND = CommandId("ic-1.1"), CommandId("ic-1.2")


def intent(number: int, command_id: CommandId, outcome: str) -> StartAttempt:
    return StartAttempt(number, command_id, StartRequest(REPO, SHA), (), 0.0, 0, outcome, REPO)


def request(*intents: StartAttempt, changes: tuple[PendingChange, ...] = ()) -> WorkItem:
    comment = Comment(Source.ISSUE_COMMENT, REPO, 1, 1, Actor("alice"), 0.0, "", ())
    return WorkItem(comment, 0.0, True, Reply(), 0, None, (), intents, changes, ())


@pytest.mark.parametrize(
    ("outcomes", "is_open", "is_lost"),
    [
        ([], None, False),
        (["open"], 1, False),
        (["started"], None, False),
        (["lost"], None, True),
        (["lost", "open"], 2, True),
        (["lost", "started"], None, True),
        (["unsent", "open"], 2, False),
    ],
)
def test_the_starts_of_a_command(outcomes: list[str], is_open: int | None, is_lost: bool) -> None:
    others = [intent(number, SECOND, outcome) for number, outcome in ((8, "open"), (9, "lost"))]
    mine = [intent(number, FIRST, outcome) for number, outcome in enumerate(outcomes, start=1)]
    loaded = request(*others, *mine)
    found = loaded.open_start_attempt(FIRST)
    assert (found.attempt_id if found else None) == is_open
    assert loaded.has_lost_start(FIRST, StartRequest(REPO, SHA)) is is_lost


def test_what_a_command_was_about_to_do() -> None:
    change = PendingChange(FIRST, RunId("07qwbk1s76"), {"j1": 1})
    loaded = request(changes=(change,))
    assert loaded.changes_of(FIRST) == (change,)
    assert loaded.changes_of(SECOND) == ()
    assert loaded.work_item_id == "ic-1"


@pytest.mark.parametrize(
    ("next_poll_at", "read_at", "resumed_at", "due_at"),
    [
        (None, 100.0, None, None),
        (130.0, None, None, 130.0),
        (130.0, 100.0, None, 130.0),
        (100.5, 100.0, None, 102.0),  # woken right after it was read
        (100.5, 100.0, 90.0, 102.0),
        (100.5, 100.0, 100.5, 100.5),  # it goes again
    ],
)
def test_when_a_run_is_polled(
    next_poll_at: float | None,
    read_at: float | None,
    resumed_at: float | None,
    due_at: float | None,
) -> None:
    run = TrackedRun(FIRST, Run(RunId("r1"), "org", "running"), REPO, SHA, "ci.yml", "", 0.0)
    run = replace(run, next_poll_at=next_poll_at, read_at=read_at, resumed_at=resumed_at)
    assert run.poll_due_at == due_at
    assert replace(request(), runs=(run,)).next_poll_at == due_at
