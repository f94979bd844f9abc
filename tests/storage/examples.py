"""Comments, events, attempts and runs for the tests of the ledger, and how they get into it."""

from __future__ import annotations

from dataclasses import replace

from bot.core.deliveries import Delivery, HeadChanged
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.models import Claim, PendingChange, StartAttempt, StartRequest, TrackedRun
from bot.core.reasons import Reason
from bot.core.runs import Attempt, Job, Run, Workflow
from bot.core.types import CommandId, RepoName, RunId, Sha, WorkItemId
from bot.storage.ledger import Ledger
from tests.support.conversation import START

HELLO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
OLD, NEW = Sha("a" * 40), Sha("b" * 40)
ANY = Claim(WorkItemId("ic-0"), 0, RepoName("octo/hello"))
"""Stands for the claim of runs that get their command later, in `tracking`."""


def comment(
    comment_id: int = 1,
    *lines: str,
    number: int = 1,
    repo: RepoName = HELLO,
    at: float = START,
    source: Source = Source.ISSUE_COMMENT,
) -> Comment:
    return Comment(
        source=source,
        repo=repo,
        number=number,
        comment_id=comment_id,
        author=Actor("alice"),
        written_at=at,
        url=f"https://github.com/octo/hello/pull/1#issuecomment-{comment_id}",
        lines=tuple(CommandLine(line) for line in lines or ("run",)),
        installation=7,
        reviewed=SHA,
    )


def delivery(guid: str = "g1", hook: str = "h1") -> Delivery:
    return Delivery(hook, guid, "issue_comment")


def head(
    guid: str,
    sha: Sha,
    since: float,
    number: int = 1,
    repo: RepoName = HELLO,
    in_fork: bool = False,
    before: Sha | None = None,
) -> tuple[Delivery, HeadChanged]:
    """A push to a pull request, as a webhook delivers it."""
    event = Comment(
        source=Source.EVENT,
        repo=repo,
        number=number,
        comment_id=0,
        author=Actor("alice"),
        written_at=since,
        url="https://github.com/octo/hello/pull/1",
        lines=(),
        installation=7,
        event=PullRequestEvent("synchronize", guid, sha, "main"),
    )
    return Delivery("h1", guid, "pull_request"), HeadChanged(
        repo, number, sha, since, in_fork, event, before
    )


def new_attempt(claim: Claim, workflow: str = "ci.yml", sha: Sha = SHA) -> StartAttempt:
    start = StartRequest(HELLO, sha, workflow, "test", ("jobs: {}",))
    return StartAttempt(0, first(claim), start, (RunId("r0"),), START, 0, "open", HELLO)


def tracked(claim: Claim, run_id: str = "r1", status: str = "queued") -> TrackedRun:
    job = Job("j1", "ci.yml:test", status, "Test", (Attempt("a1", 1, status),), 4.0)
    workflow = Workflow("w1", ".depot/workflows/ci.yml", status, "CI", "", (job,))
    run = Run(RunId(run_id), "org", status, (workflow,), 9.5)
    return TrackedRun(
        *(first(claim), run, HELLO, SHA, "ci.yml", "test"),
        tracked_since=START,
        note="a note",
        next_poll_at=START + 2,
    )


def change(claim: Claim, run_id: str = "r1") -> PendingChange:
    return PendingChange(first(claim), RunId(run_id), {"j1": 1, "j2": 3})


async def accepted(ledger: Ledger, *comments: Comment) -> None:
    for one in comments:
        assert await ledger.inbox.accept(delivery(f"g-{one.work_item_id}"), [one])


async def claimed(ledger: Ledger) -> Claim:
    (claim,) = await ledger.queue.claim(10, 10)
    return claim


async def ids(ledger: Ledger, limit: int = 10) -> list[str]:
    return sorted(claim.work_item_id for claim in await ledger.queue.claim(limit, limit))


def first(claim: Claim) -> CommandId:
    return CommandId(f"{claim.work_item_id}.1")


async def tracking(ledger: Ledger, number: int, *runs: TrackedRun, repo: RepoName = HELLO) -> Claim:
    """A decided work item that tracks these runs and is not due for a long time."""
    await accepted(ledger, comment(number, number=number, repo=repo))
    (claim,) = await ledger.queue.claim(10, 10)
    mine = [replace(run, command_id=first(claim)) for run in runs]
    await ledger.items.save_decision(claim, first(claim), Reason.STARTED, "", mine)
    await ledger.queue.release(claim, 1000.0)
    return claim


async def since(ledger: Ledger, number: int, sha: Sha, repo: RepoName = HELLO) -> float | None:
    """Since when a commit is the head of a pull request, if the ledger knows."""
    known = await ledger.pull_requests.newest_heads(repo, number)
    return {head.sha: head.since for head in known}.get(sha)
