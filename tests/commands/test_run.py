"""Conversations about `/depot run`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest
from inline_snapshot import snapshot

from bot.core.types import Permission, Sha
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.depot.hostile_texts import ALL, MENTIONS
from bot.demo.simulators.github import SimulatedGitHub
from bot.engine.handling import LOOK_SECONDS
from bot.github.api import CONFIG_SECONDS
from bot.messages import refusals, runs
from bot.messages.markdown import code
from tests.support.commands import CI, SLOW, pushes, reason, reasons, said, stands
from tests.support.conversation import CI as CI_TEXT
from tests.support.conversation import FILES, REPO, Conversation, ManualClock, untouched, visible
from tests.support.sentences import name_of, queued

pytestmark = pytest.mark.anyio

NIGHTLY = ".depot/workflows/nightly.yaml"
NAMES = ["ci.yml", "nightly.yaml"]
DAY = 24 * 3600.0
OTHER_SHA = Sha("0123456789" * 4)


def sent(depot: SimulatedDepot) -> list[bytes]:
    """The exact bodies of all calls of `Run`."""
    return [call.body for call in depot.calls_of("Run")]


def not_permitted(needs: Permission, has: Permission) -> str:
    """How the refusal begins; which commands may be used instead comes after it."""
    return refusals.not_permitted("run", needs, has, ())


def json(**fields: object) -> bytes:
    return msgspec.json.encode(fields)


async def is_followed_to_the_end(pr: Conversation, depot: SimulatedDepot) -> None:
    """The newest run goes on to its end, and the last edit says so."""
    run = depot.runs[-1]
    await pr.passes(60)
    assert pr.last_edit().partition("✅ passed")[0].startswith(f"Run [`{run.run_id}`]")


async def is_at_rest(pr: Conversation) -> None:
    """Nothing is asked of anybody any more."""
    asked = len(pr.github.requests), len(pr.depot.calls)
    await pr.passes(3600)
    assert (len(pr.github.requests), len(pr.depot.calls)) == asked


# --- what is run ---------------------------------------------------------------------------------


async def test_a_run_is_followed_to_its_end(pr: Conversation, depot: SimulatedDepot) -> None:
    comment = await pr.says("alice", "/depot run ci.yml job=test")
    (run,) = depot.runs
    link = f"[`{run.run_id}`](https://depot.dev/orgs/{depot.org_id}/workflows/{run.run_id})"
    name = f"Run {link} of `ci.yml` (`test`) on `{pr.head[:7]}`"
    assert pr.reply() == f"{name}: ⏸ queued."
    assert [reaction.content for reaction in comment.reactions] == ["eyes"]
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name}: ✅ passed in")


@pytest.mark.parametrize("typed", ["ci", "ci.yml", CI, f"./{CI}", '"ci.yml"', "`ci.yml`"])
async def test_a_workflow_may_be_written_in_several_ways(
    pr: Conversation, depot: SimulatedDepot, typed: str
) -> None:
    await pr.says("alice", f"/depot run {typed}")
    assert pr.reply() == queued(depot.runs[0])
    assert sent(depot) == [json(repo=REPO, sha=pr.head, workflow=CI)]
    await is_followed_to_the_end(pr, depot)


@pytest.mark.parametrize(
    "typed",
    [
        "run ci.yml job=test",
        "run job=test ci.yml",
        "RUN ci.yml JOB=test",
        "run ci.yml --job test",
        "run ci.yml --job=test",
        "run ci.yml —job test",
        "run ci.yml job=“test”",
        "  run   ci.yml\u00a0job=test  ",
    ],
)
async def test_a_job_may_be_written_in_several_ways(
    pr: Conversation, depot: SimulatedDepot, typed: str
) -> None:
    await pr.says("alice", f"/depot {typed}")
    assert pr.reply() == queued(depot.runs[0], "`ci.yml` (`test`)")
    assert sent(depot) == [json(repo=REPO, sha=pr.head, workflow=CI, job="test")]
    await is_followed_to_the_end(pr, depot)


async def test_all_workflows_run_when_none_is_named(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("alice", "/depot run")
    assert pr.reply() == queued(depot.runs[0], "all workflows")
    assert sent(depot) == [json(repo=REPO, sha=pr.head)]
    await is_followed_to_the_end(pr, depot)


async def test_the_call_is_depots_protocol(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot run ci.yml")
    (call,) = depot.calls_of("Run")
    assert call.headers["authorization"] == f"Bearer {depot.token}"
    assert call.headers["content-type"] == "application/json"
    assert call.headers["connect-protocol-version"] == "1"
    assert "connect-timeout-ms" not in call.headers
    pr.reply()
    await is_followed_to_the_end(pr, depot)


async def test_the_only_workflow_is_meant_by_a_job_alone(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.force_push(REPO, 1, {NIGHTLY: None})
    await pr.passes(60)
    await pr.says("alice", "/depot run job=test")
    assert pr.reply() == queued(depot.runs[0], "`ci.yml` (`test`)")
    await is_followed_to_the_end(pr, depot)


async def test_a_job_that_only_one_workflow_has_names_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("alice", "/depot run job=test")
    assert pr.reply() == queued(depot.runs[-1], "`ci.yml` (`test`)")


async def test_a_job_with_needs_runs_alone_and_the_reply_says_so(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    needy = CI_TEXT.replace("  test:\n", "  test:\n    needs: [build, lint]\n")
    await pushes(pr, {CI: needy})
    await pr.says("alice", "/depot run ci.yml job=test")
    said_ = pr.reply()
    assert said_.startswith(queued(depot.runs[0], "`ci.yml` (`test`)"))
    assert runs.skips_needs("test", ["build", "lint"]) in said_
    await is_followed_to_the_end(pr, depot)


# --- what is not there ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "nearest"),
    [("cii.yml", "ci.yml"), ("nightly.yml", "nightly.yaml"), ("nigthly", "nightly.yaml")],
)
async def test_an_unknown_workflow_gets_the_nearest(
    pr: Conversation, depot: SimulatedDepot, typed: str, nearest: str
) -> None:
    await pr.says("alice", f"/depot run {typed}")
    assert pr.reply() == refusals.unknown_workflow(typed, Sha(pr.head), NAMES, nearest)
    assert reason(pr) == "unknown-workflow"
    assert depot.calls_of("Run") == []


async def test_an_unknown_workflow_that_is_like_none(pr: Conversation) -> None:
    await pr.says("alice", "/depot run deploy-to-the-moon.yml")
    assert pr.reply() == (
        f"There is no workflow `deploy-to-the-moon.yml` at `{pr.head[:7]}`. "
        "There are: `ci.yml`, `nightly.yaml`."
    )


async def test_the_folder_of_github_actions_is_not_depots(pr: Conversation) -> None:
    await pr.says("alice", "/depot run .github/workflows/ci.yml")
    said_ = pr.reply()
    assert "Depot reads `.depot/workflows` only." in said_
    assert "`ci.yml`, `nightly.yaml`" in said_


async def test_an_unknown_job_gets_the_nearest(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot run ci.yml job=tests")
    assert pr.reply() == (
        "`ci.yml` has no job `tests`; did you mean `test`? It has: `build`, `lint`, `test`."
    )
    assert reason(pr) == "unknown-job"
    assert depot.calls_of("Run") == []


@pytest.mark.parametrize("job", ["zzz", "Test ", "test:1"])
async def test_a_job_is_its_key_to_the_letter(
    pr: Conversation, depot: SimulatedDepot, job: str
) -> None:
    await pr.says("alice", f'/depot run ci.yml job="{job}"')
    assert "has no job" in pr.reply()
    assert depot.calls_of("Run") == []


async def test_one_name_for_two_files_is_asked_back(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {".depot/workflows/ci.yaml": CI_TEXT})
    await pr.says("alice", "/depot run ci")
    assert pr.reply() == "`ci` may mean `ci.yaml`, `ci.yml`. Name one of them."
    await pr.says("alice", "/depot run ci.yaml")
    assert pr.reply() == queued(depot.runs[0], "`ci.yaml`")
    await is_followed_to_the_end(pr, depot)


@pytest.mark.parametrize("typed", ["run", "run ci.yml", "run job=test"])
async def test_no_workflows_at_all(pr: Conversation, depot: SimulatedDepot, typed: str) -> None:
    await pushes(pr, dict.fromkeys((CI, NIGHTLY)))  # type: ignore[arg-type]
    await pr.says("alice", f"/depot {typed}")
    await pr.passes(30)  # right after a push GitHub may not have them yet
    assert pr.reply() == refusals.no_workflows(Sha(pr.head))
    assert depot.calls_of("Run") == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("jobs: [\n", "not YAML in line 2"),
        ("on: push\n", "it has no `jobs`"),
        ("jobs: {}\n", "it has no `jobs`"),
        ("- a\n- b\n", "it has no `jobs`"),
        ("", "it has no `jobs`"),
        ("a: &a [*a, *a]\nb: " + "[" * 200, "nested too deeply"),
    ],
)
async def test_a_job_of_a_file_that_cannot_be_read(
    pr: Conversation, depot: SimulatedDepot, text: str, why: str
) -> None:
    await pushes(pr, {CI: text})
    await pr.says("alice", "/depot run ci.yml job=test")
    assert pr.reply() == refusals.unreadable_workflow("ci.yml", Sha(pr.head), why)
    assert reason(pr) == "bad-workflow"
    assert depot.calls_of("Run") == []


async def test_a_file_too_large_to_read_runs_without_a_job(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pushes(pr, {CI: CI_TEXT + "#" * 1_100_000})
    await pr.says("alice", "/depot run ci.yml job=test")
    assert "cannot be read as a workflow" in pr.reply()
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


# --- several commands, and misreadings -----------------------------------------------------------


async def test_several_commands_are_answered_in_one_reply(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says(
        "alice",
        "Thanks! Before I merge:\n\n"
        "/depot run ci.yml job=test\n/depot run nightly.yaml\n\nand\n\n/depot rum ci.yml\n",
    )
    test, nightly = depot.runs
    said_ = pr.reply()
    assert queued(test, "`ci.yml` (`test`)") in said_
    assert queued(nightly, "`nightly.yaml`") in said_
    assert "There is no command `rum`. Did you mean `/depot run ci.yml`?" in said_
    (comment,) = said(pr)
    quoted = [line for line in comment.body.splitlines() if line.startswith("> ")]
    assert quoted == [
        "> `/depot run ci.yml job=test`",
        "> `/depot run nightly.yaml`",
        "> `/depot rum ci.yml`",
    ]
    assert reasons(comment) == ["started", "started", "misread"]
    await pr.passes(60)
    assert pr.last_edit().count(": ✅ passed") == 2


async def test_ten_commands_are_done(pr: Conversation) -> None:
    await pr.says("alice", "\n".join(["/depot help run"] * 10))
    assert pr.reply().count("`write`") == 10


async def test_more_than_ten_commands_are_none(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "\n".join(["/depot run ci.yml"] * 30))
    assert refusals.too_many_commands() in pr.reply()
    assert depot.calls == []


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("rum ci.yml", "There is no command `rum`. Did you mean `/depot run ci.yml`?"),
        ("ci.yml", "There is no command `ci.yml`. Did you mean `/depot run ci.yml`?"),
        (
            "frobnicate",
            "There is no command `frobnicate`. If it is a workflow: `/depot run frobnicate`;",
        ),
        ("run ci.yml jobs=test", "`run` knows no `jobs`. Did you mean `job`?"),
        ("run ci.yml job:test more", "Did you mean `job=test`?"),
        ("run ci.yml job:test", "Did you mean `job=test`?"),
        ("run ci.yml job=test job=lint", "`job` is given twice."),
        ("run ci.yml job=", "`job`: it needs a value."),
        ("run ci.yml --job", "`job`: it needs a value."),
        ('run "ci.yml', "A quote is opened and not closed."),
        ("run ci.yml sha=3f2c1d0", "`sha`: a commit needs all 40 digits here"),
        ("run ci.yml sha=main", "`sha`: a commit needs all 40 digits here"),
    ],
)
async def test_a_misreading_is_answered_and_nothing_is_run(
    pr: Conversation, depot: SimulatedDepot, typed: str, answer: str
) -> None:
    await pr.says("alice", f"/depot {typed}")
    assert answer in pr.reply()
    assert reason(pr) == "misread"
    assert depot.calls == []


@pytest.mark.parametrize(
    "text",
    [
        "looks good to me",
        "see /depot run ci.yml",
        "/depotrun ci.yml",
        "/deploy run ci.yml",
        "> /depot run ci.yml",
        "```\n/depot run ci.yml\n```",
        "    /depot run ci.yml",
        "<!--\n/depot run ci.yml\n-->",
        "`/depot run ci.yml`",
    ],
)
async def test_what_is_not_for_the_bot_gets_silence(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, text: str
) -> None:
    asked = len(github.requests)
    comment = await pr.says("alice", text)
    assert comment.reactions == []
    assert (len(github.requests), depot.calls) == (asked, [])


# --- who is heard --------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["alice", "maya", "ada", "octo"])
async def test_who_may_write_may_run(pr: Conversation, depot: SimulatedDepot, login: str) -> None:
    await pr.says(login, "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


@pytest.mark.parametrize(
    ("login", "role", "counts_as"),
    [
        ("rita", "read", Permission.READ),
        ("trudy", "triage", Permission.TRIAGE),
        ("stranger", "", Permission.READ),
        ("nobody", "none", Permission.NONE),
        ("kim", "deployer", Permission.READ),
    ],
)
async def test_who_may_not_write_is_refused(
    pr: Conversation,
    depot: SimulatedDepot,
    github: SimulatedGitHub,
    login: str,
    role: str,
    counts_as: Permission,
) -> None:
    if role:
        github.role(REPO, login, role, base="read")
    comment = await pr.says(login, "/depot run ci.yml")
    assert pr.reply().startswith(not_permitted(Permission.WRITE, counts_as))
    assert reason(pr) == "not-a-writer"
    assert [reaction.content for reaction in comment.reactions] == ["eyes"]
    assert untouched(depot)


async def test_the_author_of_the_pull_request_has_no_more_rights(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.pull_request(REPO, "rita", branch="ritas", files={"x.txt": "x\n"})
    theirs = replace(pr, number=2, _read={})
    await theirs.passes(60)
    await theirs.says("rita", "/depot run ci.yml")
    assert theirs.reply().startswith(not_permitted(Permission.WRITE, Permission.READ))
    assert untouched(depot)


async def test_a_role_is_asked_anew_after_a_minute(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    await pr.says("rita", "/depot run ci.yml")
    assert pr.reply().startswith(not_permitted(Permission.WRITE, Permission.READ))
    github.role(REPO, "rita", "write")
    await pr.passes(61)
    await pr.says("rita", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


@pytest.mark.parametrize("login", ["renovate[bot]", "dependabot[bot]"])
async def test_bots_are_not_heard(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, login: str
) -> None:
    github.role(REPO, login, "admin")
    comment = await pr.says(login, "/depot run ci.yml")
    await pr.passes(60)
    assert comment.reactions == []
    assert depot.calls == []


async def test_the_bot_does_not_hear_itself(pr: Conversation, depot: SimulatedDepot) -> None:
    comment = await pr.says("depot-bot[bot]", "/depot run ci.yml")
    assert pr.reply() == "/depot run ci.yml"
    await pr.passes(60)
    assert comment.reactions == []
    assert depot.calls == []


async def test_an_edit_is_not_a_command(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    comment = await pr.says("alice", "please wait")
    github.edit_comment(comment, "/depot run ci.yml")
    github.edit_comment(comment, "/depot run ci.yml", by="ada")
    await pr.passes(60)
    assert depot.calls == []


async def test_an_edit_takes_nothing_back(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    comment = await pr.says("alice", "/depot run ci.yml")
    github.edit_comment(comment, "/depot run nightly.yaml")
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)
    assert len(depot.runs) == 1


async def test_an_issue_is_no_pull_request(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    issue = github.issue(REPO, "rita")
    comment = github.comment(REPO, issue.number, "alice", "/depot run ci.yml")
    await pr.passes(60)
    assert comment.reactions == []
    assert github.comments(REPO, issue.number) == [comment]
    assert depot.calls == []


async def test_a_comment_that_is_gone_is_answered_all_the_same(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    comment = github.comment(REPO, 1, "alice", "/depot run ci.yml")
    github.delete_comment(comment)
    await pr.settles()
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


# --- reviews -------------------------------------------------------------------------------------


async def test_a_review_may_hold_a_command(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.review(REPO, 1, "maya", "Fine.\n\n/depot run ci.yml", "approved")
    await pr.settles()
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


async def test_a_comment_on_a_line_may_hold_a_command(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    comment = github.review_comment(REPO, 1, "maya", "/depot run ci.yml job=lint", "change.txt")
    await pr.settles()
    assert pr.reply() == queued(depot.runs[0], "`ci.yml` (`lint`)")
    assert [reaction.content for reaction in comment.reactions] == ["eyes"]
    await is_followed_to_the_end(pr, depot)


async def test_a_review_is_pinned_to_the_commit_that_was_reviewed(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    reviewed = pr.head
    await pushes(pr, {"change.txt": "two\n"})
    github.review(REPO, 1, "maya", "/depot run ci.yml", "approved", commit_id=reviewed)
    await pr.settles()
    assert f"`{pr.head[:7]}`" in pr.reply()
    assert reason(pr) in {"stale-sha", "head-moved"}
    assert depot.calls_of("Run") == []


async def test_a_review_pins_the_head_of_a_fork(fork: Conversation, depot: SimulatedDepot) -> None:
    fork.github.review(REPO, fork.number, "maya", "/depot run ci.yml", "approved")
    await fork.settles()
    assert fork.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(fork, depot)


# --- which commit --------------------------------------------------------------------------------


@pytest.mark.parametrize("spell", [str, str.upper])
async def test_the_head_may_be_named(
    pr: Conversation, depot: SimulatedDepot, spell: Callable[[str], str]
) -> None:
    await pr.says("alice", f"/depot run ci.yml sha={spell(pr.head)}")
    assert pr.reply() == queued(depot.runs[0])
    assert sent(depot) == [json(repo=REPO, sha=pr.head, workflow=CI)]
    await is_followed_to_the_end(pr, depot)


async def test_a_commit_that_is_no_longer_the_head_is_refused(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    old = pr.head
    await pushes(pr, {"change.txt": "two\n"})
    await pr.says("alice", f"/depot run ci.yml job=test sha={old}")
    again = f"/depot run ci.yml job=test sha={pr.head}"
    assert pr.reply() == snapshot(
        "`b9a9bdd` is not the head of this pull request: that is `88bc807` now. If you have read it: `/depot run ci.yml job=test sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )
    assert reason(pr) == "stale-sha"
    assert depot.calls_of("Run") == []
    await pr.says("alice", again)
    assert pr.reply() == queued(depot.runs[0], "`ci.yml` (`test`)")
    await is_followed_to_the_end(pr, depot)


@pytest.mark.parametrize("sha", ["0" * 40, OTHER_SHA])
async def test_a_commit_that_never_was_the_head_is_refused(
    pr: Conversation, depot: SimulatedDepot, sha: str
) -> None:
    await pr.says("alice", f"/depot run ci.yml sha={sha}")
    assert pr.reply().startswith(f"`{sha[:7]}` is not the head of this pull request")
    assert depot.calls_of("Run") == []


async def test_a_push_while_the_bot_reads_stops_it(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    # Between the first look at the head and the last, which comes right before `Run`.
    github.faults.meanwhile("GET", "/pulls/1$", lambda: None)
    github.faults.meanwhile(
        "GET", "/pulls/1$", lambda: github.push(REPO, 1, {"change.txt": "evil\n"})
    )

    def passes() -> None:
        pr.clock.time += LOOK_SECONDS + 1

    github.faults.meanwhile("GET", r"/contents/\.depot/workflows$", passes)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == snapshot(
        "The head moved from `b9a9bdd` to `440cff1` meanwhile, so nothing was run. If you have read it: `/depot run ci.yml sha=440cff12d85cf90a21b61b4d2f3ab1631fff109c`"
    )
    assert reason(pr) == "head-moved"
    assert depot.calls_of("Run") == []


@pytest.mark.parametrize("seconds", [0, 1, 100])
async def test_a_push_after_the_comment_stops_it(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, seconds: int
) -> None:
    github.comment(REPO, 1, "alice", "/depot run ci.yml")
    pr.clock.time += seconds
    github.push(REPO, 1, {"change.txt": "evil\n"})
    await pr.settles()
    again = f"/depot run ci.yml sha={pr.head}"
    assert pr.reply() == refusals.head_newer(Sha(pr.head), again)
    assert reason(pr) == "head-newer"
    assert depot.calls_of("Run") == []
    await pr.says("alice", again)
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


async def test_a_push_in_the_second_before_the_comment_stops_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    pr.github.push(REPO, 1, {"change.txt": "evil\n"})
    pr.clock.time += 0.9
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    assert reason(pr) == "head-newer"
    assert depot.calls_of("Run") == []


@pytest.mark.parametrize("pin", ["", f" sha={'0' * 40}"])
async def test_a_head_that_github_does_not_know_yet(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, pin: str
) -> None:
    end = {"sha": "0" * 40, "ref": "feature", "repo": {"full_name": REPO}}
    body = json(number=1, state="open", head=end, base=end).decode()
    headers = {"content-type": "application/json; charset=utf-8"}
    github.faults.answer("GET", "/pulls/1$", 200, body, headers, times=None)
    await pr.says("alice", f"/depot run ci.yml{pin}")
    assert pr.reply() == refusals.head_unknown()
    assert untouched(depot)


@pytest.mark.parametrize("end", ["close", "merge"])
async def test_a_closed_pull_request_runs_nothing(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, end: str
) -> None:
    getattr(github, end)(REPO, 1)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == refusals.pull_request_closed()
    assert depot.calls_of("Run") == []


# --- forks ---------------------------------------------------------------------------------------


@pytest.fixture
def fork(pr: Conversation, github: SimulatedGitHub, clock: ManualClock) -> Conversation:
    """A pull request from a stranger's fork, in a repository that lets those run when pinned."""
    github.commit(REPO, "main", {".github/depot-bot.yml": "forks: pinned\n"})
    clock.time += CONFIG_SECONDS
    copy = github.fork(REPO, "stranger")
    pull = github.pull_request(REPO, "stranger", files={"change.txt": "mine\n"}, fork=copy)
    clock.time += 60
    return replace(pr, number=pull.number, _read={})


async def test_a_forks_head_is_not_run_unread(fork: Conversation, depot: SimulatedDepot) -> None:
    await fork.says("alice", "/depot run ci.yml job=test")
    again = f"/depot run ci.yml job=test sha={fork.head}"
    assert fork.reply() == snapshot(
        "The head is in a fork: its code and its workflow files are somebody else's. Read them, then name the commit: `/depot run ci.yml job=test sha=d2722c331557e5fa479df174d1ae8a7582dae9ba`"
    )
    assert reason(fork) == "fork-needs-sha"
    assert depot.calls_of("Run") == []
    await fork.says("alice", again)
    assert fork.reply() == queued(depot.runs[0], "`ci.yml` (`test`)")
    assert sent(depot) == [json(repo=REPO, sha=fork.head, workflow=CI, job="test")]
    await is_followed_to_the_end(fork, depot)
    fork.assert_said_nothing_else()


async def test_forks_are_refused_by_default(
    fork: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    github.commit(REPO, "main", {".github/depot-bot.yml": None})
    clock.time += CONFIG_SECONDS
    await fork.says("alice", f"/depot run ci.yml sha={fork.head}")
    assert fork.reply() == snapshot(
        "The head is in a fork, and this repository runs no commit of a fork. `forks: pinned` in `.github/depot-bot.yml` on the default branch would allow it for commits that a writer names."
    )
    assert reason(fork) == "fork-refused"
    assert depot.calls_of("Run") == []


async def test_the_forks_own_config_counts_for_nothing(
    fork: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    github.commit(REPO, "main", {".github/depot-bot.yml": None})
    await fork.settles()
    github.push(REPO, fork.number, {".github/depot-bot.yml": "forks: pinned\n"})
    await fork.settles()
    assert "Until it is merged the old rules hold." in fork.reply()
    clock.time += CONFIG_SECONDS
    await fork.says("alice", f"/depot run ci.yml sha={fork.head}")
    assert fork.reply() == snapshot(
        "The head is in a fork, and this repository runs no commit of a fork. `forks: pinned` in `.github/depot-bot.yml` on the default branch would allow it for commits that a writer names."
    )


async def test_the_stranger_may_not_pin_it(fork: Conversation, depot: SimulatedDepot) -> None:
    await fork.says("stranger", f"/depot run ci.yml sha={fork.head}")
    assert fork.reply().startswith(not_permitted(Permission.WRITE, Permission.READ))
    assert untouched(depot)


async def test_a_pin_does_not_outlive_a_push_to_the_fork(
    fork: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    read = fork.head
    github.push(REPO, fork.number, {"change.txt": "evil\n"})
    await fork.says("alice", f"/depot run ci.yml sha={read}")
    assert fork.reply() == snapshot(
        "`d2722c3` is not the head of this pull request: that is `fa200fb` now. If you have read it: `/depot run ci.yml sha=fa200fb28e7cebce0ae3a2e82febe69aa3e19ab8`"
    )
    assert depot.calls_of("Run") == []


async def test_depot_may_refuse_a_forks_head(fork: Conversation, depot: SimulatedDepot) -> None:
    depot.switches = replace(depot.switches, fork_head="refuse")
    await fork.says("alice", f"/depot run ci.yml sha={fork.head}")
    assert fork.reply() == snapshot("""\
Depot does not let this bot's token do that. Depot answered `permission_denied`:

```
commits of forks cannot be run
```\
""")


async def test_the_repositorys_own_workflows_are_not_the_forks(
    fork: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.push(REPO, fork.number, {CI: None})
    await fork.passes(60)
    await fork.says("alice", f"/depot run ci.yml sha={fork.head}")
    assert fork.reply().startswith(f"There is no workflow `ci.yml` at `{fork.head[:7]}`.")


# --- YAML below the command ----------------------------------------------------------------------

YAML = "on: push\njobs:\n  probe:\n    runs-on: x\n    steps: [{run: uname -a}]\n"


def with_yaml(command: str, *blocks: str) -> str:
    return "\n".join([command, *(f"```yaml\n{block}```\n" for block in blocks)])


async def test_yaml_below_the_command_is_run(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("maya", with_yaml("/depot run job=probe", YAML))
    assert pr.reply() == queued(depot.runs[0], "the YAML (`probe`)")
    assert sent(depot) == [json(repo=REPO, sha=pr.head, workflowContent=[YAML], job="probe")]
    await is_followed_to_the_end(pr, depot)


async def test_several_blocks_are_several_workflows(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("maya", with_yaml("/depot run", YAML, CI_TEXT))
    assert pr.reply() == queued(depot.runs[0], "the YAML")
    assert sent(depot) == [json(repo=REPO, sha=pr.head, workflowContent=[YAML, CI_TEXT])]
    await is_followed_to_the_end(pr, depot)


async def test_yaml_needs_a_maintainer(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", with_yaml("/depot run", YAML))
    assert pr.reply().startswith(not_permitted(Permission.MAINTAIN, Permission.WRITE))
    assert untouched(depot)


async def test_yaml_below_a_named_workflow_is_only_talk(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("alice", with_yaml("/depot run ci.yml", YAML))
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


async def test_yaml_is_not_run_on_a_fork(fork: Conversation, depot: SimulatedDepot) -> None:
    await fork.says("maya", with_yaml(f"/depot run sha={fork.head}", YAML))
    assert fork.reply() == snapshot("YAML from a comment is not run on a fork's commit.")
    assert depot.calls_of("Run") == []


@pytest.mark.parametrize(
    ("command", "blocks", "answer"),
    [
        ("run", ("jobs: [\n",), "YAML block 1 cannot be read as a workflow"),
        ("run", (YAML, "on: push\n"), "YAML block 2 cannot be read as a workflow"),
        ("run job=prob", (YAML,), "has no job `prob`; did you mean `probe`?"),
        ("run job=probe", (YAML, YAML), "there are several YAML blocks"),
    ],
)
async def test_yaml_that_cannot_be_run(
    pr: Conversation, depot: SimulatedDepot, command: str, blocks: tuple[str, ...], answer: str
) -> None:
    await pr.says("maya", with_yaml(f"/depot {command}", *blocks))
    assert answer in pr.reply()
    assert depot.calls_of("Run") == []


# --- the same again ------------------------------------------------------------------------------


async def test_what_is_under_way_is_pointed_to(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(seconds=60)
    await pr.says("alice", "/depot run ci.yml job=test")
    assert pr.reply() == queued(depot.runs[0], "`ci.yml` (`test`)")
    await pr.says("maya", "/depot run ci job=test")
    said_ = pr.reply()
    assert said_.startswith(name_of(depot.runs[0], "`ci.yml` (`test`)"))
    assert runs.already_running() in said_
    assert reason(pr) == "already-running"
    await pr.passes(120)
    first, second = stands(pr)
    assert "✅ passed" in first
    assert second == said_
    assert len(depot.runs) == 1


@pytest.mark.parametrize(
    "typed", ["run ci.yml job=lint", "run ci.yml", "run", "run ci job=test force"]
)
async def test_what_is_not_the_same_is_started(
    pr: Conversation, depot: SimulatedDepot, typed: str
) -> None:
    depot.plan(seconds=60)
    await pr.says("alice", "/depot run ci.yml job=test")
    pr.reply()
    await pr.says("maya", f"/depot {typed}")
    pr.reply()
    assert reason(pr) == "started"
    await pr.passes(120)
    assert all("✅ passed" in reply for reply in stands(pr))
    assert len(depot.runs) == 2


async def test_what_is_over_is_started_again(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await is_followed_to_the_end(pr, depot)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[1])
    await is_followed_to_the_end(pr, depot)


# --- too late, or GitHub away --------------------------------------------------------------------


async def test_a_command_that_comes_too_late_is_not_run(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    github.hook_down = True
    github.comment(REPO, 1, "alice", "/depot run ci.yml\n/depot help run")
    (failed,) = await pr.settles()
    github.hook_down = False
    clock.time += 16 * 60
    await pr.redelivers(failed.delivery)
    said_ = pr.reply()
    assert refusals.too_late(16) in said_
    assert "`/depot run [WORKFLOW …]" in said_
    assert untouched(depot)


async def test_a_command_that_comes_somewhat_late_is_run(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, clock: ManualClock
) -> None:
    github.hook_down = True
    github.comment(REPO, 1, "alice", "/depot run ci.yml")
    (failed,) = await pr.settles()
    github.hook_down = False
    clock.time += 14 * 60
    await pr.redelivers(failed.delivery)
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


ROLE = "/collaborators/alice/permission$"


@pytest.mark.parametrize("trouble", ["bad_gateway", "drop", "truncate", "secondary_limit"])
async def test_an_outage_while_asking_who_may_is_said_and_nothing_is_run(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub, trouble: str
) -> None:
    getattr(github.faults, trouble)("GET", ROLE, times=2)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == refusals.trying("GitHub")
    assert untouched(depot)
    await pr.passes(180)
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed")
    assert len(depot.runs) == 1


async def test_an_outage_without_end_is_given_up(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    outage = github.faults.bad_gateway("GET", ROLE, times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    await pr.passes(14 * 60)
    pr.assert_said_nothing_else()
    await pr.passes(3 * 60)
    assert pr.last_edit() == snapshot(
        "GitHub did not answer for 15 minutes, so this was given up and nothing was run. Write the command again later. (Reference: `ic-1025.1`)"
    )
    assert reason(pr) == "could-not-ask"
    assert untouched(depot)
    outage.lift()
    await pr.passes(600)
    assert untouched(depot)


async def test_what_may_be_run_is_not_decided_by_an_outage(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.bad_gateway("GET", "/contents/", times=2)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed")


async def test_github_may_be_away_altogether(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    outage = github.faults.bad_gateway("*", "", times=None)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(300)
    outage.lift()
    await pr.passes(120)
    pr.reply()
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed")
    assert len(depot.runs) == 1


async def test_a_token_that_was_revoked_is_replaced(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.faults.answer("GET", ROLE, 401, '{"message":"Bad credentials"}')
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(120)
    pr.reply()
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed")


async def test_what_github_forbids_is_said(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    lacking = {"x-accepted-github-permissions": "pull_requests=read"}
    no = '{"message":"Resource not accessible by integration"}'
    github.faults.answer("GET", "/pulls/1$", 403, no, lacking, times=None)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(30)
    assert pr.reply() == snapshot(
        "GitHub does not let this bot see or do what that needs, which needs the permission `pull_requests: read`. Its operator finds more in the log under `ic-1025.1`."
    )
    assert untouched(depot)


# --- what Depot refuses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code_", "lead"),
    [
        ("permission_denied", "Depot does not let this bot's token do that."),
        ("not_found", "Depot does not find the repository or the commit."),
        ("invalid_argument", "Depot refused to start it."),
        ("failed_precondition", "Depot refused to start it."),
    ],
)
async def test_a_refusal_is_said_in_words(
    pr: Conversation, depot: SimulatedDepot, code_: str, lead: str
) -> None:
    depot.faults.refuse("Run", code_, message="no, because")
    await pr.says("alice", "/depot run ci.yml")
    said_ = pr.reply()
    assert said_ == refusals.depot_refused(code_, "no, because")
    assert said_.startswith(lead)
    assert reason(pr) == f"depot-{code_}"
    await pr.passes(300)
    assert len(depot.calls_of("Run")) == 1


async def test_a_repository_that_depot_does_not_reach(
    pr: Conversation, depot: SimulatedDepot, github: SimulatedGitHub
) -> None:
    github.repository_named(REPO).connected = False
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == snapshot("""\
Depot does not find the repository or the commit. Is the repository connected to Depot? Depot answered `not_found`:

```
repository octo/hello not found
```\
""")


async def test_an_answer_that_is_not_depots_says_nothing(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    page = depot.faults.no_such_path(None, times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == refusals.trying("Depot")
    await pr.passes(60)
    page.lift()
    await pr.passes(60)
    pr.last_edit()
    assert len(depot.runs) == 1


async def test_a_refused_command_may_be_given_again(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("Run", "permission_denied", message="no")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == snapshot("""\
Depot does not let this bot's token do that. Depot answered `permission_denied`:

```
no
```\
""")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await is_followed_to_the_end(pr, depot)


# --- how a run can go ----------------------------------------------------------------------------


async def test_a_workflow_that_does_not_compile(pr: Conversation, depot: SimulatedDepot) -> None:
    await pushes(pr, {CI: CI_TEXT.replace("{run: make test}", "{rnu: make test}")})
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(60)
    done = pr.last_edit()
    assert done.startswith(f"{name_of(depot.runs[0])}: ❌ failed")
    assert "does not compile" in done
    assert "```\njobs.test.steps[0]: unknown key 'rnu'\n```" in done


async def test_a_failure_shows_its_jobs_and_the_end_of_the_log(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(job="test", outcome="failed")
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(60)
    done = pr.last_edit()
    assert done.startswith(f"{name_of(depot.runs[0])}: ❌ failed")
    assert "| `test` | ❌ failed | 2 s |" in done
    assert "| `build` | ✅ passed | 2 s |" in done
    assert "assert 4 == 3" in done
    assert "\x1b" not in done


async def test_a_run_that_somebody_cancels(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(30)
    assert "| `test` | ⏳ running |" in pr.last_edit()
    depot.set_status(depot.runs[0].run_id, "cancelled")
    await pr.passes(60)
    done = pr.last_edit()
    assert done.startswith(f"{name_of(depot.runs[0])}: 🚫 cancelled")
    assert not any(name in done for name in ("alice", "somebody"))


async def test_a_run_that_disappears(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.plan(seconds=SLOW)
    await pr.says("alice", "/depot run ci.yml")
    (run,) = depot.runs
    assert pr.reply() == queued(run)
    depot.forget(run.run_id)
    await pr.passes(60)
    assert runs.run_disappeared() in pr.last_edit()
    await is_at_rest(pr)


async def test_a_state_that_nobody_knows_is_shown_and_not_the_end(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.plan(seconds=30)
    await pr.says("alice", "/depot run ci.yml")
    (run,) = depot.runs
    assert pr.reply() == queued(run)
    depot.set_status(run.run_id, "paused")
    await pr.passes(120)
    assert pr.last_edit().startswith(f"{name_of(run)}: paused.")
    depot.set_status(run.run_id, "")
    await pr.passes(120)
    assert pr.last_edit().startswith(f"{name_of(run)}: ✅ passed")


async def test_a_state_in_markdown_stays_a_word(pr: Conversation, depot: SimulatedDepot) -> None:
    await pr.says("alice", "/depot run ci.yml")
    (run,) = depot.runs
    assert pr.reply() == queued(run)
    depot.set_status(run.run_id, "**gone** @octocat")
    await pr.passes(60)
    assert f"{name_of(run)}: `**gone** @octocat`." in pr.last_edit()
    depot.set_status(run.run_id, "")
    await is_followed_to_the_end(pr, depot)


async def test_a_run_that_never_starts_is_not_followed_for_ever(
    pr: Conversation, depot: SimulatedDepot, clock: ManualClock
) -> None:
    depot.hold()
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(60)
    pr.last_edit()
    clock.time += DAY - 120
    await pr.settles()
    pr.assert_said_nothing_else()
    await pr.passes(120)
    assert runs.following_given_up() in pr.last_edit()
    await is_at_rest(pr)


async def test_a_read_that_fails_now_and_then_is_not_told(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    depot.faults.refuse("GetRunStatus", "internal", times=None, every=3)
    depot.plan(seconds=90)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(20)
    assert pr.edited().startswith(f"{name_of(depot.runs[0])}: ⏳ running.")
    await pr.passes(60)
    pr.assert_said_nothing_else()
    await pr.passes(120)
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed")


async def test_a_token_that_is_replaced_in_the_middle_of_a_command(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    old = depot.faults.refuse("Run", "unauthenticated", message="Invalid token", times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == refusals.trying_token("Depot")
    await pr.passes(60)
    old.lift()
    await pr.passes(60)
    assert "Invalid token" not in pr.last_edit()
    assert len(depot.runs) == 1


async def test_depot_may_leave_out_and_reorder(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.reorder()
    depot.switches = replace(
        depot.switches, extra_keys=True, job_display_name=False, job_key="bare"
    )
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(60)
    assert "| `test` | ✅ passed | 2 s |" in pr.last_edit()


async def test_metrics_may_be_refused(pr: Conversation, depot: SimulatedDepot) -> None:
    depot.faults.refuse("GetRunMetrics", "resource_exhausted", times=None)
    await pr.says("alice", "/depot run ci.yml")
    assert pr.reply() == queued(depot.runs[0])
    await pr.passes(60)
    assert pr.last_edit().startswith(f"{name_of(depot.runs[0])}: ✅ passed.")


# --- texts that mean no good ---------------------------------------------------------------------


def outside_code(text: str) -> str:
    """What of a reply is not inside a fence or a code span, where it could do something."""
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)
    loose = []
    for token in tokens:
        if token.type == "html_block":
            loose.append(token.content)
        for child in token.children or []:
            if child.type in {"text", "html_inline"}:
                loose.append(child.content)
    return "\n".join(loose)


def is_harmless(text: str) -> None:
    loose = outside_code(text)
    for bad in ("octocat", "alert", "example.org", "<script", "<img", "bold"):
        assert bad not in loose, text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "\x00" not in text
    assert len(text) <= 65_536


@pytest.mark.parametrize("odd", ALL)
async def test_what_is_typed_stays_in_its_quote(pr: Conversation, odd: str) -> None:
    line = odd.replace("\n", " ").replace("\x00", "").replace('"', "")
    await pr.says("alice", f'/depot run "{line}"')
    pr.reply()
    is_harmless(visible_whole(pr))


def visible_whole(pr: Conversation) -> str:
    """The newest reply with its quoted command lines, without its hidden part."""
    return said(pr)[-1].body.partition("<!-- depot-bot")[0]


@pytest.mark.parametrize("odd", ALL)
async def test_the_name_of_a_file_stays_a_name(
    pr: Conversation, depot: SimulatedDepot, odd: str
) -> None:
    name = odd.replace("/", "_").replace("\n", " ").replace("\x00", "")[:200] + ".yml"
    await pushes(pr, {f".depot/workflows/{name}": CI_TEXT})
    await pr.says("alice", "/depot run nope.yml\n/depot list")
    said_ = pr.reply()
    assert code(name) in said_ or code(name).replace("|", "\\|") in said_
    is_harmless(said_)


@pytest.mark.parametrize("odd", ALL)
async def test_the_names_of_jobs_stay_names(
    pr: Conversation, depot: SimulatedDepot, odd: str
) -> None:
    quoted = msgspec.json.encode(odd.replace("\x00", "")).decode()
    text = (
        f"name: {quoted}\non: push\njobs:\n  {quoted}:\n    name: {quoted}\n    runs-on: x\n"
        "    steps: [{run: make}]\n"
    )
    await pushes(pr, {CI: text})
    await pr.says("alice", "/depot run ci.yml job=nope\n/depot run ci.yml\n/depot list")
    is_harmless(pr.reply())
    await pr.passes(60)
    is_harmless(pr.last_edit())


@pytest.mark.parametrize("odd", ALL)
async def test_errors_logs_and_diagnoses_stay_in_their_fences(
    pr: Conversation, depot: SimulatedDepot, odd: str
) -> None:
    depot.plan(
        job="test",
        outcome="failed",
        log=[odd, odd],
        error_message=odd,
        diagnosis=odd,
        possible_fix=odd,
    )
    await pr.says("alice", "/depot run ci.yml")
    pr.reply()
    await pr.passes(60)
    is_harmless(pr.last_edit().replace("<details><summary>Why it failed</summary>", ""))


@pytest.mark.parametrize("odd", ALL)
async def test_a_refusals_text_stays_in_its_fence(
    pr: Conversation, depot: SimulatedDepot, odd: str
) -> None:
    depot.faults.refuse("Run", "invalid_argument", message=odd)
    await pr.says("alice", "/depot run ci.yml")
    is_harmless(pr.reply())


async def test_the_hidden_part_holds_whatever_comes(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await pr.says("alice", f'/depot run "x --> {MENTIONS}"')
    pr.reply()
    (comment,) = said(pr)
    assert reasons(comment) == ["unknown-workflow"]
    assert visible(comment.body) == visible(comment.body).replace("<!--", "")


async def test_files_elsewhere_are_no_workflows(pr: Conversation) -> None:
    await pushes(pr, {".depot/workflows/notes.md": "x", ".depot/workflows/sub/deep.yml": CI_TEXT})
    await pr.says("alice", "/depot run deep.yml")
    assert pr.reply() == snapshot(
        "There is no workflow `deep.yml` at `f84d1cb`. There are: `ci.yml`, `nightly.yaml`."
    )
    assert FILES[CI] == CI_TEXT
