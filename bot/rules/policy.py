"""Who may do what, on which code. Pure: facts in, nothing or `Refused` out.

The order of the questions is the dispatcher's (`bot.engine.dispatch`); each answer is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.core.errors import Refused
from bot.core.reasons import Reason
from bot.core.types import Head, Permission, RepoName, Sha
from bot.messages import refusals
from bot.rules.repository_config import Config

LATE_SECONDS = 15 * 60
"""A command that reaches us later than this after it was written is answered, not run."""

_LACKING = {
    Permission.READ: Reason.NOT_READ,
    Permission.TRIAGE: Reason.NOT_TRIAGE,
    Permission.WRITE: Reason.NOT_A_WRITER,
    Permission.MAINTAIN: Reason.NOT_MAINTAIN,
    Permission.ADMIN: Reason.NOT_ADMIN,
}
"""Why somebody is refused who lacks a role."""

ROLE_REASONS = frozenset(
    {*_LACKING.values(), Reason.COMMAND_NOT_ALLOWED, Reason.WORKFLOW_NOT_ALLOWED}
)
"""Reasons that mean: somebody else may."""

UNCOUNTED = ROLE_REASONS | {Reason.MISREAD, Reason.RATE_LIMITED, Reason.BOT_NOT_ALLOWED}
"""Reasons for which a command does not count for its repository's limit."""

LIMIT_SECONDS = 3600.0
"""The time over which commands are counted for the rate limits."""


def check_repository(repo: RepoName, allowed: Sequence[str]) -> None:
    """*allowed* are patterns such as `octo/*`."""
    if not any(fnmatchcase(repo.lower(), pattern.lower()) for pattern in allowed):
        raise Refused(Reason.REPOSITORY_NOT_ALLOWED, refusals.repository_not_allowed())


@dataclass(frozen=True, slots=True)
class Usage:
    """Commands of the last hour, this one included, and what the operator allows."""

    by_person: int
    in_repository: int
    per_person: int
    per_repository: int


def check_limits(usage: Usage) -> None:
    """Far beyond a limit even the refusal is saved: answering would be what is to be limited."""
    if usage.by_person > 2 * usage.per_person or usage.in_repository > 2 * usage.per_repository:
        raise Refused(Reason.RATE_LIMITED, "")
    if usage.by_person > usage.per_person:
        raise Refused(Reason.RATE_LIMITED, refusals.rate_limited("you", usage.per_person))
    if usage.in_repository > usage.per_repository:
        raise Refused(
            Reason.RATE_LIMITED, refusals.rate_limited("this repository", usage.per_repository)
        )


def check_age(written_at: float, received_at: float) -> None:
    age = received_at - written_at
    if age > LATE_SECONDS:
        raise Refused(Reason.TOO_LATE, refusals.too_late(int(age // 60)))


def check_permission(
    verb: str, needs: Permission, has: Permission, may: Sequence[str] = ()
) -> None:
    """*may* are the commands that the asker may use, to be named in a refusal."""
    if needs is Permission.NOBODY:
        raise Refused(Reason.COMMAND_NOT_ALLOWED, refusals.command_not_allowed(verb))
    if has < needs:
        raise Refused(_LACKING[needs], refusals.not_permitted(verb, needs, has, may))


def check_workflows(config: Config, names: Sequence[str], has: Permission) -> None:
    """Whether the repository lets somebody with this role run these workflow files."""
    for name in names:
        needs = config.workflow_needs(name)
        if needs is Permission.NOBODY:
            raise Refused(Reason.WORKFLOW_NOT_ALLOWED, refusals.workflow_not_allowed(name))
        if has < needs:
            raise Refused(
                Reason.WORKFLOW_NOT_ALLOWED, refusals.workflow_not_permitted(name, needs, has)
            )


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What is known of the commit that would run."""

    head: Head
    is_open: bool
    pinned: Sha | None
    """The commit that the command names, or that the review it stands in is about."""
    since: float | None
    """When it became the head, by GitHub's clock; none when nobody knows."""
    asked_at: float
    """When the command was written, by GitHub's clock."""
    may_write: bool
    """Whether the asker has the write role."""
    forks: str
    """The repository's rule for forks: `refuse` or `pinned`."""


def check_exists(head: Head) -> None:
    """GitHub shows a commit of zeros while it does not know better (bot/github/README.md, "Pull
    request heads")."""
    if set(head.sha) == {"0"}:
        raise Refused(Reason.HEAD_UNKNOWN, refusals.head_unknown())


def check_head(facts: HeadFacts, again: str, pin: str) -> None:
    """Whether the head may run. *again* is the command to type once the head was read, *pin* one
    that names the commit.

    What runs is what the asker could have seen. GitHub's times are whole seconds, so a head of the
    same second may be the newer one. A head in a fork is a stranger's code and its workflow files
    are, too: it runs only when somebody who may write names that very commit.
    """
    head, pinned = facts.head, facts.pinned
    if not facts.is_open:
        raise Refused(Reason.PULL_REQUEST_CLOSED, refusals.pull_request_closed())
    check_exists(head)
    if pinned is not None and pinned != head.sha:
        raise Refused(Reason.STALE_SHA, refusals.pin_is_stale(pinned, head.sha, again))
    if head.in_fork:
        _check_fork(facts, again)
    elif pinned is None and facts.since is None:
        raise Refused(Reason.HEAD_UNDATED, refusals.head_undated(head.sha, pin))
    elif pinned is None and facts.since is not None and facts.since >= facts.asked_at:
        raise Refused(Reason.HEAD_NEWER, refusals.head_newer(head.sha, again))


def _check_fork(facts: HeadFacts, again: str) -> None:
    if facts.forks != "pinned":
        raise Refused(Reason.FORK_REFUSED, refusals.fork_refused())
    if facts.pinned is None:
        raise Refused(Reason.FORK_NEEDS_SHA, refusals.fork_needs_sha(again))
    if not facts.may_write:
        raise Refused(Reason.FORK_NEEDS_WRITER, refusals.fork_needs_writer())


def check_again(in_fork: bool, config: Config) -> None:
    """Whether runs of a pull request may go again: a fork's code is a stranger's each time."""
    if in_fork and config.forks != "pinned":
        raise Refused(Reason.FORK_REFUSED, refusals.fork_refused())


def check_not_moved(expected: Sha, head: Head, is_open: bool, again: str) -> None:
    """Asked right before the run is started."""
    if not is_open:
        raise Refused(Reason.PULL_REQUEST_CLOSED, refusals.pull_request_closed())
    if head.sha != expected:
        raise Refused(Reason.HEAD_MOVED, refusals.head_moved(expected, head.sha, again))


def check_inline(head: Head) -> None:
    """YAML sent along runs with the organisation's secrets: never on a stranger's code."""
    if head.in_fork:
        raise Refused(Reason.FORK_INLINE, refusals.fork_inline())


def check_dispatch(head: Head) -> None:
    """A dispatch names a branch of this repository; a fork's is not one."""
    if head.in_fork:
        raise Refused(Reason.FORK_DISPATCH, refusals.fork_dispatch())
