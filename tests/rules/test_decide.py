"""The one order in which it is decided whether a command may be carried out."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from bot.core.errors import Refused
from bot.core.events import Actor, CommandLine, Comment, PullRequestEvent, Source
from bot.core.reasons import Reason
from bot.core.types import Head, Permission, RepoName, Sha
from bot.rules.facts import (
    BrokenRules,
    Fact,
    Facts,
    HeadDate,
    KnownHead,
    RunsAtHead,
    SeenHead,
    Usage,
    WorkflowNames,
)
from bot.rules.policy import (
    LAG_SECONDS,
    LATE_SECONDS,
    Allowed,
    Bounds,
    CommandNeeds,
    Decision,
    Needs,
    NotYet,
    StartTarget,
    acting_role,
    decide,
    decide_before_reading,
    decide_head,
)
from bot.rules.repository_config import Config, Role

REPO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
OTHER = Sha("0123456789" * 4)
NOW = 1_795_500_100.0
WRITTEN = NOW - 10

HEAD = Head(SHA, "feature", REPO, REPO)
FORK = Head(SHA, "feature", RepoName("mallory/hello"), REPO)
COMMENT = Comment(
    Source.ISSUE_COMMENT, REPO, 1, 7, Actor("alice"), WRITTEN, "", (CommandLine("run ci.yml"),)
)
BOUNDS = Bounds(["octo/*"], {"run": Permission.WRITE, "status": Permission.NONE})
STATUS = CommandNeeds(
    "status",
    Permission.NONE,
    Permission.NONE,
    is_always_answered=False,
    target=None,
    again="/depot run sha={}".format,
    pin="/depot run sha={}".format,
)
RUN = replace(
    STATUS, verb="run", required_permission=Permission.WRITE, target=StartTarget(("ci.yml",))
)
HELP = replace(STATUS, verb="help", is_always_answered=True)

NOTHING = Facts(
    heads=(KnownHead(SHA, since=WRITTEN - 60, received_at=NOW - 3600),),
    usage=Usage(1, 1, 0, 60, 600, 300),
)
KNOWN = replace(NOTHING, rules=Config(), role=Permission.WRITE)
SEEN = replace(KNOWN, seen=SeenHead(HEAD, is_open=True, read_at=NOW))
ALL = replace(
    SEEN,
    workflows=WorkflowNames(SHA, ("ci.yml", "nightly.yaml")),
    runs=RunsAtHead(SHA, is_dispatch=False, listed=(), tracked=()),
)


def decided(
    facts: Facts, needs: CommandNeeds = RUN, comment: Comment = COMMENT, now: float = NOW
) -> Decision:
    return decide(comment, needs, facts, BOUNDS, now)


def reason(decision: Decision) -> Reason | None:
    return decision.reason if isinstance(decision, Refused) else None


# --- what is refused first, whatever else stands against it --------------------------------------

STRANGE = replace(COMMENT, repo=RepoName("elsewhere/hello"))
MANY = Usage(61, 1, 0, 60, 600, 300)
IN_ORDER: list[tuple[Reason, Comment, float, Facts]] = [
    (
        Reason.REPOSITORY_NOT_ALLOWED,
        STRANGE,
        NOW + LATE_SECONDS,
        replace(ALL, usage=MANY, rules=BrokenRules("x.yml", "why"), role=Permission.NONE),
    ),
    (
        Reason.RATE_LIMITED,
        COMMENT,
        NOW + LATE_SECONDS,
        replace(ALL, usage=MANY, rules=BrokenRules("x.yml", "why"), role=Permission.NONE),
    ),
    (
        Reason.BAD_CONFIG,
        COMMENT,
        NOW + LATE_SECONDS,
        replace(ALL, rules=BrokenRules("x.yml", "why"), role=Permission.NONE),
    ),
    (Reason.TOO_LATE, COMMENT, NOW + LATE_SECONDS, replace(ALL, role=Permission.NONE)),
    (
        Reason.NOT_A_WRITER,
        COMMENT,
        NOW,
        replace(ALL, role=Permission.TRIAGE, seen=SeenHead(FORK, is_open=False, read_at=NOW)),
    ),
    (
        Reason.PULL_REQUEST_CLOSED,
        COMMENT,
        NOW,
        replace(ALL, seen=SeenHead(FORK, is_open=False, read_at=NOW)),
    ),
    (
        Reason.FORK_REFUSED,
        COMMENT,
        NOW,
        replace(
            ALL, seen=SeenHead(FORK, is_open=True, read_at=NOW), workflows=WorkflowNames(SHA, ())
        ),
    ),
    (Reason.NO_WORKFLOWS, COMMENT, NOW, replace(ALL, workflows=WorkflowNames(SHA, ()))),
    (Reason.UNKNOWN_WORKFLOW, COMMENT, NOW, replace(ALL, workflows=WorkflowNames(SHA, ("a.yml",)))),
    (
        Reason.WORKFLOW_NOT_ALLOWED,
        COMMENT,
        NOW,
        replace(ALL, rules=Config(workflows={"ci.yml": "admin"})),
    ),
]


@pytest.mark.parametrize(("expected", "comment", "now", "facts"), IN_ORDER)
def test_what_is_refused_first(
    expected: Reason, comment: Comment, now: float, facts: Facts
) -> None:
    assert reason(decided(facts, comment=comment, now=now)) is expected


def test_what_nothing_stands_against() -> None:
    assert decided(ALL) == Allowed(Permission.WRITE, HEAD, ("ci.yml",))
    assert decided(KNOWN, STATUS) == Allowed(Permission.WRITE)
    assert decided(NOTHING, HELP) == Allowed(Permission.NONE)
    assert reason(decided(replace(NOTHING, usage=MANY), HELP)) is Reason.RATE_LIMITED


# --- what is read, and when ----------------------------------------------------------------------

UNHEARD = replace(SEEN, heads=())
READ: list[tuple[Facts, CommandNeeds, set[Fact]]] = [
    (NOTHING, STATUS, {Fact.RULES, Fact.ROLE}),
    (NOTHING, RUN, {Fact.RULES, Fact.ROLE}),
    (replace(NOTHING, rules=Config()), RUN, {Fact.ROLE}),
    (KNOWN, RUN, {Fact.HEAD, Fact.WORKFLOWS, Fact.RUNS}),
    (KNOWN, replace(RUN, target=StartTarget(is_inline=True)), {Fact.HEAD, Fact.RUNS}),
    (SEEN, RUN, {Fact.WORKFLOWS, Fact.RUNS}),
    # what was read of another commit counts for nothing
    (replace(ALL, workflows=WorkflowNames(OTHER, ("ci.yml",))), RUN, {Fact.WORKFLOWS, Fact.RUNS}),
    (replace(ALL, runs=RunsAtHead(OTHER, False, (), ())), RUN, {Fact.RUNS}),
    (replace(ALL, runs=RunsAtHead(SHA, True, (), ())), RUN, {Fact.RUNS}),
    (UNHEARD, RUN, {Fact.HEAD_DATE}),
    (replace(UNHEARD, head_date=HeadDate(OTHER, 0.0)), RUN, {Fact.HEAD_DATE}),
    (
        replace(SEEN, role=None, seen=SeenHead(FORK, is_open=True, read_at=NOW)),
        replace(RUN, required_permission=Permission.NONE),
        {Fact.ROLE},
    ),
]


@pytest.mark.parametrize(("facts", "needs", "wanted"), READ)
def test_what_has_to_be_read(facts: Facts, needs: CommandNeeds, wanted: set[Fact]) -> None:
    assert decided(facts, needs) == Needs(frozenset(wanted))


def test_nothing_is_read_for_somebody_who_may_not() -> None:
    assert reason(decided(replace(KNOWN, role=Permission.READ))) is Reason.NOT_A_WRITER
    assert reason(decided(replace(NOTHING, usage=MANY))) is Reason.RATE_LIMITED


def test_a_fork_of_a_bots_comment_is_judged_by_its_own_role() -> None:
    bot = replace(COMMENT, author=Actor("renovate[bot]", is_bot=True))
    facts = replace(SEEN, role=None, seen=SeenHead(FORK, is_open=True, read_at=NOW))
    assert decided(facts, comment=bot) == Needs(frozenset({Fact.ROLE}))


# --- heads ---------------------------------------------------------------------------------------

LAGGING = (KnownHead(OTHER, since=NOW - 5, received_at=NOW - 4),)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (replace(SEEN, heads=LAGGING), Needs(frozenset({Fact.HEAD_DATE}))),
        (replace(ALL, heads=LAGGING, head_date=HeadDate(SHA, None)), NotYet()),
        (replace(ALL, heads=LAGGING, head_date=HeadDate(SHA, NOW - 3600)), NotYet()),
        # known to the ledger, and older than the one it heard of a moment ago
        (replace(ALL, heads=(*LAGGING, *NOTHING.heads)), NotYet()),
    ],
)
def test_an_api_that_is_behind_its_webhooks(facts: Facts, expected: Decision) -> None:
    assert decided(facts) == expected


def test_a_head_heard_of_long_ago_is_no_lag() -> None:
    old = (KnownHead(OTHER, since=NOW - 500, received_at=NOW - LAG_SECONDS - 1),)
    assert reason(decided(replace(ALL, heads=old))) is Reason.HEAD_UNDATED


def test_a_check_suite_dates_a_head_that_nobody_heard_of() -> None:
    facts = replace(ALL, heads=(), head_date=HeadDate(SHA, WRITTEN - 1))
    assert decided(facts) == Allowed(Permission.WRITE, HEAD, ("ci.yml",))
    newer = replace(facts, head_date=HeadDate(SHA, WRITTEN))
    assert reason(decided(newer)) is Reason.HEAD_NEWER


EVENT = replace(
    COMMENT,
    source=Source.EVENT,
    event=PullRequestEvent("labeled", "guid", SHA, "main", "full-ci"),
)


def test_what_an_event_sets_off_runs_the_commit_of_the_event() -> None:
    assert decided(replace(ALL, role=None), comment=EVENT) == Needs(frozenset({Fact.ROLE}))
    assert decided(ALL, comment=EVENT) == Allowed(Permission.WRITE, HEAD, ("ci.yml",))
    reader = replace(ALL, role=Permission.READ)
    assert reason(decided(reader, comment=EVENT)) is Reason.NOT_A_WRITER
    # `for:` stands in place of the command's own need, and `workflows:` binds as ever.
    for_readers = replace(RUN, instead=Permission.READ)
    assert decided(reader, for_readers, EVENT) == Allowed(Permission.READ, HEAD, ("ci.yml",))
    guarded = replace(reader, rules=Config(workflows={"ci": "write"}))
    assert reason(decided(guarded, for_readers, EVENT)) is Reason.WORKFLOW_NOT_ALLOWED
    moved = SeenHead(replace(HEAD, sha=OTHER), is_open=True, read_at=NOW)
    assert reason(decided(replace(ALL, seen=moved), comment=EVENT)) is Reason.STALE_SHA


@pytest.mark.parametrize(
    ("comment", "role", "expected"),
    [
        (COMMENT, None, None),
        (COMMENT, Permission.TRIAGE, Permission.TRIAGE),
        (EVENT, None, None),
        (EVENT, Permission.READ, Permission.READ),
        (replace(EVENT, author=Actor("x[bot]", is_bot=True)), None, None),
        (replace(COMMENT, author=Actor("x[bot]", is_bot=True)), None, Permission.WRITE),
    ],
)
def test_the_role_that_a_command_acts_with(
    comment: Comment, role: Permission | None, expected: Permission | None
) -> None:
    assert acting_role(comment, replace(NOTHING, role=role)) is expected


# --- who may, by role and by name -----------------------------------------------------------------

Guard = Role | list[str] | None

GUARDS: tuple[Guard, ...] = (
    *(None, "anyone", "triage", "admin", "nobody"),
    *(["@alice"], ["@Bob"], ["author"], ["@octo/core"], ["maintain", "@octo/core"]),
)
"""What a config may say of a key of `permissions`; none for a config that does not have it."""


def lets(guard: Guard, default: Permission, role: Permission, names: str) -> bool:
    """Whether a key lets somebody: by the role, or by one of the *names* that fit them."""
    if guard is None:
        return role >= default
    listed = [guard] if isinstance(guard, str) else guard
    needed = [Permission.NONE if one == "anyone" else Permission.from_role(one) for one in listed]
    return any(
        one in names.split() or (one in {"anyone", "triage", "maintain", "admin"} and role >= need)
        for one, need in zip(listed, needed, strict=True)
    )


def may_run(
    command: Guard,
    argument: Guard,
    role: Permission,
    least: Permission,
    names: str,
    automation: Permission | None,
) -> bool:
    """Whether `run` with an argument that is guarded, too, is allowed; *automation* is the role
    that an automation asks for."""
    if automation is not None:
        return role >= max(automation, least)
    return (
        role >= least
        and lets(command, Permission.WRITE, role, names)
        and lets(argument, Permission.MAINTAIN, role, names)
    )


@pytest.mark.parametrize("argument", GUARDS, ids=str)
@pytest.mark.parametrize("command", GUARDS, ids=str)
def test_roles_and_names(command: Guard, argument: Guard) -> None:
    guards = {"run": command, "times": argument}
    rules = Config(permissions={key: said for key, said in guards.items() if said is not None})
    needs = replace(RUN, target=None, further={"times": Permission.MAINTAIN})
    for role, least, is_author, is_member in product(
        [role for role in Permission if role is not Permission.NOBODY],
        [Permission.NONE, Permission.WRITE],
        [False, True],
        [False, True],
    ):
        facts = replace(
            ALL,
            rules=rules,
            role=role,
            seen=SeenHead(HEAD, is_open=True, read_at=NOW, author="alice" if is_author else "bob"),
            teams=frozenset({"octo/core"} if is_member else ()),
        )
        names = "@alice" + " author" * is_author + " @octo/core" * is_member
        line = replace(needs, least_permission=least)
        for comment, asked, fitting in [
            (COMMENT, None, names),
            # Whoever caused an event did not type anything: the config's names are not for it.
            (EVENT, None, ""),
            (EVENT, Permission.READ, ""),
        ]:
            decision = decided(facts, replace(line, instead=asked), comment)
            at_least = max(least, Permission.WRITE) if comment is EVENT and asked is None else least
            expected = may_run(command, argument, role, at_least, fitting, asked)
            assert (decision == Allowed(role)) is expected, (role, least, names, asked, decision)
            assert isinstance(decision, Allowed | Refused)


@pytest.mark.parametrize(
    ("guard", "unknown", "wanted"),
    [
        (["author"], {"seen": None}, Fact.HEAD),
        (["@octo/core"], {"teams": None}, Fact.TEAMS),
        (["author", "@octo/core"], {"seen": None, "teams": None}, Fact.HEAD),
    ],
)
@pytest.mark.parametrize("key", ["run", "times"])
def test_names_are_looked_up_where_the_role_does_not_do(
    key: str, guard: list[str], unknown: dict[str, None], wanted: Fact
) -> None:
    rules = Config(permissions={"run": "triage", "times": "triage", key: guard})
    needs = replace(RUN, target=None, further={"times": Permission.MAINTAIN})
    facts = replace(ALL, rules=rules, role=Permission.TRIAGE, **unknown)  # type: ignore[arg-type]
    assert decided(facts, needs) == Needs(frozenset({wanted}))
    by_role = replace(facts, rules=Config(permissions={"run": "triage", "times": "triage"}))
    assert decided(by_role, needs) == Allowed(Permission.TRIAGE)


# --- starts --------------------------------------------------------------------------------------


BOTH = ("ci.yml", "nightly.yaml")
WITH_JOBS = replace(
    ALL,
    workflows=WorkflowNames(
        SHA, BOTH, {"ci.yml": ("build", "lint", "test"), "nightly.yaml": ("lint", "soak")}
    ),
)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (StartTarget(), Allowed(Permission.WRITE, HEAD)),
        (StartTarget(("ci",)), Allowed(Permission.WRITE, HEAD, ("ci.yml",))),
        (StartTarget(("nightly",), ("soak",)), Allowed(Permission.WRITE, HEAD, ("nightly.yaml",))),
        (StartTarget(is_inline=True), Allowed(Permission.WRITE, HEAD)),
        (StartTarget(("ci",), sha=SHA), Allowed(Permission.WRITE, HEAD, ("ci.yml",))),
        (StartTarget(("ci",), sha=OTHER), Reason.STALE_SHA),
        (StartTarget(("ci", "nightly")), Allowed(Permission.WRITE, HEAD, BOTH)),
        (StartTarget(("ci", "ci.yml")), Allowed(Permission.WRITE, HEAD, ("ci.yml",))),
        (StartTarget(("ci", "nightly"), ("test",)), Reason.JOB_NEEDS_WORKFLOW),
        (StartTarget(("ci", "what")), Reason.UNKNOWN_WORKFLOW),
        (StartTarget(is_beside_yaml=True), Reason.YAML_NOT_OWN),
        (StartTarget(jobs=("test",), is_beside_yaml=True), Reason.YAML_NOT_OWN),
        (StartTarget(("ci",), is_beside_yaml=True), Allowed(Permission.WRITE, HEAD, ("ci.yml",))),
        (StartTarget(is_inline=True, is_beside_yaml=True), Allowed(Permission.WRITE, HEAD)),
        # a job alone names the only workflow that has it
        (StartTarget(jobs=("soak",)), Allowed(Permission.WRITE, HEAD, ("nightly.yaml",))),
        (StartTarget(jobs=("build", "test")), Allowed(Permission.WRITE, HEAD, ("ci.yml",))),
        (StartTarget(jobs=("lint",)), Reason.JOB_NEEDS_WORKFLOW),
        (StartTarget(jobs=("build", "soak")), Reason.JOB_NEEDS_WORKFLOW),
        (StartTarget(jobs=("tset",)), Reason.UNKNOWN_JOB),
        (StartTarget(("cl.yml",)), Reason.UNKNOWN_WORKFLOW),
    ],
)
def test_which_workflow_is_meant(target: StartTarget, expected: Allowed | Reason) -> None:
    decision = decided(WITH_JOBS, replace(RUN, target=target))
    assert (reason(decision) or decision) == expected


@pytest.mark.parametrize("target", [StartTarget(jobs=("test",)), StartTarget(("ci", "test"))])
def test_jobs_are_read_where_a_word_may_be_one(target: StartTarget) -> None:
    assert decided(ALL, replace(RUN, target=target)) == Needs(frozenset({Fact.JOBS}))


@pytest.mark.parametrize(
    ("target", "says"),
    [
        (StartTarget(("ci.yml", "test")), "`/depot run ci.yml job=test`"),
        (StartTarget(("ci", "test", "build")), "`/depot run ci job=test,build`"),
        (StartTarget(jobs=("lint",)), "`/depot run nightly.yaml job=lint`"),
        (StartTarget(jobs=("tset",)), "Did you mean `test`?"),
    ],
)
def test_the_refusal_says_what_to_type(target: StartTarget, says: str) -> None:
    refused = decided(WITH_JOBS, replace(RUN, target=target))
    assert isinstance(refused, Refused)
    assert says in refused.text


def test_a_workflow_that_cannot_be_read_may_have_the_job_too() -> None:
    known = WorkflowNames(SHA, BOTH, {"ci.yml": ("test",), "nightly.yaml": None})
    facts = replace(ALL, workflows=known)
    assert reason(decided(facts, replace(RUN, target=StartTarget(jobs=("test",))))) is (
        Reason.JOB_NEEDS_WORKFLOW
    )


def test_yaml_from_a_comment_has_a_rule_of_its_own() -> None:
    inline = replace(RUN, target=StartTarget(is_inline=True))
    forbidden = replace(ALL, rules=Config(workflows={"*": "nobody"}))
    assert reason(decided(forbidden, inline)) is Reason.WORKFLOW_NOT_ALLOWED
    allowed = replace(ALL, rules=Config(workflows={"(inline)": "write"}))
    assert isinstance(decided(allowed, inline), Allowed)


def test_what_never_runs_on_a_fork() -> None:
    pinned = replace(
        ALL, rules=Config(forks="pinned"), seen=SeenHead(FORK, is_open=True, read_at=NOW)
    )
    inline = replace(RUN, target=StartTarget(sha=SHA, is_inline=True))
    assert reason(decided(pinned, inline)) is Reason.FORK_INLINE
    dispatch = replace(RUN, target=StartTarget(("ci",), is_dispatch=True))
    assert reason(decided(pinned, dispatch)) is Reason.FORK_DISPATCH


def test_a_head_that_is_asked_about_alone_has_to_be_read() -> None:
    assert decide_head(COMMENT, RUN, None, KNOWN, NOW) == Needs(frozenset({Fact.HEAD}))


def test_a_lagging_api_that_is_not_behind_after_all() -> None:
    """The head is newer than the one that was heard of a moment ago."""
    facts = replace(ALL, heads=LAGGING, head_date=HeadDate(SHA, NOW - 1))
    assert reason(decided(facts)) is Reason.HEAD_UNDATED


def test_two_files_that_may_be_meant() -> None:
    both = replace(ALL, workflows=WorkflowNames(SHA, ("ci.yaml", "ci.yml")))
    decision = decided(both, replace(RUN, target=StartTarget(("ci",))))
    assert reason(decision) is Reason.AMBIGUOUS_WORKFLOW


def test_the_only_workflow_is_meant_with_a_job_alone() -> None:
    one = replace(ALL, workflows=WorkflowNames(SHA, ("ci.yml",)))
    decision = decided(one, replace(RUN, target=StartTarget(jobs=("test",))))
    assert decision == Allowed(Permission.WRITE, HEAD, ("ci.yml",))


# --- before anything is read ---------------------------------------------------------------------


def test_what_is_decided_before_anything_is_read() -> None:
    assert decide_before_reading(COMMENT, NOTHING, BOUNDS) is None
    strange = decide_before_reading(STRANGE, NOTHING, BOUNDS)
    assert strange is not None
    assert strange.reason is Reason.REPOSITORY_NOT_ALLOWED
    many = decide_before_reading(COMMENT, replace(NOTHING, usage=MANY), BOUNDS)
    assert many is not None
    assert many.reason is Reason.RATE_LIMITED


def test_what_a_step_adds_to_the_usage() -> None:
    later = NOTHING.after_a_limit().after_a_change(starts=2)
    assert (later.usage.is_notified, later.usage.runs) == (True, 2)
