"""Who may do what, on which code. Pure: facts in, a decision out.

`decide` has the order of the questions; each question is a function of its own, which raises
`Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bot.core.errors import Refused
from bot.core.events import Comment
from bot.core.reasons import Reason
from bot.core.types import Head, Permission, RepoName, Sha
from bot.messages import refusals
from bot.parsing.arguments import closest_match
from bot.parsing.workflow_file import matches
from bot.rules.facts import BrokenRules, Fact, Facts, Usage
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


# --- the decision --------------------------------------------------------------------------------

LAG_SECONDS = 60.0
"""How long GitHub's API may be behind a webhook that told of a new head."""

AUTOMATION_LAG_SECONDS = 900.0
"""The same for what an event sets off: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class StartTarget:
    """What a command that starts a run on the head is about, before anything is read."""

    workflow: str | None
    """As it was typed; none for all, or with *is_inline*."""
    job: str | None = None
    sha: Sha | None = None
    """The commit that the command names."""
    is_inline: bool = False
    """YAML sent along instead of a workflow file."""
    is_dispatch: bool = False
    """By `workflow_dispatch` on the head branch."""


@dataclass(frozen=True, slots=True)
class CommandNeeds:
    """What a command needs, before anything is read."""

    verb: str
    required_permission: Permission
    """The role it needs unless the repository's config says otherwise."""
    least_permission: Permission
    """What this very line needs at least, whatever the config says."""
    is_always_answered: bool
    target: StartTarget | None
    """For commands that start a run on the head."""
    again: Callable[[Sha], str]
    """What to type once the head was read; it names the commit where the command takes one."""
    pin: Callable[[Sha], str]
    """What to type to run that commit whenever it became the head."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the operator allows, and the roles that commands need: for all commands alike."""

    repositories: Sequence[str]
    permissions: Mapping[str, Permission]
    """The role each command needs, by verb."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The command may be carried out."""

    role: Permission
    head: Head | None = None
    """The commit that may run, for commands that start a run."""
    workflow: str = ""
    """The workflow's file name; empty for all, or for YAML sent along."""


@dataclass(frozen=True, slots=True)
class Needs:
    """These facts have to be read before there is a decision."""

    facts: frozenset[Fact]


@dataclass(frozen=True, slots=True)
class NotYet:
    """GitHub's API does not know the newest head yet; ask again."""


Decision = Allowed | Refused | Needs | NotYet


def decide_before_reading(comment: Comment, facts: Facts, bounds: Bounds) -> Refused | None:
    """What the ledger and the operator's settings decide, before GitHub is asked anything."""
    try:
        check_repository(comment.repo, bounds.repositories)
        check_limits(facts.usage)
    except Refused as no:
        return no
    return None


def decide_rules(facts: Facts) -> Refused | None:
    """A broken config never means "no rules"."""
    if isinstance(facts.rules, BrokenRules):
        text = refusals.bad_config(facts.rules.path, facts.rules.why)
        return Refused(Reason.BAD_CONFIG, text)
    return None


def decide(
    comment: Comment,
    received_at: float,
    needs: CommandNeeds,
    facts: Facts,
    bounds: Bounds,
    now: float,
) -> Decision:
    """Whether a command may be carried out.

    The order: repository allowed, not limited, rules readable, not late, the author's role, the
    command allowed, and for a start the head known and guarded, the workflow found and allowed.
    """
    try:
        return _decide(comment, received_at, needs, facts, bounds, now)
    except Refused as no:
        return no


def _decide(
    comment: Comment,
    received_at: float,
    needs: CommandNeeds,
    facts: Facts,
    bounds: Bounds,
    now: float,
) -> Decision:
    if needs.is_always_answered:
        return Allowed(Permission.NONE)
    check_repository(comment.repo, bounds.repositories)
    check_limits(facts.usage)
    if facts.rules is None:
        return Needs(frozenset({Fact.RULES, Fact.ROLE}))
    if (broken := decide_rules(facts)) is not None:
        raise broken
    config = facts.config
    required = max(config.needs(needs.verb, needs.required_permission), needs.least_permission)
    if max(required, needs.required_permission) is not Permission.NONE:
        check_age(comment.written_at, received_at)
    role = acting_role(comment, facts)
    if role is None:
        return Needs(frozenset({Fact.ROLE}))
    may = [verb for verb, p in bounds.permissions.items() if config.needs(verb, p) <= role]
    check_permission(needs.verb, required, role, may)
    if needs.target is None:
        return Allowed(role)
    return _decide_start(comment, needs, needs.target, role, facts, now)


def _decide_start(
    comment: Comment,
    needs: CommandNeeds,
    target: StartTarget,
    role: Permission,
    facts: Facts,
    now: float,
) -> Decision:
    wanted = {Fact.HEAD, Fact.RUNS} | ({Fact.WORKFLOWS} if not target.is_inline else set())
    if facts.seen is None:
        return Needs(frozenset(wanted))
    head = facts.seen.head
    if target.is_dispatch:
        check_dispatch(head)
    guarded = decide_head(comment, needs, target.sha, facts, now)
    if not isinstance(guarded, Head):
        return guarded
    if target.is_inline:
        check_inline(head)
    elif facts.workflows is None or facts.workflows.sha != head.sha:
        return Needs(frozenset({Fact.WORKFLOWS, Fact.RUNS}))
    workflow = ""
    if not target.is_inline and facts.workflows is not None:
        names = facts.workflows.names
        if not names:
            raise Refused(Reason.NO_WORKFLOWS, refusals.no_workflows(head.sha))
        workflow = find_workflow(target, names, head.sha)
        check_workflows(facts.config, [workflow] if workflow else names, role)
    if (
        facts.runs is None
        or facts.runs.sha != head.sha
        or facts.runs.is_dispatch != target.is_dispatch
    ):
        return Needs(frozenset({Fact.RUNS}))
    return Allowed(role, head, workflow)


def acting_role(comment: Comment, facts: Facts) -> Permission | None:
    """The role that a command acts with; none when it has to be read. What an event sets off acts
    for the repository, allowed bots act as writers."""
    if comment.event is not None:
        return Permission.ADMIN
    if comment.author.is_bot:
        return Permission.WRITE
    return facts.role


def decide_head(
    comment: Comment, needs: CommandNeeds, pinned: Sha | None, facts: Facts, now: float
) -> Head | Needs | NotYet:
    """The head, when this command may run it; raises Refused."""
    if facts.seen is None:
        return Needs(frozenset({Fact.HEAD}))
    head = facts.seen.head
    pinned = pinned or comment.reviewed
    if comment.event is not None and not head.in_fork:
        pinned = comment.event.sha
    check_exists(head)
    suite = facts.head_date if facts.head_date and facts.head_date.sha == head.sha else None
    # The API may be behind its own webhooks: then the ledger heard of another head a moment ago.
    lag = AUTOMATION_LAG_SECONDS if comment.event else LAG_SECONDS
    recent = next((known for known in facts.heads if known.received_at > now - lag), None)
    if recent is not None and recent.sha != head.sha:
        since = next((known.since for known in facts.heads if known.sha == head.sha), None)
        if since is None:
            if suite is None:
                return Needs(frozenset({Fact.HEAD_DATE}))
            since = suite.created_at
        if since is None or since < recent.since:
            return NotYet()
    since = None
    if pinned is None and not head.in_fork:
        # A check suite may be as old as the commit's time on another branch, so it counts only
        # while no head of the pull request was heard of.
        if facts.heads:
            since = facts.heads[0].since if facts.heads[0].sha == head.sha else None
        elif suite is None:
            return Needs(frozenset({Fact.HEAD_DATE}))
        else:
            since = suite.created_at
    if head.in_fork and facts.role is None:
        return Needs(frozenset({Fact.ROLE}))
    check_head(
        HeadFacts(
            head=head,
            is_open=facts.seen.is_open,
            pinned=pinned,
            since=since,
            asked_at=comment.written_at,
            may_write=facts.role is not None and facts.role >= Permission.WRITE,
            forks=facts.config.forks,
        ),
        needs.again(head.sha),
        needs.pin(head.sha),
    )
    return head


def find_workflow(target: StartTarget, names: Sequence[str], sha: Sha) -> str:
    """The file that was meant; empty for all of them."""
    typed = target.workflow
    if typed is None and target.job is None:
        return ""
    if typed is None:
        if len(names) > 1:
            raise Refused(Reason.JOB_NEEDS_WORKFLOW, refusals.job_needs_workflow(names))
        return names[0]
    found = matches(typed, names)
    if not found:
        raise Refused(
            Reason.UNKNOWN_WORKFLOW,
            refusals.unknown_workflow(typed, sha, names, closest_match(typed, names)),
        )
    if len(found) > 1:
        raise Refused(Reason.AMBIGUOUS_WORKFLOW, refusals.ambiguous_workflow(typed, found))
    return found[0]
