"""Who may do what, on which code. Pure: facts in, nothing or `Refused` out.

The order of the questions is the dispatcher's (`bot.dispatch`); each answer is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from bot import replies
from bot.errors import Refused
from bot.types import Head, Permission, RepoName, Sha

LATE_SECONDS = 15 * 60
"""A command that reaches us later than this after it was written is answered, not run."""


def check_repository(repo: RepoName, allowed: Sequence[str]) -> None:
    """*allowed* are patterns such as `octo/*`."""
    if not any(fnmatchcase(repo.lower(), pattern.lower()) for pattern in allowed):
        raise Refused("repository-not-allowed", replies.repository_not_allowed())


def check_age(written_at: float, received_at: float) -> None:
    age = received_at - written_at
    if age > LATE_SECONDS:
        raise Refused("too-late", replies.too_late(int(age // 60)))


def check_permission(
    verb: str, needs: Permission, has: Permission, may: Sequence[str] = ()
) -> None:
    """*may* are the commands that the asker may use, to be named in a refusal."""
    if has < needs:
        reason = {Permission.WRITE: "not-a-writer"}.get(needs, f"not-{needs.word}")
        raise Refused(reason, replies.not_permitted(verb, needs, has, may))


def check_head(head: Head, is_open: bool, pinned: Sha | None, again: str) -> None:
    """Whether the head may be run. *again* is the command to type once the head was read.

    A head in a fork is a stranger's code and runs only when the command names that very commit.
    """
    if not is_open:
        raise Refused("pull-request-closed", replies.pull_request_closed())
    if set(head.sha) == {"0"}:
        raise Refused("head-unknown", replies.head_unknown())
    if pinned is not None and pinned != head.sha:
        raise Refused("stale-sha", replies.pin_is_stale(pinned, head.sha, again))
    if pinned is None and head.in_fork:
        raise Refused("fork-needs-sha", replies.fork_needs_sha(again))


def check_not_moved(expected: Sha, head: Head, again: str) -> None:
    """Asked right before the run is started."""
    if head.sha != expected:
        raise Refused("head-moved", replies.head_moved(expected, head.sha, again))


def check_inline(head: Head) -> None:
    """YAML sent along runs with the organisation's secrets: never on a stranger's code."""
    if head.in_fork:
        raise Refused("fork-inline", replies.fork_inline())


def check_dispatch(head: Head) -> None:
    """A dispatch names a branch of this repository; a fork's is not one."""
    if head.in_fork:
        raise Refused("fork-dispatch", replies.fork_dispatch())
