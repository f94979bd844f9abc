"""What a repository's automations start, and when they keep still."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.messages import runs as run_messages
from tests.support.commands import CI, facts, reasons, said
from tests.support.conversation import REPO, Conversation, visible
from tests.support.pull_requests import (
    CONFIG,
    CONFIG_TIME,
    NIGHTLY,
    changed,
    ends,
    hears_all,
    lags,
    opens_fork,
    rules,
    runs,
    takes_back,
)
from tests.support.sentences import queued

pytestmark = pytest.mark.anyio

Happens = Callable[[SimulatedGitHub, int], object]

HAPPENINGS: dict[str, Happens] = {
    "synchronize": lambda github, number: github.push(REPO, number, {"more.txt": "more\n"}),
    "ready_for_review": lambda github, number: github.ready_for_review(REPO, number),
    "labeled": lambda github, number: github.label(REPO, number, "full-ci", by="alice"),
    "review_approved": lambda github, number: github.review(
        REPO, number, "alice", state="approved"
    ),
}


def on(*automations: str, more: str = "") -> str:
    """A config with these automations, each the inside of a mapping."""
    lines = "".join(f"- {{{automation}}}\n" for automation in automations)
    return f"{more}automations:\n{lines}"


def another(pr: Conversation, number: int) -> Conversation:
    return Conversation(pr.clock, pr.stage, pr.services, REPO, number)


async def is_started(pr: Conversation, what: str = "`ci.yml`") -> None:
    """One run was started, and a reply says so."""
    (run,) = pr.depot.runs
    assert pr.reply() == queued(run, what)
    assert run.sha == pr.head
    await ends(pr)
    pr.assert_said_nothing_else()


async def nothing_happens(pr: Conversation) -> None:
    await pr.settles()
    await pr.passes(60)
    assert pr.depot.runs == []
    assert said(pr) == []


# --- what starts ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", HAPPENINGS)
async def test_each_happening_starts_what_follows_on_it(pr: Conversation, kind: str) -> None:
    others = [other for other in (*HAPPENINGS, "opened") if other != kind]
    await rules(
        pr,
        on(f"on: {kind}, do: run ci.yml", *(f"on: {other}, do: run nope.yml" for other in others)),
    )
    HAPPENINGS[kind](pr.github, 1)
    await pr.settles()
    (comment,) = said(pr)
    label = " full-ci" if kind == "labeled" else ""
    assert comment.body.startswith(
        f"> `/depot run ci.yml`, which follows on `{kind}{label}` here\n"
    )
    await is_started(pr)


async def test_opening_starts_what_follows_on_it(pr: Conversation, github: SimulatedGitHub) -> None:
    await rules(pr, on("on: opened, do: run ci.yml job=test"))
    pull = github.pull_request(REPO, "alice", branch="other")
    await pr.settles()
    await is_started(another(pr, pull.number), "`ci.yml` (`test`)")


@pytest.mark.parametrize("kind", ["closed", "reopened", "unlabeled"])
async def test_other_happenings_start_nothing(
    pr: Conversation, github: SimulatedGitHub, kind: str
) -> None:
    await rules(pr, on(*(f"on: {each}, do: run ci.yml" for each in ("opened", "synchronize"))))
    github.label(REPO, 1, "full-ci")
    await pr.settles()
    if kind == "unlabeled":
        github.unlabel(REPO, 1, "full-ci")
    else:
        github.close(REPO, 1)
        if kind == "reopened":
            github.reopen(REPO, 1)
    await nothing_happens(pr)


@pytest.mark.parametrize("state", ["commented", "changes_requested"])
async def test_a_review_that_approves_nothing_starts_nothing(pr: Conversation, state: str) -> None:
    await rules(pr, on("on: review_approved, do: run ci.yml"))
    pr.github.review(REPO, 1, "alice", "Hm.", state)  # type: ignore[arg-type]
    await nothing_happens(pr)


async def test_several_automations_start_side_by_side_in_one_reply(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(
        pr, on("on: labeled, do: run ci.yml job=test", "on: labeled, do: run ci.yml job=lint")
    )
    pr.github.label(REPO, 1, "anything")
    await pr.settles()
    first, second = depot.runs
    assert pr.reply() == (
        f"{queued(first, '`ci.yml` (`test`)')}\n\n{queued(second, '`ci.yml` (`lint`)')}"
    )
    await ends(pr)


async def test_an_automation_may_use_an_alias(pr: Conversation) -> None:
    await rules(pr, on("on: labeled, do: E2E force", more="aliases: {e2e: run ci.yml job=test}\n"))
    pr.github.label(REPO, 1, "anything")
    await pr.settles()
    await is_started(pr, "`ci.yml` (`test`)")


async def test_an_approval_with_a_command_does_both(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, on("on: review_approved, do: run ci.yml"))
    pr.github.review(REPO, 1, "alice", "/depot run nightly.yaml", "approved")
    await pr.settles()
    assert sorted(call.request["workflow"] for call in depot.calls_of("Run")) == [CI, NIGHTLY]
    assert len(said(pr)) == 2
    await pr.passes(120)
    hears_all(pr)


# --- filters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "starts"), [("full-ci", True), ("Full-CI", True), ("full-ci-not", False)]
)
async def test_the_label_filter(pr: Conversation, label: str, starts: bool) -> None:
    await rules(pr, on("on: labeled, label: full-ci, do: run ci.yml"))
    pr.github.label(REPO, 1, label)
    await pr.settles()
    await (is_started(pr) if starts else nothing_happens(pr))


@pytest.mark.parametrize(
    ("base", "starts"), [("main", True), ("'ma*'", True), ("'release-*'", False), ("mai", False)]
)
async def test_the_base_filter(pr: Conversation, base: str, starts: bool) -> None:
    await rules(pr, on(f"on: synchronize, base: {base}, do: run ci.yml"))
    HAPPENINGS["synchronize"](pr.github, 1)
    await pr.settles()
    await (is_started(pr) if starts else nothing_happens(pr))


@pytest.mark.parametrize("kind", HAPPENINGS)
@pytest.mark.parametrize(
    ("paths", "starts"),
    [("['docs/**']", True), ("['src/*', '**/*.md']", True), ("['docs/*']", False)],
)
async def test_the_paths_filter(pr: Conversation, kind: str, paths: str, starts: bool) -> None:
    pr.github.push(REPO, 1, {"docs/deep/page.md": "# Page\n"})
    await pr.settles()
    await rules(pr, on(f"on: {kind}, paths: {paths}, do: run ci.yml"))
    HAPPENINGS[kind](pr.github, 1)
    await pr.settles()
    await (is_started(pr) if starts else nothing_happens(pr))


# --- forks ---------------------------------------------------------------------------------------

EVERYTHING = on(
    *(f"on: {kind}, do: run ci.yml" for kind in (*HAPPENINGS, "opened")), more="forks: pinned\n"
)


async def forked(pr: Conversation) -> Conversation:
    _, pull = opens_fork(pr)
    await pr.settles()
    return another(pr, pull.number)


async def test_on_a_fork_nothing_starts_by_itself(pr: Conversation) -> None:
    await rules(pr, EVERYTHING)
    theirs = await forked(pr)
    for kind in ("synchronize", "ready_for_review", "labeled"):
        HAPPENINGS[kind](pr.github, theirs.number)
        await theirs.passes(60)
    await nothing_happens(theirs)


async def test_a_writers_approval_starts_on_a_fork(pr: Conversation) -> None:
    await rules(pr, EVERYTHING)
    theirs = await forked(pr)
    pr.github.review(REPO, theirs.number, "alice", state="approved")
    await theirs.settles()
    await is_started(theirs)


@pytest.mark.parametrize("login", ["rita", "trudy", "stranger"])
async def test_the_approval_of_somebody_else_starts_nothing_on_a_fork(
    pr: Conversation, login: str
) -> None:
    await rules(pr, EVERYTHING)
    theirs = await forked(pr)
    pr.github.review(REPO, theirs.number, login, state="approved")
    await nothing_happens(theirs)


async def test_an_approval_starts_nothing_where_forks_are_refused(pr: Conversation) -> None:
    await rules(pr, EVERYTHING.replace("forks: pinned", "forks: refuse"))
    theirs = await forked(pr)
    pr.github.review(REPO, theirs.number, "ada", state="approved")
    await nothing_happens(theirs)


async def test_an_approval_of_what_was_there_before_starts_nothing(pr: Conversation) -> None:
    await rules(pr, EVERYTHING)
    theirs = await forked(pr)
    before = theirs.head
    pr.github.push(REPO, theirs.number, {"evil.txt": "evil\n"})
    pr.github.review(REPO, theirs.number, "alice", state="approved", commit_id=before)
    await nothing_happens(theirs)


async def test_a_dispatch_by_automation_starts_nothing_on_a_fork(pr: Conversation) -> None:
    await rules(pr, on("on: review_approved, do: dispatch nightly.yaml", more="forks: pinned\n"))
    theirs = await forked(pr)
    pr.github.review(REPO, theirs.number, "alice", state="approved")
    await nothing_happens(theirs)


async def test_an_approval_sent_by_somebody_else_is_none(pr: Conversation) -> None:
    await rules(pr, EVERYTHING)
    theirs = await forked(pr)
    pr.github.review(REPO, theirs.number, "mallory", state="approved")
    written = takes_back(pr, "pull_request_review")
    pr.github.hooks.pending.append(changed(written, sender={"login": "alice"}))
    await nothing_happens(theirs)


@pytest.mark.parametrize("login", ["rita", "stranger"])
async def test_a_readers_approval_starts_nothing_here_either(pr: Conversation, login: str) -> None:
    await rules(pr, on("on: review_approved, do: run ci.yml"))
    pr.github.review(REPO, 1, login, state="approved")
    await pr.settles()
    started = runs(pr)
    await pr.passes(120)
    hears_all(pr)
    assert started == []


# --- when the head moves -------------------------------------------------------------------------


async def test_a_head_that_moved_on_is_passed_over_and_the_newer_one_runs(
    pr: Conversation,
) -> None:
    await rules(pr, on("on: synchronize, do: run ci.yml"))
    pr.github.push(REPO, 1, {"more.txt": "1\n"})
    pr.clock.time += 2
    pr.github.push(REPO, 1, {"more.txt": "2\n"})
    await pr.settles()
    await is_started(pr)
    assert len(said(pr)) == 1


async def test_a_push_of_the_same_second_runs_once(pr: Conversation) -> None:
    await rules(pr, on("on: synchronize, do: run ci.yml"))
    pr.github.push(REPO, 1, {"more.txt": "1\n"})
    pr.github.push(REPO, 1, {"more.txt": "2\n"})
    await pr.settles()
    await is_started(pr)


async def test_an_approval_of_the_head_before_a_push_runs_nothing(pr: Conversation) -> None:
    await rules(pr, on("on: review_approved, do: run ci.yml"))
    HAPPENINGS["review_approved"](pr.github, 1)
    pr.clock.time += 1
    HAPPENINGS["synchronize"](pr.github, 1)
    await nothing_happens(pr)


async def test_a_closed_pull_request_starts_nothing(pr: Conversation) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml"))
    pr.github.close(REPO, 1)
    pr.github.label(REPO, 1, "full-ci")
    await nothing_happens(pr)


async def test_an_api_that_lags_behind_runs_the_newest_head_in_the_end(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, on("on: synchronize, do: run ci.yml"))
    old = lags(pr)
    HAPPENINGS["synchronize"](pr.github, 1)
    await pr.settles()
    assert depot.runs == []
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    old.lift()
    await pr.passes(10)
    (run,) = depot.runs
    assert run.sha == pr.head
    assert pr.edited() == queued(run)
    await ends(pr)


@pytest.mark.parametrize("kind", HAPPENINGS)
async def test_the_same_delivery_twice_starts_once(
    pr: Conversation, github: SimulatedGitHub, kind: str
) -> None:
    await rules(pr, on(f"on: {kind}, do: run ci.yml force"))
    HAPPENINGS[kind](github, 1)
    outcomes = await pr.settles()
    again = await pr.redelivers(outcomes[0].delivery)
    assert again.response_body == '{"result":"duplicate"}'
    await is_started(pr)


async def test_the_same_happening_later_points_to_the_run(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=600)
    await rules(pr, on("on: review_approved, do: run ci.yml"))
    for login in ("alice", "maya"):
        pr.github.review(REPO, 1, login, state="approved")
        await pr.passes(30)
    assert len(depot.runs) == 1
    first, second = said(pr)
    assert run_messages.already_running() in visible(second.body)
    assert facts(first)["commands"][0]["reason"] == "started"
    await pr.passes(3600)
    hears_all(pr)


# --- what is said --------------------------------------------------------------------------------


async def test_silenced_automations_run_without_a_word(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml", more="silence: [automations]\n"))
    pr.github.label(REPO, 1, "full-ci")
    await pr.settles()
    await pr.passes(120)
    (run,) = depot.runs
    assert run.over
    assert said(pr) == []
    await pr.says("alice", "/depot run nope.yml")  # who asks is answered
    assert pr.reply().startswith("There is no workflow")


async def test_a_wrong_workflow_is_told_in_the_thread(pr: Conversation) -> None:
    await rules(pr, on("on: labeled, do: run nope.yml"))
    pr.github.label(REPO, 1, "full-ci")
    await pr.settles()
    assert pr.reply().startswith(f"There is no workflow `nope.yml` at `{pr.head[:7]}`.")
    assert reasons(said(pr)[0]) == ["unknown-workflow"]
    assert runs(pr) == []


async def test_a_workflow_that_nobody_may_run_is_told_in_the_thread(pr: Conversation) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml", more="workflows: {nightly.*: write}\n"))
    pr.github.label(REPO, 1, "full-ci")
    await pr.settles()
    assert pr.reply() == snapshot(
        "This repository does not let `ci.yml` be run here (see `.github/depot-bot.yml`)."
    )
    assert runs(pr) == []


@pytest.mark.parametrize("kind", HAPPENINGS)
async def test_a_broken_config_keeps_still(pr: Conversation, kind: str) -> None:
    await rules(pr, on(f"on: {kind}, do: run ci.yml", "on: nothing, do: run ci.yml"))
    HAPPENINGS[kind](pr.github, 1)
    await nothing_happens(pr)


async def test_the_pull_requests_own_automations_change_nothing(pr: Conversation) -> None:
    text = on("on: synchronize, do: run ci.yml", "on: labeled, do: run ci.yml")
    pr.github.commit(REPO, "feature", {CONFIG: text}, author="alice")
    await pr.settles()
    assert pr.reply() == snapshot(
        "`.github/depot-bot.yml` in this pull request is valid. Until it is merged the old rules hold."
    )
    await pr.passes(CONFIG_TIME)
    HAPPENINGS["labeled"](pr.github, 1)
    await pr.settles()
    assert runs(pr) == []


async def test_automations_put_no_reaction_anywhere(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml"))
    pr.github.label(REPO, 1, "full-ci")
    await pr.settles()
    assert not [each for each in github.requests if each.path.endswith("/reactions")]
    await is_started(pr)


async def test_what_people_wrote_before_and_after_is_answered_in_order(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml job=lint"))
    pr.github.comment(REPO, 1, "alice", "/depot run ci.yml job=build")
    pr.clock.time += 1
    pr.github.label(REPO, 1, "full-ci")
    pr.clock.time += 1
    pr.github.comment(REPO, 1, "alice", "/depot run ci.yml job=test")
    pr.github.hooks.pending.reverse()
    await pr.settles()
    await pr.passes(10)
    first, *others = [call.request["job"] for call in depot.calls_of("Run")]
    assert first == "build"
    assert sorted(others) == ["lint", "test"]  # a comment does not wait for what events set off
    await pr.passes(120)
    hears_all(pr)


# --- trouble -------------------------------------------------------------------------------------


async def test_an_outage_is_waited_out(pr: Conversation, github: SimulatedGitHub) -> None:
    await rules(pr, on("on: labeled, do: run ci.yml"))
    await pr.passes(CONFIG_TIME)
    fault = github.faults.bad_gateway("GET", f"/contents/{CONFIG}$", times=None)
    HAPPENINGS["labeled"](github, 1)
    await pr.settles()
    assert runs(pr) == []
    fault.lift()
    await pr.passes(60)
    await is_started(pr)


@pytest.mark.parametrize("status", [403, 422, 500])
async def test_commands_do_not_wait_for_a_diff_that_github_cannot_make(
    pr: Conversation, github: SimulatedGitHub, status: int
) -> None:
    # "Sorry, this diff is taking too long to generate."
    json = {"content-type": "application/json; charset=utf-8"}
    body = '{"message": "Sorry, this diff is unavailable.", "errors": []}'
    github.faults.answer("GET", "/pulls/1/files$", status, body, json, times=None)
    github.push(REPO, 1, {"huge.txt": "huge\n"})
    await pr.passes(60)
    await pr.says("alice", "/depot list")
    await pr.passes(15 * 60)
    assert pr.reply().startswith("At `")


async def test_what_was_given_up_blocks_nothing(pr: Conversation, github: SimulatedGitHub) -> None:
    fault = github.faults.bad_gateway("GET", "/pulls/1/files$", times=None)
    github.push(REPO, 1, {"huge.txt": "huge\n"})
    await pr.settles()
    pr.clock.time += 25 * 3600
    await pr.settles()
    fault.lift()
    await pr.passes(3600)
    await pr.says("alice", "/depot list")
    assert pr.reply().startswith("At `")


# --- with whose role -----------------------------------------------------------------------------


async def test_whoever_sets_it_off_needs_the_role(pr: Conversation) -> None:
    """Closed and opened again by a reader: nothing, however often."""
    await rules(pr, on("on: labeled, do: run ci.yml", more="permissions: {run: maintain}\n"))
    for login in ("rita", "trudy", "alice"):
        pr.github.label(REPO, 1, f"by-{login}", by=login)
        await pr.settles()
        await nothing_happens(pr)
    pr.github.label(REPO, 1, "by-maya", by="maya")
    await pr.settles()
    await is_started(pr)


async def test_an_automation_may_ask_for_another_role(pr: Conversation) -> None:
    await rules(
        pr,
        on("on: labeled, do: run ci.yml, for: triage", more="permissions: {run: maintain}\n"),
    )
    pr.github.label(REPO, 1, "by-rita", by="rita")
    await pr.settles()
    await nothing_happens(pr)
    pr.github.label(REPO, 1, "by-trudy", by="trudy")
    await pr.settles()
    await is_started(pr)
