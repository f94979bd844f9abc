"""`permissions` take a list, of which any will do: roles, the author, persons, teams."""

from __future__ import annotations

import pytest
from inline_snapshot import snapshot

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.demo.simulators.github.access import PERMISSIONS
from bot.messages import answers
from tests.engine.test_forks import forked
from tests.support.commands import reason, stands
from tests.support.conversation import Conversation
from tests.support.pull_requests import hears_all, rules

pytestmark = pytest.mark.anyio

QA = "octo/qa"


async def lets_ask_for_teams(pr: Conversation) -> None:
    """The App may see who is in a team, once its token is a new one."""
    pr.github.change_app(permissions={**PERMISSIONS, "members": "read"})
    pr.github.accept("octo")
    await pr.passes(3600)


async def may(pr: Conversation, login: str, command: str = "run ci.yml job=test") -> bool:
    """Whether the bot lets somebody do it; all that it says is read."""
    before = len(pr.depot.runs)
    await pr.says(login, f"/depot {command}")
    await pr.passes(60)
    hears_all(pr)
    return len(pr.depot.runs) > before


@pytest.mark.parametrize(
    ("who", "lets"),
    [
        ("[admin, '@rita']", {"ada", "rita"}),
        ("[admin, '@RITA']", {"ada", "rita"}),
        ("['@rita']", {"rita"}),
        ("[nobody, '@rita']", {"rita"}),
        ("[write]", {"ada", "alice"}),
        ("[maintain, triage]", {"ada", "alice", "trudy"}),
        ("[admin, author]", {"ada", "alice"}),
        ("[admin, '@octo/qa']", {"ada", "trudy"}),
        ("['@octo/QA', author]", {"alice", "trudy"}),
        ("['@octo/nothing']", set()),
    ],
)
async def test_who_may(pr: Conversation, github: SimulatedGitHub, who: str, lets: set[str]) -> None:
    await lets_ask_for_teams(pr)
    github.team(QA, "trudy")
    await rules(pr, f"permissions: {{run: {who}}}\n")
    for login in ("ada", "alice", "trudy", "rita"):
        assert await may(pr, login) is (login in lets), login


async def test_the_refusal_says_who_else_may(pr: Conversation) -> None:
    await lets_ask_for_teams(pr)
    await rules(pr, "permissions: {run: [admin, author, '@zoe', '@octo/qa'], cancel: ['@zoe']}\n")
    await pr.says("trudy", "/depot run ci.yml")
    assert pr.reply() == snapshot(
        "`run` needs the `admin` role in this repository, or to be `author`, `@zoe`, `@octo/qa`; you have `triage`. You may use `status`, `logs`, `why`, `artifacts`, `flaky`, `list`, `can-i`, `help`."
    )
    assert reason(pr) == "not-admin"
    await pr.says("trudy", "/depot cancel")
    assert pr.reply() == snapshot(
        "This repository allows `cancel` to `@zoe` only (see `.github/depot-bot.yml`)."
    )
    assert reason(pr) == "command-not-allowed"


async def test_help_and_can_i_name_them(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: [admin, '@rita']}\n")
    await pr.says("rita", "/depot help run")
    assert "Needs the `admin` role, or to be `@rita`." in pr.reply()
    await pr.says("rita", "/depot can-i")
    assert "| `run` | yes |" in pr.reply()
    await pr.says("trudy", "/depot can-i")
    assert "| `run` | no | `run` needs the `admin` role in this repository, or to be" in pr.reply()


@pytest.mark.parametrize(
    ("who", "lets"),
    [
        ("[admin, author]", {"ada", "alice"}),
        ("[admin, '@octo/qa']", {"ada", "trudy"}),
        ("['@octo/QA', author, '@rita']", {"alice", "trudy", "rita"}),
        ("[nobody, author]", {"alice"}),
    ],
)
async def test_can_i_says_what_the_command_would(
    pr: Conversation, github: SimulatedGitHub, who: str, lets: set[str]
) -> None:
    await lets_ask_for_teams(pr)
    github.team(QA, "trudy")
    config = (
        f"permissions: {{run: {who}, times: {who}, cancel: {who}}}\naliases: {{stop: cancel}}\n"
    )
    await rules(pr, config)
    for login in ("ada", "alice", "trudy", "rita"):
        await pr.says(login, "/depot can-i")
        said = pr.reply()
        word = "yes" if login in lets else "no"
        for command in ("run", "run times=", "cancel", "stop"):
            assert f"| `{command}` | {word} |" in said, (login, command)


FIVE_TEAMS = ", ".join(f"'@octo/team-{place}'" for place in range(5))


@pytest.mark.parametrize("status", [403, 429, 500, 503])
async def test_can_i_where_github_does_not_say_who_is_in_a_team(
    pr: Conversation, github: SimulatedGitHub, depot: SimulatedDepot, status: int
) -> None:
    """It is asked once for the whole table, and nothing waits for that."""
    await lets_ask_for_teams(pr)
    aliases = ", ".join(f"again-{place}: cancel" for place in range(50))
    await rules(
        pr,
        f"permissions: {{cancel: [admin, author, {FIVE_TEAMS}], rerun: [nobody, {FIVE_TEAMS}]}}\n"
        f"aliases: {{{aliases}}}\n",
    )
    json = {"content-type": "application/json; charset=utf-8"}
    github.faults.answer("GET", "/teams/", status, '{"message": "no"}', json, times=None)
    await pr.says("maya", "/depot can-i\n/depot run ci.yml")
    assert len(depot.runs) == 1
    hears_all(pr)
    (said,) = stands(pr)
    ask = "`cancel` needs the `admin` role in this repository, or to be `author`, "
    assert f"| `cancel` | no | {ask}" in said
    assert "| `rerun` | no | This repository allows `rerun` to `@octo/team-0`" in said
    assert answers.not_recognised() in said
    assert "| `run` | yes |" in said
    assert len([one for one in github.requests if "/teams/" in one.path]) <= 10
    await pr.passes(300)
    hears_all(pr)


async def test_can_i_reads_nothing_for_who_has_the_role(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await rules(pr, "permissions: {status: [triage, '@octo/qa']}\n")
    await pr.says("trudy", "/depot can-i")
    assert "| `status` | yes |" in pr.reply()
    assert [one for one in github.requests if "/teams/" in one.path] == []


async def test_yaml_of_ones_own_needs_its_role_all_the_same(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, "permissions: {run: ['@alice']}\n")
    yaml = "jobs: {test: {runs-on: x, steps: [{run: make}]}}"
    await pr.says("alice", f"/depot run\n```yaml\n{yaml}\n```")
    assert "needs the `maintain` role" in pr.reply()
    assert depot.runs == []


async def test_a_rule_for_workflows_binds_them_too(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: [author]}\nworkflows: {ci.yml: maintain}\n")
    assert not await may(pr, "alice")


async def test_nothing_is_asked_for_somebody_with_the_role(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await rules(pr, "permissions: {status: [triage, '@octo/qa']}\n")
    await pr.says("trudy", "/depot status")
    pr.reply()
    assert [one for one in github.requests if "/teams/" in one.path] == []


async def test_without_the_permission_for_teams_the_refusal_names_it(
    pr: Conversation, depot: SimulatedDepot
) -> None:
    await rules(pr, "permissions: {run: [admin, '@octo/qa']}\n")
    await pr.says("trudy", "/depot run ci.yml")
    await pr.passes(60)
    assert "members" in pr.reply()
    assert depot.runs == []


@pytest.mark.parametrize(
    ("who", "problem"),
    [
        ("[wirte]", "did you mean 'write'"),
        ("[]", "at least 1 goes here"),
        ("['@']", "is no role"),
        ("['@octo/qa/more']", "is no role"),
        ("[zoe]", "is no role"),
        ("[['@zoe']]", "a text goes here"),
        ("{zoe: write}", "not a mapping"),
        ("['@a/a', '@a/b', '@a/c', '@a/d', '@a/e', '@a/f']", "at most 5 teams"),
    ],
)
async def test_faults(pr: Conversation, who: str, problem: str) -> None:
    await rules(pr, f"permissions: {{run: {who}}}\n")
    await pr.says("ada", "/depot list")
    text = pr.reply()
    assert reason(pr) == "bad-config"
    assert problem in text


async def test_it_lifts_no_rule_for_forks(pr: Conversation, depot: SimulatedDepot) -> None:
    """Its author may not run a fork's head by being named."""
    theirs = await forked(pr, "permissions: {run: [author, '@mallory']}\nforks: pinned\n")
    author = theirs.github.pull(theirs.repo, theirs.number).author.login
    await theirs.says(author, f"/depot run ci.yml sha={theirs.head}")
    theirs.reply()
    assert reason(theirs) == "fork-needs-writer"
    assert depot.runs == []
