"""Several runs of the same for one command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.models import Command, Reply, Series, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.series import outliving_cancel
from bot.core.types import CommandId, RepoName, RunId, Sha

REPO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
FIRST, SECOND = CommandId("ic-1.1"), CommandId("ic-1.2")


def run(status: str = "running") -> TrackedRun:
    one = Run(RunId("07qwbk1s76"), "acme", status)
    return TrackedRun(FIRST, one, REPO, SHA, "ci.yml", "test", 0.0, next_poll_at=2.0, number=3)


def item(stopped: Reason | None) -> WorkItem:
    """Two commands that want several runs of the same, of which the first was stopped."""
    comment = Comment(Source.ISSUE_COMMENT, REPO, 1, 1, Actor("alice"), 0.0, "", ())
    line = CommandLine("run ci.yml job=test times=9")
    commands = (
        Command(FIRST, 1, line, decided=True, series=Series(9, stopped)),
        Command(SECOND, 2, line, decided=True, series=Series(9)),
    )
    return WorkItem(comment, 0.0, True, Reply(), 0, None, commands, (), (), ())


@pytest.mark.parametrize(
    ("tracked", "is_cancelled"),
    [
        (run(), True),
        (run("queued"), True),
        (run("finished"), False),
        (run("cancelled"), False),
        (replace(run(), command_id=SECOND), False),  # of another command
        (replace(run(), number=0), False),  # of none that wants several
        (replace(run(), resumed_at=1.0), False),  # cancelled, or made to go again
        (replace(run(), attempts=(run("failed").past(),)), False),  # somebody had it go again
        (replace(run("failed"), resumed_at=1.0, resumed_by="alice"), False),
    ],
)
def test_what_goes_on_although_it_was_cancelled(tracked: TrackedRun, is_cancelled: bool) -> None:
    assert outliving_cancel(item(Reason.CANCELLED), [tracked]) == [tracked] * is_cancelled
    # Whatever else ends the starts leaves what was started alone.
    assert outliving_cancel(item(Reason.ALIAS_CHANGED), [tracked]) == []
    assert outliving_cancel(item(None), [tracked]) == []
