"""What runs is what the commenter could have seen: every race between a push and a command."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from inline_snapshot import snapshot
from starlette.responses import Response

from bot.core.types import Sha
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.faults import Work
from bot.demo.simulators.github import SimulatedGitHub
from bot.demo.stage import Stage
from bot.engine.handling import LOOK_SECONDS
from bot.messages import refusals
from bot.rules.policy import LAG_SECONDS
from tests.support.commands import not_permitted, reason, reasons, said
from tests.support.conversation import REPO, Conversation, Hook, ManualClock, bot_on
from tests.support.pull_requests import (
    PULL,
    changed,
    ends,
    lags,
    runs,
    sha,
    shown,
    shows,
    takes_back,
)
from tests.support.sentences import queued

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml"
MORE = {"change.txt": "two\n"}
UNKNOWN = Sha("0123456789" * 4)


def again(head: str) -> str:
    return f"/depot run ci.yml sha={head}"


async def is_refused_as_newer(pr: Conversation) -> None:
    """Nothing runs, and the line to copy names the head; typed again, it runs."""
    assert pr.reply() == refusals.head_newer(sha(pr), again(pr.head))
    assert reason(pr) == "head-newer"
    assert runs(pr) == []
    await pr.says("alice", again(pr.head))
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


# --- a push and a comment ------------------------------------------------------------------------


async def test_a_head_older_than_the_comment_runs(pr: Conversation) -> None:
    pr.github.push(REPO, 1, MORE)
    await pr.passes(1)
    await pr.says("alice", RUN)
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


@pytest.mark.parametrize("is_push_heard_first", [False, True])
async def test_a_push_between_comment_and_run_is_not_run(
    pr: Conversation, is_push_heard_first: bool
) -> None:
    pr.github.comment(REPO, 1, "alice", RUN)
    pr.clock.time += 3
    pr.github.push(REPO, 1, MORE)
    if is_push_heard_first:
        pr.github.hooks.pending.reverse()
    await pr.settles()
    await is_refused_as_newer(pr)


@pytest.mark.parametrize("is_push_heard_first", [False, True])
@pytest.mark.parametrize(
    ("commented", "pushed"), [(0.0, 0.0), (0.1, 0.9), (0.9, 0.1)], ids=["both", "after", "before"]
)
async def test_a_push_in_the_second_of_the_comment_is_not_run(
    pr: Conversation, commented: float, pushed: float, is_push_heard_first: bool
) -> None:
    # GitHub's times are whole seconds, so it cannot be told which was first.
    start = pr.clock.time
    happens: list[tuple[float, Callable[[], object]]] = [
        (commented, lambda: pr.github.comment(REPO, 1, "alice", RUN)),
        (pushed, lambda: pr.github.push(REPO, 1, MORE)),
    ]
    for at, do in sorted(happens, key=lambda pair: pair[0]):
        pr.clock.time = start + at
        do()
    if is_push_heard_first == (commented <= pushed):
        pr.github.hooks.pending.reverse()
    await pr.settles()
    await is_refused_as_newer(pr)


async def test_a_push_that_is_not_heard_of_yet_has_to_be_named(pr: Conversation) -> None:
    pr.github.comment(REPO, 1, "alice", RUN)
    pr.clock.time += 3
    pr.github.push(REPO, 1, MORE)
    late = takes_back(pr, "pull_request")
    await pr.settles()
    assert pr.reply() == snapshot(
        "It cannot be told since when `88bc807` is the head, so nothing was run. If you have read it: `/depot run ci.yml sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )
    assert runs(pr) == []
    pr.github.hooks.pending.append(late)
    await pr.settles()


async def test_a_push_between_the_first_look_and_the_last_is_not_run(pr: Conversation) -> None:
    sha(pr)
    looks: list[str] = []

    def push_at_the_second() -> None:
        looks.append(pr.head)
        if len(looks) == 2:
            pr.github.push(REPO, 1, MORE)

    fault = pr.github.faults.meanwhile("GET", PULL, push_at_the_second, times=None)
    reading_takes_long(pr)
    await pr.says("alice", RUN)
    fault.lift()
    assert pr.reply() == snapshot(
        "The head moved from `b9a9bdd` to `88bc807` meanwhile, so nothing was run. If you have read it: `/depot run ci.yml sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )
    assert reason(pr) == "head-moved"
    assert runs(pr) == []


async def test_a_look_that_is_not_old_is_not_repeated(pr: Conversation) -> None:
    await pr.settles()
    pr.github.requests.clear()
    await pr.says("alice", RUN)
    asked = [request.path for request in pr.github.requests if re.search(PULL, request.path)]
    assert len(asked) == 1
    assert pr.reply() == queued(pr.depot.runs[0])
    await ends(pr)


def reading_takes_long(pr: Conversation) -> None:
    """So long that the head has to be looked at once more."""

    def passes() -> None:
        pr.clock.time += LOOK_SECONDS + 1

    pr.github.faults.meanwhile("GET", r"/contents/\.depot/workflows$", passes)


@dataclass
class Before:
    """Something happens just before a call of Depot is looked at."""

    do: Callable[[], object]

    async def answer(self, work: Work) -> Response:
        self.do()
        return work().response()


async def test_a_push_between_the_last_look_and_the_run_does_not_change_what_runs(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    # It cannot be noticed before the call; but `Run` names the commit, which was seen.
    seen = pr.head
    depot.faults.arrange(Before(lambda: pr.github.push(REPO, 1, MORE)), "Run")
    await pr.says("alice", RUN)
    assert pr.head != seen
    assert pr.reply() == queued(depot.runs[0])
    assert runs(pr) == [seen]
    await ends(pr)


async def test_a_forced_push_away_and_back_makes_the_head_new(pr: Conversation) -> None:
    seen = pr.head
    pr.github.comment(REPO, 1, "alice", RUN)
    pr.clock.time += 2
    pr.github.force_push(REPO, 1, {"change.txt": "evil\n"})
    pr.clock.time += 2
    assert pr.github.force_push(REPO, 1, {"change.txt": "one\n"}, message="A change") == seen
    await pr.settles()
    await is_refused_as_newer(pr)


async def test_a_head_that_was_away_and_is_back_runs_for_who_comments_later(
    pr: Conversation,
) -> None:
    seen = pr.head
    pr.github.force_push(REPO, 1, {"change.txt": "evil\n"})
    pr.clock.time += 2
    pr.github.force_push(REPO, 1, {"change.txt": "one\n"}, message="A change")
    pr.github.hooks.pending.reverse()  # whatever order they come in
    await pr.passes(1)
    await pr.says("alice", RUN)
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [seen]
    await ends(pr)


async def test_a_forced_push_back_that_is_not_heard_of_asks_for_the_sha(pr: Conversation) -> None:
    seen = pr.head
    pr.github.force_push(REPO, 1, {"change.txt": "other\n"})
    await pr.settles()
    await pr.passes(2 * LAG_SECONDS)
    # The commenter looks at the other commit.
    pr.github.comment(REPO, 1, "alice", RUN)
    pr.clock.time += 2
    assert pr.github.force_push(REPO, 1, {"change.txt": "one\n"}, message="A change") == seen
    takes_back(pr, "pull_request")
    await pr.settles()
    started = runs(pr)
    while pr.unread():
        pr.reply()
    assert started == []


# --- a head nobody told us of --------------------------------------------------------------------


async def pushes_unheard(pr: Conversation) -> None:
    pr.github.hook_down = True
    pr.github.push(REPO, 1, MORE)
    await pr.settles()
    pr.github.hook_down = False


def opens_unheard(pr: Conversation) -> None:
    """From here on the conversation is about a pull request that the bot never heard of."""
    pull = pr.github.pull_request(REPO, "alice", branch="quiet", files=MORE)
    takes_back(pr, "pull_request")
    pr.number = pull.number


async def test_an_unheard_head_older_than_the_comment_runs(pr: Conversation) -> None:
    opens_unheard(pr)
    await pr.passes(1)
    await pr.says("alice", RUN)
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


async def test_an_unheard_head_of_the_same_second_does_not_run(pr: Conversation) -> None:
    opens_unheard(pr)
    pr.clock.time += 0.5
    await pr.says("alice", RUN)
    await is_refused_as_newer(pr)


async def test_the_oldest_check_suite_counts(pr: Conversation, github: SimulatedGitHub) -> None:
    opens_unheard(pr)
    await pr.passes(30)
    comment = github.comment(REPO, pr.number, "alice", RUN)
    pr.clock.time += 5
    github.upsert_check_run(REPO, pr.head, "late", "queued", app_slug="another-app")
    suites = github.suites_of(github.repository_named(REPO), pr.head)
    assert len(suites) == 2
    assert suites[-1].created_at > comment.created_at
    github.check_suites.reverse()
    await pr.settles()
    assert pr.reply() == queued(pr.depot.runs[0])
    await ends(pr)


async def test_an_unheard_head_without_a_check_suite_has_to_be_named(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pushes_unheard(pr)
    github.check_suites.clear()
    await pr.passes(3600)
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot(
        "It cannot be told since when `88bc807` is the head, so nothing was run. If you have read it: `/depot run ci.yml sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )
    assert reason(pr) == "head-undated"
    assert runs(pr) == []
    await pr.says("alice", again(pr.head))
    assert pr.reply() == queued(pr.depot.runs[0])
    await ends(pr)


async def test_an_unheard_head_that_was_on_another_branch_before_is_not_old(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    elsewhere = github.commit(REPO, "other", MORE, message="Elsewhere", author="alice")
    await pr.passes(60)
    github.comment(REPO, 1, "alice", RUN)
    pr.clock.time += 5
    assert github.force_push(REPO, 1, MORE, message="Elsewhere", by="alice") == elsewhere
    takes_back(pr, "pull_request")  # not delivered
    await pr.settles()
    pr.reply()
    started = runs(pr)
    await pr.passes(120)
    while pr.unread():
        pr.edited()
    assert started == []


async def test_no_answer_about_check_suites_runs_nothing_until_there_is_one(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    opens_unheard(pr)
    await pr.passes(1)
    fault = github.faults.bad_gateway("GET", "/check-suites$", times=None)
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    assert runs(pr) == []
    fault.lift()
    await pr.passes(5)
    assert pr.edited() == queued(pr.depot.runs[0])
    await ends(pr)


async def test_commit_dates_count_for_nothing(pr: Conversation, github: SimulatedGitHub) -> None:
    github.comment(REPO, 1, "alice", RUN)
    now = pr.clock.time
    pr.clock.time -= 3600  # the pusher's clock
    pull = github.pull(REPO, 1)
    commit = github.write_commit(pull.repository, "feature", MORE, "Old?", pull.author)
    pr.clock.time = now + 2
    github.branch(REPO, "feature", at=commit.sha)
    github.push(REPO, 1, {"another.txt": "three\n"})
    await pr.settles()
    await is_refused_as_newer(pr)


async def test_a_dispatch_of_an_undated_head_has_a_way_out(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await pushes_unheard(pr)
    github.check_suites.clear()
    await pr.passes(60)
    await pr.says("alice", "/depot dispatch nightly.yaml")
    (line,) = re.findall("`(/depot [^`]*)`", pr.reply())
    await pr.passes(60)
    await pr.says("alice", line)
    pr.reply()
    started = runs(pr)
    await pr.passes(120)
    while pr.unread():
        pr.edited()
    assert started == [pr.head]


# --- the API behind the webhook ------------------------------------------------------------------


async def test_an_api_that_lags_behind_runs_nothing_until_it_knows_the_head(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    old = lags(pr)
    github.push(REPO, 1, MORE)
    await pr.passes(1)
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    assert runs(pr) == []
    await pr.passes(10)
    assert runs(pr) == []
    old.lift()
    await pr.passes(10)
    assert pr.edited() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


async def test_an_api_that_lags_only_at_the_last_look_runs_nothing(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    # One of GitHub's machines knows of the push, another does not.
    _before, old = sha(pr), shown(pr)
    github.push(REPO, 1, MORE)
    await pr.passes(1)
    github.faults.meanwhile("GET", PULL, lambda: None, times=1)
    shows(pr, old, times=1)
    reading_takes_long(pr)
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot(
        "The head moved from `88bc807` to `b9a9bdd` meanwhile, so nothing was run. If you have read it: `/depot run ci.yml sha=b9a9bdd2013b11801bfa9dfd7f45665d164f4006`"
    )
    assert reason(pr) == "head-moved"
    assert runs(pr) == []


async def test_a_lag_that_lasts_asks_for_the_sha_and_runs_nothing(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    sha(pr)
    lags(pr)
    github.push(REPO, 1, MORE)
    await pr.passes(1)
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    await pr.passes(LAG_SECONDS / 2)
    pr.assert_said_nothing_else()
    await pr.passes(20 * 60)
    assert pr.last_edit() == snapshot(
        "It cannot be told since when `b9a9bdd` is the head, so nothing was run. If you have read it: `/depot run ci.yml sha=b9a9bdd2013b11801bfa9dfd7f45665d164f4006`"
    )
    assert reason(pr) == "head-undated"
    assert runs(pr) == []


async def test_the_right_pin_is_not_called_stale_by_an_api_that_lags(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    old = lags(pr)
    github.push(REPO, 1, MORE)
    await pr.passes(1)
    await pr.says("alice", again(pr.head))
    first = pr.reply()
    old.lift()
    await pr.passes(10)
    while pr.unread():
        pr.edited()
    assert first == snapshot("GitHub does not answer right now; still trying.")
    assert runs(pr) == [pr.head]


async def test_a_stale_pin_does_not_run_because_the_api_lags(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    before = pr.head
    old = lags(pr)
    github.push(REPO, 1, MORE)
    await pr.passes(1)
    await pr.says("alice", again(before))
    pr.reply()
    old.lift()
    await pr.passes(120)
    while pr.unread():
        pr.edited()
    assert runs(pr) == []


async def test_an_old_head_from_before_our_time_does_not_run_because_the_api_lags(
    stage: Stage, clock: ManualClock, hook: Hook, tmp_path: Path, github: SimulatedGitHub
) -> None:
    async with bot_on(stage, clock, hook, tmp_path / "ledger.db") as services:
        pr = Conversation(clock, stage, services, REPO, 1)
        github.hook_down = True  # the pull request was opened before the bot was there
        await pr.settles()
        github.hook_down = False
        old = lags(pr)
        github.push(REPO, 1, MORE)
        await pr.passes(1)
        await pr.says("alice", RUN)
        pr.reply()
        old.lift()
        await pr.passes(60)
        assert runs(pr) == [pr.head]


# --- pins ----------------------------------------------------------------------------------------


async def test_a_stale_pin_is_refused(pr: Conversation, github: SimulatedGitHub) -> None:
    before = sha(pr)
    github.push(REPO, 1, MORE)
    await pr.passes(60)
    await pr.says("alice", again(before))
    assert pr.reply() == snapshot(
        "`b9a9bdd` is not the head of this pull request: that is `88bc807` now. If you have read it: `/depot run ci.yml sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )
    assert reason(pr) == "stale-sha"
    assert runs(pr) == []


@pytest.mark.parametrize("written", [str, str.upper], ids=["lower", "upper"])
async def test_the_right_pin_runs_however_new_the_head_is(
    pr: Conversation, github: SimulatedGitHub, written: Callable[[str], str]
) -> None:
    github.push(REPO, 1, MORE)
    await pr.says("alice", f"/depot run ci.yml sha={written(pr.head)}")
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


@pytest.mark.parametrize("digits", [7, 12, 39])
async def test_a_short_sha_is_refused(pr: Conversation, digits: int) -> None:
    await pr.says("alice", f"/depot run ci.yml sha={pr.head[:digits]}")
    assert pr.reply().startswith("`sha`: a commit needs all 40 digits here")
    assert reason(pr) == "misread"
    assert runs(pr) == []


@pytest.mark.parametrize("typed", [UNKNOWN, Sha("0" * 40)])
async def test_a_sha_that_is_no_head_is_refused(pr: Conversation, typed: Sha) -> None:
    await pr.says("alice", again(typed))
    assert pr.reply() == refusals.pin_is_stale(typed, sha(pr), again(pr.head))
    assert runs(pr) == []


@pytest.mark.parametrize(
    "command",
    [
        RUN,
        again("0" * 40),
    ],
)
async def test_a_head_of_zeros_runs_nothing(pr: Conversation, command: str) -> None:
    pull = shown(pr)
    pull["head"] = {**pull["head"], "sha": "0" * 40}
    fault = shows(pr, pull)
    await pr.says("alice", command)
    fault.lift()
    assert runs(pr) == []
    assert pr.reply() == refusals.head_unknown()
    assert reason(pr) == "head-unknown"


async def test_a_closed_pull_request_runs_nothing(pr: Conversation) -> None:
    pr.github.close(REPO, 1)
    await pr.passes(60)
    await pr.says("alice", again(pr.head))
    assert pr.reply() == snapshot(
        "This pull request is closed. Reopen it to run anything on its head."
    )
    assert reason(pr) == "pull-request-closed"
    assert runs(pr) == []


async def test_a_reopened_head_is_as_old_as_its_reopening(pr: Conversation) -> None:
    pr.github.close(REPO, 1)
    pr.github.comment(REPO, 1, "alice", RUN)
    pr.clock.time += 1
    pr.github.reopen(REPO, 1)
    await pr.settles()
    await is_refused_as_newer(pr)


# --- reviews -------------------------------------------------------------------------------------


async def test_a_review_runs_the_commit_that_was_reviewed(pr: Conversation) -> None:
    pr.github.push(REPO, 1, MORE)
    pr.github.review(REPO, 1, "alice", RUN)  # in the same second: it names its commit
    await pr.settles()
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


@pytest.mark.parametrize("kind", ["review", "review comment"])
async def test_a_review_of_an_older_commit_runs_nothing(pr: Conversation, kind: str) -> None:
    before = sha(pr)
    pr.github.push(REPO, 1, MORE)
    await pr.passes(60)
    if kind == "review":
        pr.github.review(REPO, 1, "alice", RUN, commit_id=before)
    else:
        pr.github.review_comment(REPO, 1, "alice", RUN, "change.txt", commit_id=before)
    await pr.settles()
    assert pr.reply() == refusals.pin_is_stale(before, sha(pr), again(pr.head))
    assert reason(pr) == "stale-sha"
    assert runs(pr) == []


async def test_a_push_after_the_review_is_not_run(pr: Conversation) -> None:
    sha(pr)
    pr.github.review(REPO, 1, "alice", RUN, "approved")
    pr.github.push(REPO, 1, MORE)
    await pr.settles()
    assert pr.reply() == snapshot(
        "`b9a9bdd` is not the head of this pull request: that is `88bc807` now. If you have read it: `/depot run ci.yml sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )
    assert runs(pr) == []


async def test_a_review_comment_on_the_head_runs_it(pr: Conversation) -> None:
    pr.github.review_comment(REPO, 1, "alice", RUN, "change.txt")
    await pr.settles()
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


async def test_a_review_comment_is_about_the_commit_it_was_first_written_on(
    pr: Conversation,
) -> None:
    before = pr.head
    pr.github.review_comment(REPO, 1, "alice", RUN, "change.txt")
    written = takes_back(pr, "pull_request_review_comment")
    pr.clock.time += 1
    pr.github.push(REPO, 1, MORE)
    # Written on the old commit, and carried over to the new one before the payload was made.
    moved = changed(written, comment={"commit_id": pr.head, "original_commit_id": before})
    pr.github.hooks.pending.append(moved)
    await pr.settles()
    pr.reply()
    await pr.passes(120)
    while pr.unread():
        pr.edited()
    assert runs(pr) == []


async def test_a_sha_in_a_review_counts_before_the_reviewed_commit(pr: Conversation) -> None:
    before = sha(pr)
    pr.github.push(REPO, 1, MORE)
    await pr.passes(60)
    pr.github.review(REPO, 1, "alice", again(pr.head), commit_id=before)
    await pr.settles()
    assert pr.reply() == queued(pr.depot.runs[0])
    assert runs(pr) == [pr.head]
    await ends(pr)


# --- whose words count ---------------------------------------------------------------------------


async def test_a_readers_pull_request_between_branches_of_ours_runs_nothing(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    github.branch(REPO, "old-release")
    github.commit(REPO, "old-release", {"old.txt": "known holes\n"})
    github.pull_request(REPO, "rita", branch="old-release", title="Harmless")
    await pr.passes(60)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, 2)
    for command in (RUN, again(theirs.head), "/depot dispatch nightly.yaml"):
        await theirs.says("rita", command)
        verb = command.split()[1]
        assert theirs.reply().startswith(not_permitted(verb, "write", "read"))
    assert [reasons(comment) for comment in said(theirs)] == [["not-a-writer"]] * 3
    assert runs(pr) == []


async def test_association_proves_nothing(pr: Conversation, github: SimulatedGitHub) -> None:
    github.comment(REPO, 1, "mallory", RUN)
    written = takes_back(pr, "issue_comment")
    github.hooks.pending.append(changed(written, comment={"author_association": "OWNER"}))
    await pr.settles()
    assert pr.reply().startswith(not_permitted("run", "write", "read"))
    assert runs(pr) == []


async def test_a_comment_edited_by_somebody_else_is_not_read_again(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    comment = await pr.says("alice", "Looks fine.")
    github.edit_comment(comment, RUN, by="maya")
    (outcome,) = await pr.settles()
    assert outcome.response_body == '{"result":"ignored"}'
    assert runs(pr) == []


async def test_a_comment_edited_by_its_author_is_not_read_again(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    comment = await pr.says("alice", "Looks fine.")
    github.edit_comment(comment, RUN)
    (outcome,) = await pr.settles()
    assert outcome.response_body == '{"result":"ignored"}'
    comment = await pr.says("alice", "/depot list")
    pr.reply()
    github.edit_comment(comment, RUN)
    await pr.settles()
    assert runs(pr) == []


@pytest.mark.parametrize("kind", ["issue_comment", "pull_request_review", "review comment"])
async def test_what_its_author_did_not_send_is_not_read(
    pr: Conversation, github: SimulatedGitHub, kind: str
) -> None:
    event = "pull_request_review_comment" if kind == "review comment" else kind
    match kind:
        case "issue_comment":
            github.comment(REPO, 1, "alice", RUN)
        case "pull_request_review":
            github.review(REPO, 1, "alice", RUN, "approved")
        case _:
            github.review_comment(REPO, 1, "alice", RUN, "change.txt")
    written = takes_back(pr, event)
    github.hooks.pending.append(changed(written, sender={"login": "mallory"}))
    await pr.settles()
    assert pr.depot.calls_of("Run") == []


def test_the_words_for_roles_are_githubs() -> None:
    assert not_permitted("run", "write", "read") == (
        snapshot("`run` needs the `write` role in this repository; you have `read`.")
    )
