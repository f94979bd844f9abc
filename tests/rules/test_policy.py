"""Who may do what, on which code: truth tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import pytest

from bot.core.errors import Refused
from bot.core.types import Detail, Head, Permission, RepoName, Sha
from bot.messages import refusals
from bot.rules import policy
from bot.rules.facts import Usage
from bot.rules.policy import (
    LATE_SECONDS,
    HeadFacts,
    check_again,
    check_age,
    check_dispatch,
    check_exists,
    check_head,
    check_inline,
    check_limits,
    check_not_moved,
    check_permission,
    check_repository,
    check_runs,
    check_shown,
    check_workflows,
)
from bot.rules.repository_config import Config

BASE = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
OTHER = Sha("0123456789" * 4)
ZERO = Sha("0" * 40)
ASKED = 1_795_500_060.0
AGAIN = "/depot can-be-typed"
PIN = "/depot run ci.yml sha=1"

HERE = Head(SHA, "feature", BASE, BASE)
FORK = Head(SHA, "feature", RepoName("mallory/hello"), BASE)
GONE = Head(SHA, "feature", None, BASE)


def refusal(check: Callable[[], None]) -> Refused | None:
    try:
        check()
    except Refused as no:
        return no
    return None


def reason(check: Callable[[], None]) -> str:
    """The reason of the refusal, empty for none."""
    no = refusal(check)
    return no.reason if no else ""


# --- the head ------------------------------------------------------------------------------------

FACTS = HeadFacts(
    head=HERE,
    is_open=True,
    pinned=None,
    since=ASKED - 1,
    asked_at=ASKED,
    may_write=False,
    forks="refuse",
)
"""A branch of the repository that was there a second before the comment."""

HEADS: list[tuple[HeadFacts, str]] = [
    # a branch of ours
    (FACTS, ""),
    (replace(FACTS, since=0.0), ""),
    (replace(FACTS, since=ASKED), "head-newer"),  # the same whole second
    (replace(FACTS, since=ASKED + 1), "head-newer"),
    (replace(FACTS, since=None), "head-undated"),
    # pinned: since when it is the head is no question
    (replace(FACTS, pinned=SHA), ""),
    (replace(FACTS, pinned=SHA, since=ASKED + 1), ""),
    (replace(FACTS, pinned=SHA, since=None), ""),
    (replace(FACTS, pinned=OTHER), "stale-sha"),
    (replace(FACTS, pinned=ZERO), "stale-sha"),
    # neither role nor rule for forks matters there
    (replace(FACTS, may_write=True, forks="pinned"), ""),
    (replace(FACTS, since=ASKED, may_write=True, forks="pinned"), "head-newer"),
    # closed, unknown
    (replace(FACTS, is_open=False), "pull-request-closed"),
    (replace(FACTS, is_open=False, pinned=SHA), "pull-request-closed"),
    (replace(FACTS, head=replace(HERE, sha=ZERO)), "head-unknown"),
    (replace(FACTS, head=replace(HERE, sha=ZERO), pinned=ZERO), "head-unknown"),
    (replace(FACTS, head=replace(FORK, sha=ZERO), pinned=SHA), "head-unknown"),
    # a fork
    (replace(FACTS, head=FORK), "fork-refused"),
    (replace(FACTS, head=FORK, pinned=SHA, may_write=True), "fork-refused"),
    (replace(FACTS, head=FORK, may_write=True, forks="pinned"), "fork-needs-sha"),
    (replace(FACTS, head=FORK, pinned=SHA, forks="pinned"), "fork-needs-writer"),
    (replace(FACTS, head=FORK, pinned=SHA, may_write=True, forks="pinned"), ""),
    (
        replace(FACTS, head=FORK, pinned=SHA, may_write=True, forks="pinned", since=ASKED + 1),
        "",
    ),
    (replace(FACTS, head=FORK, pinned=OTHER, may_write=True, forks="pinned"), "stale-sha"),
    (
        replace(FACTS, head=FORK, pinned=SHA, may_write=True, forks="pinned", is_open=False),
        "pull-request-closed",
    ),
    # a rule that nobody knows is not the one that allows
    (replace(FACTS, head=FORK, pinned=SHA, may_write=True, forks="anything"), "fork-refused"),
    (replace(FACTS, head=FORK, pinned=SHA, may_write=True, forks=""), "fork-refused"),
    # the fork was deleted
    (replace(FACTS, head=GONE), "fork-refused"),
    (replace(FACTS, head=GONE, may_write=True, forks="pinned"), "fork-needs-sha"),
    (replace(FACTS, head=GONE, pinned=SHA, may_write=True, forks="pinned"), ""),
]


@pytest.mark.parametrize(("facts", "expected"), HEADS)
def test_whether_a_head_may_run(facts: HeadFacts, expected: str) -> None:
    assert reason(lambda: check_head(facts, AGAIN, PIN)) == expected


def all_facts() -> Iterable[HeadFacts]:
    for head, zero, is_open, pinned, since, may_write, forks in product(
        (HERE, FORK, GONE),
        (False, True),
        (True, False),
        (None, SHA, OTHER, ZERO),
        (None, ASKED - 1, ASKED, ASKED + 1),
        (True, False),
        ("refuse", "pinned"),
    ):
        yield HeadFacts(
            head=replace(head, sha=ZERO) if zero else head,
            is_open=is_open,
            pinned=pinned,
            since=since,
            asked_at=ASKED,
            may_write=may_write,
            forks=forks,
        )


def test_every_combination_of_facts() -> None:
    """What may run, said once more the other way round: all that has to be so."""
    allowed = 0
    for facts in all_facts():
        is_known = facts.is_open and facts.head.sha != ZERO
        is_named = facts.pinned == facts.head.sha
        was_there = facts.pinned is None and facts.since is not None and facts.since < ASKED
        if facts.head.repo == BASE:
            may_run = is_known and (is_named or was_there)
        else:
            may_run = is_known and is_named and facts.may_write and facts.forks == "pinned"
        assert (reason(lambda facts=facts: check_head(facts, AGAIN, PIN)) == "") == may_run, facts  # type: ignore[misc]
        allowed += may_run
    # Ours: each date and role and rule with the pin, and one date without. Forks: each date.
    assert allowed == (4 + 1) * 2 * 2 + 2 * 4


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (replace(FACTS, since=ASKED), refusals.head_newer(SHA, AGAIN)),
        (replace(FACTS, since=None), refusals.head_undated(SHA, PIN)),
        (replace(FACTS, pinned=OTHER), refusals.pin_is_stale(OTHER, SHA, AGAIN)),
        (replace(FACTS, head=FORK, forks="pinned"), refusals.fork_needs_sha(AGAIN)),
        (replace(FACTS, head=FORK), refusals.fork_refused()),
        (replace(FACTS, head=FORK, pinned=SHA, forks="pinned"), refusals.fork_needs_writer()),
        (replace(FACTS, is_open=False), refusals.pull_request_closed()),
    ],
)
def test_what_a_refused_head_is_told(facts: HeadFacts, said: str) -> None:
    no = refusal(lambda: check_head(facts, AGAIN, PIN))
    assert no is not None
    assert no.text == said


@pytest.mark.parametrize(
    ("repo", "in_fork"),
    [
        ("octo/hello", False),
        ("Octo/Hello", False),
        ("octo/hello2", True),
        ("octo2/hello", True),
        ("octo/hell", True),
        ("", True),
        (None, True),
    ],
)
def test_what_a_fork_is(repo: str | None, in_fork: bool) -> None:
    head = Head(SHA, "main", RepoName(repo) if repo is not None else None, BASE)
    assert head.in_fork is in_fork


@pytest.mark.parametrize(
    ("sha", "expected"), [(SHA, ""), (ZERO, "head-unknown"), (Sha("0" * 39 + "1"), "")]
)
def test_a_commit_of_zeros_is_none(sha: Sha, expected: str) -> None:
    assert reason(lambda: check_exists(replace(HERE, sha=sha))) == expected


def test_the_last_look_at_a_closed_pull_request() -> None:
    no = refusal(lambda: check_not_moved(SHA, HERE, False, AGAIN))
    assert no is not None
    assert (no.reason, no.text) == ("pull-request-closed", refusals.pull_request_closed())


@pytest.mark.parametrize(("expected", "refused"), [(SHA, ""), (OTHER, "head-moved")])
def test_the_last_look(expected: Sha, refused: str) -> None:
    no = refusal(lambda: check_not_moved(expected, HERE, True, AGAIN))
    assert (no.reason if no else "") == refused
    assert no is None or no.text == refusals.head_moved(OTHER, SHA, AGAIN)


@pytest.mark.parametrize(("head", "is_refused"), [(HERE, False), (FORK, True), (GONE, True)])
def test_what_never_runs_on_a_fork(head: Head, is_refused: bool) -> None:
    assert reason(lambda: check_inline(head)) == ("fork-inline" if is_refused else "")
    assert reason(lambda: check_dispatch(head)) == ("fork-dispatch" if is_refused else "")


@pytest.mark.parametrize(
    ("in_fork", "config", "expected"),
    [
        (False, Config(), ""),
        (False, Config(forks="pinned"), ""),
        (True, Config(), "fork-refused"),
        (True, Config(forks="pinned"), ""),
    ],
)
def test_what_may_go_again(in_fork: bool, config: Config, expected: str) -> None:
    assert reason(lambda: check_again(in_fork, config)) == expected


# --- roles ---------------------------------------------------------------------------------------

ROLES = [
    Permission.NONE,
    Permission.READ,
    Permission.TRIAGE,
    Permission.WRITE,
    Permission.MAINTAIN,
    Permission.ADMIN,
]
REASONS = {
    Permission.READ: "not-read",
    Permission.TRIAGE: "not-triage",
    Permission.WRITE: "not-a-writer",
    Permission.MAINTAIN: "not-maintain",
    Permission.ADMIN: "not-admin",
}


@pytest.mark.parametrize("has", ROLES)
@pytest.mark.parametrize("needs", ROLES)
def test_each_role_against_each_need(needs: Permission, has: Permission) -> None:
    no = refusal(lambda: check_permission("run", needs, has, ["list"]))
    if ROLES.index(has) >= ROLES.index(needs):
        assert no is None
    else:
        assert no is not None
        assert no.reason == REASONS[needs]
        assert no.text == refusals.not_permitted("run", needs, has, ["list"])
        assert "You may use `list`." in no.text


@pytest.mark.parametrize("has", [*ROLES, Permission.NOBODY])
def test_nobody_is_reached_by_no_role(has: Permission) -> None:
    no = refusal(lambda: check_permission("run", Permission.NOBODY, has))
    assert no is not None
    assert no.reason == "command-not-allowed"
    config = Config(workflows={"*": "nobody"})
    assert reason(lambda: check_workflows(config, ["ci.yml"], has)) == "workflow-not-allowed"


NAMES: list[tuple[str, Permission]] = [
    ("read", Permission.READ),
    ("triage", Permission.TRIAGE),
    ("write", Permission.WRITE),
    ("maintain", Permission.MAINTAIN),
    ("admin", Permission.ADMIN),
    ("Admin", Permission.ADMIN),
    # custom roles may have any other name
    ("nobody", Permission.NONE),
    ("NOBODY", Permission.NONE),
    ("none", Permission.NONE),
    ("anyone", Permission.NONE),
    ("admin ", Permission.NONE),
    (" admin", Permission.NONE),
    ("admin\n", Permission.NONE),
    ("administrator", Permission.NONE),
    ("security-lead", Permission.NONE),
    ("wrıte", Permission.NONE),
    ("6", Permission.NONE),
    ("", Permission.NONE),
]


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_githubs_names_for_roles(name: str, expected: Permission) -> None:
    assert Permission.from_role(name) is expected


@pytest.mark.parametrize("name", ["", "write-with-bypass", "admin ", "nobody"])
@pytest.mark.parametrize(
    ("coarse", "expected"),
    [
        ("read", Permission.READ),
        ("write", Permission.WRITE),
        ("admin", Permission.ADMIN),
        ("none", Permission.NONE),
        ("", Permission.NONE),
        ("maintain", Permission.NONE),  # no coarse permission of GitHub's
        ("Admin", Permission.NONE),
        ("nobody", Permission.NONE),
    ],
)
def test_a_custom_role_is_what_it_builds_on(name: str, coarse: str, expected: Permission) -> None:
    assert Permission.from_role(name, coarse) is expected


@pytest.mark.parametrize("coarse", ["admin", "none"])
def test_a_known_role_is_itself(coarse: str) -> None:
    assert Permission.from_role("triage", coarse) is Permission.TRIAGE


def test_no_role_of_github_is_one_that_nobody_reaches() -> None:
    assert all(Permission.from_role(role.word) < Permission.NOBODY for role in Permission)


# --- workflows -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rules:
    """The `workflows` of a config, and what may run under them."""

    workflows: dict[str, str]
    names: Sequence[str]
    has: Permission
    expected: str


WORKFLOWS = [
    # without rules, the role for the command is all that counts
    Rules({}, ["ci.yml"], Permission.NONE, ""),
    Rules({}, [], Permission.NONE, ""),
    Rules({"*": "anyone"}, ["ci.yml"], Permission.NONE, ""),
    Rules({"ci.yml": "write"}, ["ci.yml"], Permission.WRITE, ""),
    Rules({"ci.yml": "write"}, ["ci.yml"], Permission.TRIAGE, "`write`"),
    Rules({"ci.*": "admin"}, ["ci.yml"], Permission.MAINTAIN, "`admin`"),
    # with rules, what fits none is not run
    Rules({"ci.yml": "read"}, ["ci.yaml"], Permission.ADMIN, "does not let"),
    Rules({"ci.yml": "read"}, ["CI.yml"], Permission.READ, ""),
    Rules({"ci": "read"}, ["ci.yml"], Permission.READ, ""),
    # the first that fits counts
    Rules({"ci.yml": "read", "*": "nobody"}, ["ci.yml"], Permission.READ, ""),
    Rules({"*": "nobody", "ci.yml": "read"}, ["ci.yml"], Permission.ADMIN, "does not let"),
    # all have to be allowed, in whatever order
    Rules({"a.yml": "read", "*": "admin"}, ["a.yml", "b.yml"], Permission.WRITE, "`b.yml`"),
    Rules({"b.yml": "read", "*": "admin"}, ["a.yml", "b.yml"], Permission.WRITE, "`a.yml`"),
    Rules({"[ab].yml": "read"}, ["a.yml", "b.yml"], Permission.READ, ""),
]


@pytest.mark.parametrize("rules", WORKFLOWS)
def test_which_workflows_may_run(rules: Rules) -> None:
    config = Config(workflows=rules.workflows)  # type: ignore[arg-type]
    no = refusal(lambda: check_workflows(config, rules.names, rules.has))
    if rules.expected:
        assert no is not None
        assert no.reason == "workflow-not-allowed"
        assert rules.expected in no.text
    else:
        assert no is None


# --- bounds --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("by_person", "in_repository", "said"),
    [
        (0, 0, None),
        (1, 1, None),
        (3, 10, None),
        (4, 10, refusals.rate_limited("you", 3)),
        (3, 11, refusals.rate_limited("this repository", 10)),
        (4, 11, refusals.rate_limited("you", 3)),
        (6, 10, refusals.rate_limited("you", 3)),
        (3, 20, refusals.rate_limited("this repository", 10)),
    ],
)
def test_how_much_is_too_much(by_person: int, in_repository: int, said: str | None) -> None:
    usage = Usage(by_person, in_repository, 0, 3, 10, 5)
    no = refusal(lambda: check_limits(usage))
    assert (no.text if no else None) == said
    assert no is None or no.reason == "rate-limited"
    # Once an hour it is said.
    again = refusal(lambda: check_limits(replace(usage, is_notified=True)))
    assert (again.text if again else None) == (None if said is None else "")


@pytest.mark.parametrize(("had", "more", "fits"), [(0, 5, True), (4, 1, True), (4, 2, False)])
def test_how_many_runs_are_too_many(had: int, more: int, fits: bool) -> None:
    no = refusal(lambda: check_runs(Usage(1, 1, had, 3, 10, 5), more))
    assert (no is None) is fits
    assert no is None or no.text == refusals.too_many_runs(had, 5)


@pytest.mark.parametrize(
    ("late", "expected"),
    [
        (-3600.0, ""),  # clocks differ
        (0.0, ""),
        (LATE_SECONDS, ""),
        (LATE_SECONDS + 0.5, "too-late"),
        (3 * 24 * 3600.0, "too-late"),
    ],
)
def test_how_late_is_too_late(late: float, expected: str) -> None:
    no = refusal(lambda: check_age(ASKED, ASKED + late))
    assert (no.reason if no else "") == expected
    assert no is None or no.text == refusals.too_late(int(late // 60))


@pytest.mark.parametrize(
    ("repo", "allowed", "is_allowed"),
    [
        ("octo/hello", ["*"], True),
        ("octo/hello", ["octo/*"], True),
        ("octo/hello", ["Octo/HELLO"], True),
        ("OCTO/hello", ["octo/hello"], True),
        ("octo/hello", ["other/*", "octo/hel*"], True),
        ("octo/hello", [], False),
        ("octo/hello", [""], False),
        ("octo/hello", ["octo"], False),
        ("octo/hello", ["octo/"], False),
        ("octo/hello-evil", ["octo/hello"], False),
        ("octo-evil/hello", ["octo/*"], False),
        ("evil/octo", ["octo/*"], False),
    ],
)
def test_which_repositories(repo: str, allowed: list[str], is_allowed: bool) -> None:
    refused = reason(lambda: check_repository(RepoName(repo), allowed))
    assert refused == ("" if is_allowed else "repository-not-allowed")


@pytest.mark.parametrize(
    ("show", "is_public", "detail", "is_shown"),
    [
        ([], True, "logs", False),
        ([], True, "diagnosis", False),
        (["diagnosis"], True, "logs", False),
        (["diagnosis"], True, "diagnosis", True),
        (["logs"], True, "logs", True),
        ([], False, "logs", True),
        ([], False, "diagnosis", True),
    ],
)
def test_what_is_quoted(
    show: list[Literal["logs", "diagnosis"]], is_public: bool, detail: str, is_shown: bool
) -> None:
    config = Config(show=show)
    no = refusal(lambda: check_shown(config, Detail(detail), is_public=is_public))
    assert (no is None) is is_shown
    if no is not None:
        assert no.reason == "not-shown"
        assert f"`show: [{detail}]`" in no.text


def test_every_rule_is_tested_here() -> None:
    rules = {name for name in vars(policy) if name.startswith("check_")}
    assert rules <= set(globals())
