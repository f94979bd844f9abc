"""What trouble comes to, as tables: errors and times in, an outcome out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.commands.base import Answer, RetryLater, StartRuns
from bot.core.errors import Refused
from bot.core.events import Actor, CommandLine, Comment, Source
from bot.core.models import (
    Absence,
    Command,
    PendingChange,
    Reply,
    StartRequest,
    TrackedRun,
    WorkItem,
)
from bot.core.reasons import Reason
from bot.core.runs import Run
from bot.core.types import CommandId, RepoName, RunId, Sha
from bot.depot.client import DepotError, DepotNotReached, DepotUnavailable
from bot.engine.trouble import ABSENCE_SECONDS, TROUBLE_SECONDS, in_absence, in_time, in_trouble
from bot.github.errors import (
    BadCredentials,
    Blocked,
    Forbidden,
    GitHubError,
    GitHubUnavailable,
    Gone,
    NotFound,
)
from bot.github.repository import UnknownPerson

NOW = 1_795_500_000.0
ID = CommandId("ic-7.1")
COMMENT = Comment(
    Source.ISSUE_COMMENT, RepoName("octo/hello"), 1, 7, Actor("alice"), NOW - 10, "", ()
)
COMMAND = Command(ID, 1, CommandLine("run ci.yml"))
ITEM = WorkItem(COMMENT, NOW - 9, True, Reply(), 0, None, (COMMAND,), (), (), ())
RUN = TrackedRun(
    ID, Run(RunId("r1"), "o", "running"), COMMENT.repo, Sha("a" * 40), "ci.yml", "", NOW
)
LATEST = NOW + TROUBLE_SECONDS


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (GitHubUnavailable("502"), "GitHub does not answer right now; still trying."),
        (DepotUnavailable("unavailable"), "Depot does not answer right now; still trying."),
        (BadCredentials("401"), "GitHub does not take this bot's credentials right now"),
        (DepotNotReached("unauthenticated"), "Depot does not take this bot's credentials right"),
    ],
)
def test_it_is_tried_and_said(error: GitHubError | DepotError, said: str) -> None:
    outcome = in_trouble(ITEM, COMMAND, error, NOW, LATEST)
    assert isinstance(outcome, RetryLater)
    assert outcome.text.startswith(said)
    assert outcome.troubled_since == NOW


@pytest.mark.parametrize(
    ("since", "now", "latest", "asked", "expected"),
    [
        (NOW, NOW + 899, LATEST, None, "still trying"),
        (NOW, NOW + 900, LATEST, None, "did not answer for 15 minutes"),
        (NOW, NOW + 10, NOW + 10, None, "did not answer for 15 minutes"),
        (NOW, NOW + 10, LATEST, 60.0, "still trying"),
        (NOW, NOW + 10, LATEST, 7200.0, "asks for a pause of 120 minutes"),
    ],
)
def test_how_long_it_is_tried(
    since: float, now: float, latest: float, asked: float | None, expected: str
) -> None:
    command = replace(COMMAND, troubled_since=since)
    outcome = in_trouble(ITEM, command, GitHubUnavailable("no", asked), now, latest)
    text = outcome.text if isinstance(outcome, Answer | RetryLater) else ""
    assert expected in text
    if isinstance(outcome, RetryLater):
        assert now + outcome.seconds <= latest


@pytest.mark.parametrize(
    "item",
    [
        replace(ITEM, runs=(RUN,)),
        replace(ITEM, pending_changes=(PendingChange(ID, RUN.run.run_id, {}),)),
    ],
)
@pytest.mark.parametrize("error", [GitHubUnavailable("502"), NotFound("404")])
def test_what_was_done_in_part_is_in_doubt(item: WorkItem, error: GitHubError) -> None:
    if isinstance(error, NotFound):
        command = replace(COMMAND, absence=Absence("", NOW - ABSENCE_SECONDS))
        outcome = in_absence(item, command, error, NOW)
    else:
        outcome = in_trouble(item, COMMAND, error, NOW, NOW)
    assert isinstance(outcome, Answer)
    assert "It may or may not have been done" in outcome.text


@pytest.mark.parametrize(
    ("error", "ago", "pause", "keeps_turn"),
    [
        (NotFound("404"), None, 2.0, True),
        (Forbidden("403"), None, 2.0, True),
        (NotFound("404"), 20.0, 10.0, True),
        (NotFound("404"), 29.0, 1.0, True),
        (UnknownPerson("404"), None, 30.0, False),
    ],
)
def test_an_absence_is_asked_again(
    error: NotFound | Forbidden, ago: float | None, pause: float, keeps_turn: bool
) -> None:
    command = replace(COMMAND, absence=None if ago is None else Absence("", NOW - ago))
    outcome = in_absence(ITEM, command, error, NOW)
    assert isinstance(outcome, RetryLater)
    assert (outcome.seconds, outcome.text, outcome.keeps_turn) == (pause, "", keeps_turn)


@pytest.mark.parametrize("error", [Gone("410"), Blocked("451")])
def test_what_is_gone_is_not(error: NotFound | Forbidden) -> None:
    outcome = in_absence(ITEM, COMMAND, error, NOW)
    assert isinstance(outcome, Answer)
    assert outcome.reason is Reason.GITHUB_REFUSED


def test_another_absence_begins_anew() -> None:
    error = NotFound("404")
    error.what = "/repos/octo/hello/pulls/1"
    command = replace(COMMAND, absence=Absence("/other", NOW - 100))
    outcome = in_absence(ITEM, command, error, NOW)
    assert isinstance(outcome, RetryLater)
    assert outcome.absence == Absence(error.what, NOW)


def test_an_answer_is_never_late() -> None:
    answer = Answer("hello")
    assert in_time(ITEM, ID, answer, NOW + 24 * 3600) is answer


def test_what_was_begun_and_not_done_is_late() -> None:
    wanted = StartRuns((StartRequest(COMMENT.repo, RUN.sha, "ci.yml"),))
    assert in_time(ITEM, ID, wanted, NOW) is wanted
    with pytest.raises(Refused, match="so nothing was run"):
        in_time(ITEM, ID, wanted, NOW + TROUBLE_SECONDS)
    # What is there already is only to be followed.
    assert in_time(replace(ITEM, runs=(RUN,)), ID, wanted, NOW + 3600) is wanted
