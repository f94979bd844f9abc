"""Authorization: who may do what, on which commit. Pure: facts in, a decision out.

`decide` fixes the order of the checks; each check is a function that raises `Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from bot.core.errors import Refused
from bot.core.events import Comment
from bot.core.reasons import Reason
from bot.core.types import Detail, Head, Permission, RepoName, Sha
from bot.messages import refusals
from bot.parsing.arguments import closest_match
from bot.parsing.words import quoted
from bot.parsing.workflow_file import matches
from bot.rules.facts import BrokenRules, Fact, Facts, Usage, WorkflowNames
from bot.rules.repository_config import INLINE, Config, Named

LATE_SECONDS = 15 * 60
"""Seconds after which a command that arrives late is answered and not run."""

_LACKING = {
    Permission.READ: Reason.NOT_READ,
    Permission.TRIAGE: Reason.NOT_TRIAGE,
    Permission.WRITE: Reason.NOT_A_WRITER,
    Permission.MAINTAIN: Reason.NOT_MAINTAIN,
    Permission.ADMIN: Reason.NOT_ADMIN,
}
"""The reason of a refusal, by the role that is missing."""

LACKING = frozenset(_LACKING.values())
"""Reasons for which the author's role is too low."""

ROLE_REASONS = frozenset({*LACKING, Reason.COMMAND_NOT_ALLOWED, Reason.WORKFLOW_NOT_ALLOWED})
"""Reasons that depend on the author's role: somebody else may be allowed."""

COUNTED = frozenset(
    {
        *(Reason.STARTED, Reason.ALREADY_RUNNING, Reason.RETRIED, Reason.RERUN, Reason.CANCELLED),
        *(Reason.START_UNKNOWN, Reason.START_AMBIGUOUS),
    }
)
"""Outcomes that count towards a repository's rate limit: what needs no role, misreadings and
refusals count for the person alone."""

LIMIT_SECONDS = 3600.0
"""The window of the rate limits."""


def check_repository(repo: RepoName, allowed: Sequence[str]) -> None:
    """Raises Refused unless one of *allowed*, patterns such as `octo/*`, matches."""
    if not any(fnmatchcase(repo.lower(), pattern.lower()) for pattern in allowed):
        # In silence: it is no business of those who write there.
        raise Refused(Reason.REPOSITORY_NOT_ALLOWED, "")


def check_limits(usage: Usage) -> None:
    """Raises Refused above a limit; without a text when the author was told within the hour."""
    if usage.by_person > usage.per_person:
        text = refusals.rate_limited("you", usage.per_person)
    elif usage.in_repository > usage.per_repository:
        text = refusals.rate_limited("this repository", usage.per_repository)
    else:
        return
    raise Refused(Reason.RATE_LIMITED, "" if usage.is_notified else text)


def check_runs(usage: Usage, count: int) -> None:
    """Raises Refused when so many more runs are more than the operator allows in an hour."""
    if usage.runs + count > usage.runs_per_repository:
        text = refusals.too_many_runs(usage.runs, usage.runs_per_repository)
        raise Refused(Reason.RATE_LIMITED, text)


def check_age(written_at: float, now: float, *, is_begun: bool = False) -> None:
    """Raises Refused when it is too long since a comment was written, both by GitHub's clock:
    nobody expects a run any more. *is_begun* says that a part of the command was done in time."""
    age = now - written_at
    if age > LATE_SECONDS:
        text = refusals.too_late(int(age // 60), is_begun=is_begun)
        raise Refused(Reason.TOO_LATE, text)


def check_permission(
    verb: str,
    needs: Permission,
    has: Permission,
    may: Sequence[str] = (),
    named: Sequence[str] = (),
) -> None:
    """Raises Refused without the role. For the refusal: *may* are the commands that the author may
    use, *named* who else may use this one."""
    if needs is Permission.NOBODY:
        raise Refused(Reason.COMMAND_NOT_ALLOWED, refusals.command_not_allowed(verb, named))
    if has < needs:
        raise Refused(_LACKING[needs], refusals.not_permitted(verb, needs, has, may, named))


def is_named(comment: Comment, named: Named, facts: Facts) -> bool | Needs:
    """Whether the config names the author of a comment, or a team of theirs."""
    login = comment.author.login.lower()
    if login in named.users:
        return True
    if named.author:
        if facts.seen is None:
            return Needs(frozenset({Fact.HEAD}))
        if facts.seen.author.lower() == login:
            return True
    if named.teams and facts.teams is None:
        return Needs(frozenset({Fact.TEAMS}))
    return not (facts.teams or frozenset()).isdisjoint(named.teams)


def check_workflows(config: Config, names: Sequence[str], has: Permission) -> None:
    """Raises Refused when the repository's config forbids one of the workflows to this role."""
    for name in names:
        if (refused := workflow_refusal(name, config.workflow_needs(name), has)) is not None:
            raise refused


def workflow_refusal(name: str, needs: Permission, has: Permission) -> Refused | None:
    """The refusal of a workflow, or of those that a pattern covers; none where it is allowed."""
    if needs is Permission.NOBODY:
        return Refused(Reason.WORKFLOW_NOT_ALLOWED, refusals.workflow_not_allowed(name))
    if has < needs:
        text = refusals.workflow_not_permitted(name, needs, has)
        return Refused(Reason.WORKFLOW_NOT_ALLOWED, text)
    return None


QUOTED_BY = {Detail.LOGS: "logs", Detail.DIAGNOSIS: "why"}
"""The command that quotes it from a run."""


def check_shown(config: Config, detail: Detail, *, is_public: bool) -> None:
    """Raises Refused when the repository does not let this be quoted."""
    if not config.shows(detail, is_public=is_public):
        raise Refused(Reason.NOT_SHOWN, refusals.not_shown(detail))


def quotable(comment: Comment, facts: Facts, bounds: Bounds) -> frozenset[Detail] | Needs:
    """What is quoted from a failed run without being asked for: what the author of the comment
    could ask for by `logs` and `why`, and nothing while the rules are broken."""
    if facts.rules is None or (role := acting_role(comment, facts)) is None:
        return first_reads(comment, facts)
    if decide_rules(facts) is not None:
        return frozenset()
    config = facts.config
    return frozenset(
        detail
        for detail, verb in QUOTED_BY.items()
        if role >= config.needs(verb, bounds.permissions[verb])
        and config.shows(detail, is_public=comment.is_public)
    )


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What is known about the commit that would run."""

    head: Head
    is_open: bool
    pinned: Sha | None
    """The commit that the command names, or that its review was written on."""
    since: float | None
    """When it became the head, by GitHub's clock; none when it is not known."""
    asked_at: float
    """When the command was written, by GitHub's clock."""
    may_write: bool
    """Whether the author has the write role."""
    forks: str
    """The repository's rule for forks: `refuse` or `pinned`."""


def check_exists(head: Head) -> None:
    """Raises Refused for a commit of zeros: GitHub shows it while it does not know the head
    (bot/github/README.md, "Pull request heads")."""
    if set(head.sha) == {"0"}:
        raise Refused(Reason.HEAD_UNKNOWN, refusals.head_unknown())


def check_head(facts: HeadFacts, again: str, pin: str) -> None:
    """Raises Refused unless the head may run.

    *again* is the command to type after reading the head, *pin* one that names the commit.

    Only a commit that the author could have seen runs. GitHub's times are whole seconds, so a head
    of the same second may be newer than the command. The code and the workflow files of a fork are
    untrusted: its head runs only when somebody with the write role names that commit.
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
    """Raises Refused when runs of a pull request may not be repeated: a fork's code stays
    untrusted."""
    if in_fork and config.forks != "pinned":
        raise Refused(Reason.FORK_REFUSED, refusals.fork_refused())


def check_not_moved(expected: Sha, head: Head, is_open: bool, again: str) -> None:
    """Raises Refused when the head has changed; called right before the run is started."""
    if not is_open:
        raise Refused(Reason.PULL_REQUEST_CLOSED, refusals.pull_request_closed())
    if head.sha != expected:
        raise Refused(Reason.HEAD_MOVED, refusals.head_moved(expected, head.sha, again))


def check_inline(head: Head) -> None:
    """Raises Refused for a fork: YAML from a comment runs with the organisation's secrets, never
    on untrusted code."""
    if head.in_fork:
        raise Refused(Reason.FORK_INLINE, refusals.fork_inline())


def check_dispatch(head: Head) -> None:
    """Raises Refused for a fork: a dispatch names a branch of this repository."""
    if head.in_fork:
        raise Refused(Reason.FORK_DISPATCH, refusals.fork_dispatch())


# --- the decision --------------------------------------------------------------------------------

LAG_SECONDS = 60.0
"""How long GitHub's API may be behind a webhook that reported a new head."""

AUTOMATION_LAG_SECONDS = 900.0
"""The same for a command that an event triggers: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class StartTarget:
    """What a command that starts a run on the head names, before anything is read."""

    workflows: tuple[str, ...] = ()
    """As typed; none for all workflows, or with `is_inline`."""
    jobs: tuple[str, ...] = ()
    sha: Sha | None = None
    """The commit that the command names."""
    is_inline: bool = False
    """It runs YAML from the comment instead of a workflow file."""
    is_dispatch: bool = False
    """It starts `workflow_dispatch` on the head branch."""
    is_beside_yaml: bool = False
    """The comment holds YAML that is not plainly the command's own."""


@dataclass(frozen=True, slots=True)
class CommandNeeds:
    """What a command needs, before anything is read."""

    verb: str
    required_permission: Permission
    """The role it needs unless the repository's config sets another."""
    least_permission: Permission
    """The role that this line needs at least, whatever the config sets."""
    is_always_answered: bool
    instead: Permission | None = field(default=None, kw_only=True)
    """For what an event triggers: the role that its automation asks for in place of the command's
    own."""
    further: Mapping[str, Permission] = field(default_factory=dict, kw_only=True)
    """Its arguments that need a role of their own, with the role unless the repository's config
    sets another."""
    quotes: Detail | None = field(default=None, kw_only=True)
    """What its answer quotes from a run."""
    is_begun: bool = field(default=False, kw_only=True)
    """An earlier step began this command: what it did has to be found out, whatever the time."""
    target: StartTarget | None
    """For commands that start a run on the head."""
    again: Callable[[Sha], str]
    """The command to type after reading the head; it names the commit if it takes one."""
    pin: Callable[[Sha], str]
    """The command that runs that commit, no matter when it became the head."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What the operator allows, and the roles that commands need; the same for all commands."""

    repositories: Sequence[str]
    permissions: Mapping[str, Permission]
    """The role each command needs, by verb."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """The command may be carried out."""

    role: Permission
    head: Head | None = None
    """The commit that may run, for commands that start a run."""
    workflows: tuple[str, ...] = ()
    """File names; none for all, or for YAML sent along."""


@dataclass(frozen=True, slots=True)
class Needs:
    """These facts have to be read before there is a decision."""

    facts: frozenset[Fact]


@dataclass(frozen=True, slots=True)
class NotYet:
    """GitHub's API does not know the newest head yet; ask again."""


Decision = Allowed | Refused | Needs | NotYet


def decide_before_reading(comment: Comment, facts: Facts, bounds: Bounds) -> Refused | None:
    """The refusal that follows from the database and the operator's settings, before GitHub is
    asked; none when there is none."""
    try:
        check_repository(comment.repo, bounds.repositories)
        check_limits(facts.usage)
    except Refused as refused:
        return refused
    return None


def first_reads(comment: Comment, facts: Facts) -> Needs:
    """What every command needs: the rules, and beside them the role where it has to be read."""
    has_role = acting_role(comment, facts) is not None
    return Needs(frozenset({Fact.RULES} if has_role else {Fact.RULES, Fact.ROLE}))


def decide_rules(facts: Facts) -> Refused | None:
    """The refusal for a broken config, which never counts as a config without rules."""
    if isinstance(facts.rules, BrokenRules):
        text = refusals.bad_config(facts.rules.path, facts.rules.why)
        return Refused(Reason.BAD_CONFIG, text)
    return None


def decide(
    comment: Comment,
    needs: CommandNeeds,
    facts: Facts,
    bounds: Bounds,
    now: float,
    ahead: float = 0.0,
) -> Decision:
    """Whether a command may be carried out. *now* is by our clock, which is so many seconds *ahead*
    of GitHub's.

    The order: repository allowed, not limited, rules readable, not late, the author's role, the
    command allowed, and for a start the head known and guarded, the workflow found and allowed.
    """
    try:
        return _decide(comment, needs, facts, bounds, now, ahead)
    except Refused as refused:
        return refused


def _decide(
    comment: Comment,
    needs: CommandNeeds,
    facts: Facts,
    bounds: Bounds,
    now: float,
    ahead: float,
) -> Decision:
    if (refused := decide_before_reading(comment, facts, bounds)) is not None:
        raise refused
    if needs.is_always_answered:
        return Allowed(Permission.NONE)
    if facts.rules is None:
        return first_reads(comment, facts)
    if (broken := decide_rules(facts)) is not None:
        raise broken
    config = facts.config
    required = config.needs(needs.verb, needs.required_permission)
    named = config.named(needs.verb)
    if comment.event is not None:
        required = max(required, Permission.WRITE) if needs.instead is None else needs.instead
        named = Named()
    takes_role = max(required, needs.least_permission, needs.required_permission) > Permission.NONE
    if takes_role and not needs.is_begun:
        check_age(comment.written_at, now - ahead)
    role = acting_role(comment, facts)
    if role is None:
        return Needs(frozenset({Fact.ROLE}))
    may = [verb for verb, p in bounds.permissions.items() if config.needs(verb, p) <= role]
    missing = _decide_access(
        needs.verb, required, named, comment, role, facts, least=needs.least_permission, may=may
    )
    # An automation's own role stands in place of those of the arguments, too.
    further = needs.further if comment.event is None or needs.instead is None else {}
    for argument, by_default in further.items():
        required = config.needs(argument, by_default)
        named = config.named(argument) if comment.event is None else Named()
        shown = f"{needs.verb} {argument}="
        missing = missing or _decide_access(shown, required, named, comment, role, facts)
    if missing is not None:
        return missing
    if needs.quotes is not None:
        check_shown(config, needs.quotes, is_public=comment.is_public)
    if needs.target is None:
        return Allowed(role)
    return _decide_start(comment, needs, needs.target, role, facts, now)


def access_refusal(
    shown: str,
    key: str,
    by_default: Permission,
    comment: Comment,
    role: Permission,
    facts: Facts,
) -> Refused | Needs | None:
    """The refusal of what a key of `permissions` guards, *shown* as it is typed; what has to be
    read before that is known; none for who may use it."""
    required, named = facts.config.needs(key, by_default), facts.config.named(key)
    try:
        return _decide_access(shown, required, named, comment, role, facts)
    except Refused as refused:
        return refused


def role_refusal(
    shown: str, key: str, by_default: Permission, role: Permission, config: Config
) -> Refused | None:
    """The refusal, by the role alone, of what a key of `permissions` guards."""
    try:
        check_permission(shown, config.needs(key, by_default), role, named=config.named(key).words)
    except Refused as refused:
        return refused
    return None


def _decide_access(
    shown: str,
    required: Permission,
    named: Named,
    comment: Comment,
    role: Permission,
    facts: Facts,
    *,
    least: Permission = Permission.NONE,
    may: Sequence[str] = (),
) -> Needs | None:
    """Raises Refused for an author who has neither the *required* role nor is *named*, or not the
    *least* role; what has to be read before that is known, if anything.

    For the refusal: what is guarded is *shown* as it is typed, *may* are the commands that the
    author may use.
    """
    if role < required:
        by_name = is_named(comment, named, facts)
        if isinstance(by_name, Needs):
            return by_name
        required = Permission.NONE if by_name else required
    check_permission(shown, max(required, least), role, may, named.words)
    return None


def _decide_start(
    comment: Comment,
    needs: CommandNeeds,
    target: StartTarget,
    role: Permission,
    facts: Facts,
    now: float,
) -> Decision:
    if not target.workflows and not target.is_inline and target.is_beside_yaml:
        raise Refused(Reason.YAML_NOT_OWN, refusals.yaml_not_own())
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
        check_workflows(facts.config, [INLINE], role)
    elif facts.workflows is None or facts.workflows.sha != head.sha:
        return Needs(frozenset({Fact.WORKFLOWS, Fact.RUNS}))
    workflows: tuple[str, ...] = ()
    if not target.is_inline and facts.workflows is not None:
        names = facts.workflows.names
        if not names:
            raise Refused(Reason.NO_WORKFLOWS, refusals.no_workflows(head.sha))
        found = find_workflows(target, facts.workflows)
        if isinstance(found, Needs):
            return found
        workflows = found
        check_workflows(facts.config, workflows or names, role)
    if (
        facts.runs is None
        or facts.runs.sha != head.sha
        or facts.runs.is_dispatch != target.is_dispatch
    ):
        return Needs(frozenset({Fact.RUNS}))
    return Allowed(role, head, workflows)


def acting_role(comment: Comment, facts: Facts) -> Permission | None:
    """The role that a command acts with; none when it has to be read.

    A command that an event triggers acts with the role of the person who caused the event; a bot
    that the repository names acts as a writer.
    """
    if comment.author.is_bot and (comment.event is None or facts.config.lets(comment.author.login)):
        return Permission.WRITE
    return facts.role


def decide_head(
    comment: Comment, needs: CommandNeeds, pinned: Sha | None, facts: Facts, now: float
) -> Head | Needs | NotYet:
    """The head that this command may run, or what is missing for a decision; raises Refused."""
    if facts.seen is None:
        return Needs(frozenset({Fact.HEAD}))
    head = facts.seen.head
    pinned = pinned or comment.reviewed
    if comment.event is not None and not head.in_fork:
        pinned = comment.event.sha
    check_exists(head)
    suite = facts.head_date if facts.head_date and facts.head_date.sha == head.sha else None
    # The API may be behind its own webhooks: then the database has another head since a moment ago.
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
        # A check suite may date from the commit's time on another branch, so it counts only while
        # no head of the pull request is in the database.
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


def find_workflows(target: StartTarget, known: WorkflowNames) -> tuple[str, ...] | Needs:
    """The workflow files that were meant, none for all of them; or what has to be read to know.
    Raises Refused."""
    if not target.workflows:
        return _workflow_with(target.jobs, known) if target.jobs else ()
    found: list[str] = []
    for typed in target.workflows:
        files = matches(typed, known.names)
        if not files:
            if found and known.jobs is None:
                return Needs(frozenset({Fact.JOBS}))
            raise _unknown_workflow(typed, found, target, known)
        if len(files) > 1:
            raise Refused(Reason.AMBIGUOUS_WORKFLOW, refusals.ambiguous_workflow(typed, files))
        found.append(files[0])
    workflows = tuple(dict.fromkeys(found))
    if target.jobs and len(workflows) > 1:
        raise Refused(Reason.JOB_NEEDS_WORKFLOW, refusals.job_goes_with_one_workflow())
    return workflows


def _unknown_workflow(
    typed: str, before: Sequence[str], target: StartTarget, known: WorkflowNames
) -> Refused:
    """The refusal for a word that names no workflow; it may be a job of the one *before*."""
    if before and known.jobs is not None:
        jobs = known.jobs.get(before[0]) or ()
        meant = [word for word in target.workflows[1:] if word in jobs]
        if typed in meant:
            first = quoted(target.workflows[0])
            named = ",".join([*target.jobs, *meant])
            instead = f"/depot run {first} job={quoted(named)}"
            return Refused(Reason.UNKNOWN_WORKFLOW, refusals.word_is_a_job(instead))
    closest = closest_match(typed, known.names)
    text = refusals.unknown_workflow(typed, known.sha, known.names, closest)
    return Refused(Reason.UNKNOWN_WORKFLOW, text)


def _workflow_with(jobs: Sequence[str], known: WorkflowNames) -> tuple[str, ...] | Needs:
    """The only workflow that has all these jobs."""
    if len(known.names) == 1:
        return known.names
    if known.jobs is None:
        return Needs(frozenset({Fact.JOBS}))
    owners = {
        job: [name for name, keys in known.jobs.items() if keys is not None and job in keys]
        for job in jobs
    }
    everywhere = [key for keys in known.jobs.values() for key in keys or ()]
    for job, found in owners.items():
        if not found:
            closest = closest_match(job, everywhere)
            keys = list(dict.fromkeys(everywhere))
            text = refusals.job_of_none(job, known.sha, keys, closest)
            raise Refused(Reason.UNKNOWN_JOB, text)
    unread = [name for name, keys in known.jobs.items() if keys is None]
    common = [name for name in known.names if all(name in found for found in owners.values())]
    if not common:
        text = refusals.jobs_of_different_workflows()
        raise Refused(Reason.JOB_NEEDS_WORKFLOW, text)
    # A file that cannot be read may have the job as well.
    if len(common) + len(unread) > 1:
        text = refusals.job_of_several(",".join(jobs), [*common, *unread])
        raise Refused(Reason.JOB_NEEDS_WORKFLOW, text)
    return tuple(common)
