"""What is written next, as a table: nothing is sent here."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.models import Command, Reply, TrackedRun, WorkItem
from bot.core.rate_limit import WriteKind
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha
from bot.engine.publisher import (
    EDIT_SECONDS,
    Edit,
    Find,
    FindTwins,
    Post,
    React,
    Wait,
    Write,
    next_writes,
)
from bot.messages.markdown import hidden

NOW = 1_795_500_100.0
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
COMMENT = Comment(
    Source.ISSUE_COMMENT, RepoName("octo/hello"), 1, 7, Actor("alice"), NOW - 60, "", ()
)
COMMAND = Command(CommandId("ic-7.1"), 1, CommandLine("run ci.yml"), True, Reason.STARTED)
RUN = TrackedRun(
    COMMAND.command_id,
    Run(RunId("r1"), "org", "running"),
    COMMENT.repo,
    SHA,
    "ci.yml",
    "",
    NOW - 50,
    next_poll_at=NOW + 5,
)
NEW = WorkItem(COMMENT, NOW - 60, True, Reply(), 0, None, (COMMAND,), (), (), (RUN,))


def says(words: str, reason: str = "started") -> str:
    """A reply with its hidden part."""
    return f"{words}\n\n" + hidden("depot-bot", {"commands": [{"reason": reason}]})


def answered(text: str, ago: float) -> WorkItem:
    """Its reply says this since so many seconds."""
    return replace(NEW, reply=Reply(9, True, text, NOW - ago))


def twins(ahead: float, ago: float = 60.0) -> WorkItem:
    """It was posted again, and is looked for a twin in so many seconds."""
    return replace(NEW, reply=Reply(9, True, says("a"), NOW - ago, twins_at=NOW + ahead))


OVER = replace(RUN, next_poll_at=None)
FRESH = replace(NEW, acknowledged=False)
EVENT = replace(
    FRESH, comment=replace(COMMENT, event=PullRequestEvent("labeled", "g", SHA, "main"))
)

TABLE: list[tuple[str, WorkItem, str, tuple[Write, ...]]] = [
    ("nothing to say yet", NEW, "", ()),
    ("seen, and nothing to say yet", FRESH, "", (React(),)),
    ("the first reply", NEW, "a", (Post("a"),)),
    ("the first reply before the reaction is out", FRESH, "a", (React(), Post("a"))),
    ("an event takes no reaction", EVENT, "a", (Post("a"),)),
    ("it may have been posted", replace(NEW, reply=Reply(None, True)), "a", (Find(),)),
    ("it says so already", answered("a", 60), "a", ()),
    ("a twin is looked for later", twins(30.0), says("a"), ()),
    ("a twin is looked for now", twins(0.0), says("a"), (FindTwins(),)),
    (
        "an edit comes before the look for twins",
        twins(0.0),
        says("b", "answered"),
        (Edit(9, says("b", "answered"), WriteKind.RESULT),),
    ),
    ("a twin is looked for while an edit waits", twins(0.0, 1), says("b"), (FindTwins(),)),
    (
        "a passing state, long after",
        answered(says("a"), EDIT_SECONDS),
        says("b"),
        (Edit(9, says("b"), WriteKind.PASSING_EDIT),),
    ),
    (
        "a passing state, too soon",
        answered(says("a"), EDIT_SECONDS - 4),
        says("b"),
        (Wait(4.0),),
    ),
    (
        "a decision waits for nothing",
        answered(says("a", "deciding"), 0),
        says("b"),
        (Edit(9, says("b"), WriteKind.RESULT),),
    ),
    (
        "the last state waits for nothing",
        replace(answered(says("a"), 0), runs=(OVER,)),
        says("b"),
        (Edit(9, says("b"), WriteKind.RESULT),),
    ),
    (
        "the head has moved on once all was said",
        replace(answered(says("a"), 0), runs=(OVER,)),
        says("a\n\nThe head has moved on since, to `b`."),
        (Edit(9, says("a\n\nThe head has moved on since, to `b`."), WriteKind.AFTERTHOUGHT),),
    ),
    (
        "the head has moved on again",
        replace(answered(says("a\n\nThe head has moved on since, to `b`."), 60)),
        says("a\n\nThe head has moved on since, to `c`."),
        (),
    ),
    (
        "a twin is looked for before that is said",
        replace(twins(0.0), runs=(OVER,)),
        says("a\n\nThe head has moved on since, to `b`."),
        (FindTwins(),),
    ),
    (
        "not the last while another command is undecided",
        replace(answered(says("a"), 0), runs=(OVER,), commands=(replace(COMMAND, decided=False),)),
        says("b"),
        (Wait(EDIT_SECONDS),),
    ),
]


@pytest.mark.parametrize(
    ("item", "text", "writes"), [pytest.param(*row, id=name) for name, *row in TABLE]
)
def test_what_is_written_next(item: WorkItem, text: str, writes: tuple[Write, ...]) -> None:
    assert next_writes(item, text, NOW) == writes
