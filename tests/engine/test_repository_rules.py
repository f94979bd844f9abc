"""What a repository's own config changes, and what a broken one does."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from inline_snapshot import snapshot

from bot.commands import COMMANDS
from bot.core.types import Permission
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import SimulatedGitHub
from bot.messages import answers, refusals
from bot.rules.repository_config import MAX_LENGTH
from tests.support.commands import changes, not_permitted, ran, reason, runs_on
from tests.support.conversation import CI as CI_TEXT
from tests.support.conversation import REPO, Conversation, untouched
from tests.support.pull_requests import (
    CONFIG,
    CONFIG_TIME,
    YAML_CONFIG,
    ends,
    hears_all,
    reactions,
    rules,
    runs,
    takes_back,
)
from tests.support.sentences import queued

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml"
BROKEN = "permissions: {rum: write}\n"
FAULT = "line 1, permissions.rum: there is no command 'rum'; did you mean 'run'?"
BROKEN_SAID = refusals.bad_config(CONFIG, FAULT)
LINES = {
    "run": "run ci.yml",
    "dispatch": "dispatch nightly.yaml",
    "help": "help run",
}
"""What to type for a command whose name alone is no line, or not enough."""


def line(verb: str) -> str:
    return f"/depot {LINES.get(verb, verb)}"


async def is_queued(pr: Conversation, what: str = "`ci.yml`") -> None:
    assert pr.reply() == queued(pr.depot.runs[-1], what)
    await ends(pr)


# --- permissions per command ---------------------------------------------------------------------


async def test_a_raised_role(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: maintain, list: triage}\n")
    await pr.says("alice", RUN)
    assert pr.reply().startswith(not_permitted("run", "maintain", "write"))
    assert reason(pr) == "not-maintain"
    assert runs(pr) == []
    await pr.says("rita", "/depot list")
    assert pr.reply().startswith(not_permitted("list", "triage", "read"))
    assert reason(pr) == "not-triage"
    await pr.says("maya", RUN)
    await is_queued(pr)


@pytest.mark.parametrize(
    ("verb", "login"),
    [
        ("run", "trudy"),
        ("dispatch", "trudy"),
        ("rerun", "trudy"),
        ("logs", "rita"),
    ],
)
async def test_a_lowered_role(
    pr: Conversation, depot: SimulatedDepot, verb: str, login: str
) -> None:
    role = "triage" if login == "trudy" else "read"
    await rules(pr, f"permissions: {{{verb}: {role}}}\n")
    await ran(pr, depot)
    before = len(changes(depot))
    await pr.says(login, line(verb))
    said_ = pr.reply()
    await ends(pr)
    if verb == "logs":
        assert said_.startswith("Name a job of run")
    else:
        assert len(changes(depot)) == before + 1, said_


async def test_a_lowered_role_for_run_does_not_open_it_for_yaml(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: read}\n")
    await pr.says("alice", f"/depot run\n```yaml\n{CI_TEXT}```")
    assert pr.reply().startswith(not_permitted("run", "maintain", "write"))
    assert runs(pr) == []


async def test_a_raised_role_for_run_holds_for_yaml(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: admin}\n")
    await pr.says("maya", f"/depot run\n```yaml\n{CI_TEXT}```")
    assert pr.reply().startswith(not_permitted("run", "admin", "maintain"))
    assert runs(pr) == []


async def test_nobody_is_nobody(pr: Conversation, github: SimulatedGitHub) -> None:
    await rules(pr, "permissions: {run: nobody}\n")
    github.role(REPO, "nora", "nobody", base="admin")
    for login in ("ada", "octo", "nora"):
        await pr.says(login, RUN)
        assert pr.reply() == refusals.command_not_allowed("run")
        assert reason(pr) == "command-not-allowed"
    await pr.says("ada", f"/depot run\n```yaml\n{CI_TEXT}```")
    assert pr.reply() == snapshot(
        "This repository does not allow `run` (see `.github/depot-bot.yml`)."
    )
    assert runs(pr) == []


@pytest.mark.parametrize("role", ["nobody", "admin ", "anyone", "security-lead"])
async def test_a_custom_role_gives_what_it_builds_on_and_no_more(
    pr: Conversation, github: SimulatedGitHub, role: str
) -> None:
    await rules(pr, "permissions: {run: maintain, dispatch: write}\n")
    github.role(REPO, "nora", role, base="write")
    await pr.says("nora", RUN)
    assert pr.reply().startswith(not_permitted("run", "maintain", "write"))
    assert runs(pr) == []
    await pr.says("nora", "/depot dispatch nightly.yaml")
    await is_queued(pr, "`nightly.yaml`")


async def test_a_late_command_is_not_run_even_if_anyone_may(pr: Conversation) -> None:
    await rules(pr, "permissions: {dispatch: anyone}\n")
    pr.github.comment(REPO, 1, "rita", "/depot dispatch nightly.yaml")
    late = takes_back(pr, "issue_comment")
    await pr.passes(3600)
    pr.github.hooks.pending.append(late)
    await pr.settles()
    pr.reply()
    asked = changes(pr.depot)
    await pr.passes(120)
    while pr.unread():
        pr.edited()
    assert asked == []


# --- workflows -----------------------------------------------------------------------------------


async def test_the_first_pattern_that_fits_counts(pr: Conversation) -> None:
    await rules(pr, "workflows: {nightly.*: maintain, '*': anyone}\n")
    await pr.says("alice", "/depot run nightly.yaml")
    assert pr.reply() == snapshot(
        "`nightly.yaml` needs the `maintain` role here (see `.github/depot-bot.yml`); you have `write`."
    )
    assert reason(pr) == "workflow-not-allowed"
    assert runs(pr) == []
    await pr.says("alice", RUN)
    await is_queued(pr)
    await pr.says("maya", "/depot run nightly.yaml")
    await is_queued(pr, "`nightly.yaml`")


async def test_a_later_pattern_does_not_tighten_an_earlier_one(pr: Conversation) -> None:
    await rules(pr, "workflows: {'*': write, nightly.*: nobody}\n")
    await pr.says("alice", "/depot run nightly.yaml")
    await is_queued(pr, "`nightly.yaml`")


async def test_a_workflow_that_fits_no_pattern_is_not_run(pr: Conversation) -> None:
    await rules(pr, "workflows: {ci.yml: write}\n")
    for command in ("run nightly.yaml", "dispatch nightly.yaml", "run nightly.yaml job=soak"):
        await pr.says("ada", f"/depot {command}")
        assert pr.reply() == refusals.workflow_not_allowed("nightly.yaml")
        assert reason(pr) == "workflow-not-allowed"
    assert changes(pr.depot) == []
    await pr.says("alice", RUN)
    await is_queued(pr)


async def test_all_workflows_run_only_when_each_may(pr: Conversation) -> None:
    await rules(pr, "workflows: {ci.yml: write, '*': admin}\n")
    await pr.says("alice", "/depot run")
    assert pr.reply() == snapshot(
        "`nightly.yaml` needs the `admin` role here (see `.github/depot-bot.yml`); you have `write`."
    )
    assert runs(pr) == []
    await pr.says("ada", "/depot run")
    await is_queued(pr, "all workflows")


async def test_the_role_for_the_command_holds_beside_that_for_the_workflow(
    pr: Conversation,
) -> None:
    await rules(pr, "workflows: {'*': anyone}\n")
    await pr.says("trudy", RUN)
    assert pr.reply().startswith(not_permitted("run", "write", "triage"))
    assert runs(pr) == []


@pytest.mark.parametrize("command", ["retry", "rerun", "retry job=test"])
async def test_a_run_of_a_workflow_that_the_asker_may_not_run_is_not_run_again(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    await ran(pr, depot, outcome="failed")
    await rules(pr, "workflows: {ci.yml: maintain}\n")
    before = len(changes(depot))
    await pr.says("alice", f"/depot {command}")
    assert pr.reply() == refusals.workflow_not_permitted(
        "ci.yml", Permission.MAINTAIN, Permission.WRITE
    )
    assert len(changes(depot)) == before
    await pr.says("maya", f"/depot {command}")
    pr.reply()
    assert len(changes(depot)) == before + 1
    await ends(pr)


@pytest.mark.parametrize("command", ["cancel", "cancel job=test"])
async def test_a_run_of_a_workflow_that_the_asker_may_not_run_is_not_cancelled(
    pr: Conversation, depot: SimulatedDepot, command: str
) -> None:
    await runs_on(pr, depot)
    await rules(pr, "workflows: {ci.yml: nobody}\n")
    while pr.unread():
        pr.edited()
    await pr.says("ada", f"/depot {command}")
    assert pr.reply() == refusals.workflow_not_allowed("ci.yml")
    assert [method for method, _ in changes(depot)] == ["Run"]
    depot.finish(depot.runs[0].run_id)
    await ends(pr)


# --- aliases -------------------------------------------------------------------------------------

ALIASES = "aliases: {e2e: run ci.yml job=test, h: help}\n"


@pytest.mark.parametrize("typed", ["e2e", "E2E", "e2e force", f"e2e sha={'{head}'}"])
async def test_an_alias_stands_for_its_line(pr: Conversation, typed: str) -> None:
    await rules(pr, ALIASES)
    await pr.says("alice", f"/depot {typed.format(head=pr.head)}")
    await is_queued(pr, "`ci.yml` (`test`)")


@pytest.mark.parametrize("typed", ["e2e\u00a0force", "e2e\tforce", "`e2e`"])
async def test_an_alias_is_forgiven_what_a_verb_is(pr: Conversation, typed: str) -> None:
    await rules(pr, ALIASES)
    await pr.says("alice", f"/depot {typed}")
    said_ = pr.reply()
    await ends(pr) if runs(pr) else None
    assert said_.startswith("Run ")


async def test_an_argument_that_the_alias_has_already(pr: Conversation) -> None:
    await rules(pr, ALIASES)
    await pr.says("alice", "/depot e2e job=lint")
    assert pr.reply().startswith("`job` is given twice.")
    assert runs(pr) == []


async def test_an_alias_gives_no_rights(pr: Conversation) -> None:
    await rules(pr, ALIASES)
    await pr.says("trudy", "/depot e2e")
    assert pr.reply().startswith(not_permitted("run", "write", "triage"))
    assert runs(pr) == []


async def test_the_line_to_copy_is_the_one_behind_the_alias(pr: Conversation) -> None:
    await rules(pr, ALIASES)
    pr.github.push(REPO, 1, {"change.txt": "two\n"})
    await pr.says("alice", "/depot e2e")
    assert pr.reply() == snapshot(
        "The head is `88bc807`, pushed after or just before the command was written, so nothing was run. If you have read it: `/depot run ci.yml job=test sha=88bc8070509d9a20b76e79a033e9d2bd80811092`"
    )


async def test_an_alias_for_help(pr: Conversation) -> None:
    await rules(pr, ALIASES)
    await pr.says("rita", "/depot h run")
    assert pr.reply().startswith("`/depot run")


async def test_a_slip_still_gets_the_nearest(pr: Conversation) -> None:
    await rules(pr, ALIASES)
    await pr.says("alice", "/depot rum ci.yml")
    assert pr.reply().startswith("There is no command `rum`. Did you mean `/depot run ci.yml`?")
    await pr.says("alice", "/depot e2ee")
    assert pr.reply().startswith("There is no command `e2ee`. Did you mean `/depot e2e`?")
    await pr.says("alice", "/depot zzz")
    assert "`e2e`" in pr.reply()


async def test_help_knows_this_repository(pr: Conversation) -> None:
    await rules(
        pr,
        ALIASES + "permissions: {rerun: maintain, run: nobody}\n"
        "workflows: {deploy: admin, '*': write}\n",
    )
    await pr.says("alice", "/depot help")
    said_ = pr.reply()
    assert "| `/depot rerun [RUN or WORKFLOW]` | maintain |" in said_
    assert "| `/depot e2e` |" in said_
    await pr.says("alice", "/depot help e2e")
    assert pr.reply().startswith("`/depot e2e` is short for")
    await pr.says("alice", "/depot help rerun")
    assert "Needs the `maintain` role." in pr.reply()
    await pr.says("alice", "/depot help run")
    said_ = pr.reply()
    assert "This repository does not allow it." in said_
    assert "- `deploy`: admin\n- `*`: write" in said_
    await pr.says("alice", "/depot list")
    said_ = pr.reply()
    assert "| `ci.yml` |" in said_
    assert "| write |" in said_
    assert "| `/depot e2e` |" in said_
    await pr.says("alice", "/depot can-i")
    said_ = pr.reply()
    assert "| `run deploy` | no |" in said_
    assert "| `e2e` |" in said_


async def test_the_internal_command_cannot_be_typed(pr: Conversation) -> None:
    await pr.says("ada", "/depot check-config")
    assert pr.reply().startswith("There is no command `check-config`.")
    assert reason(pr) == "misread"


# --- bots ----------------------------------------------------------------------------------------

BOTS = "bots: ['Renovate[bot]']\n"


async def test_a_bot_that_is_not_named_is_not_heard(pr: Conversation) -> None:
    comment = await pr.says("renovate[bot]", RUN)
    await rules(pr, BOTS)
    other = await pr.says("dependabot[bot]", f"{RUN}\n/depot help")
    await pr.passes(60)
    assert runs(pr) == []
    assert reactions(comment) == reactions(other) == []


async def test_a_bot_that_is_named_is_heard_as_a_writer(pr: Conversation) -> None:
    await rules(pr, BOTS)
    comment = await pr.says("renovate[bot]", RUN)
    await is_queued(pr)
    assert reactions(comment) == ["eyes"]
    await pr.says("renovate[bot]", f"/depot run\n```yaml\n{CI_TEXT}```")
    assert pr.reply().startswith(not_permitted("run", "maintain", "write"))


async def test_our_own_words_are_never_commands_even_if_we_are_named(pr: Conversation) -> None:
    await rules(pr, "bots: ['depot-bot[bot]']\n")
    pr.github.comment(REPO, 1, "depot-bot[bot]", RUN)
    await pr.settles()
    assert runs(pr) == []
    assert pr.reply() == RUN  # what was just written in its name


async def test_our_own_words_are_no_commands(pr: Conversation) -> None:
    pr.github.comment(REPO, 1, "depot-bot[bot]", RUN)
    await pr.settles()
    assert runs(pr) == []
    assert pr.reply() == RUN  # what was just written in its name


async def test_a_bot_does_not_talk_without_end(pr: Conversation) -> None:
    await rules(pr, BOTS)
    for _ in range(10):
        await pr.says("renovate[bot]", "/depot list")
        assert pr.reply().startswith("At `")
        await pr.passes(10)
    comment = await pr.says("renovate[bot]", "/depot list")
    assert reactions(comment) == []
    pr.assert_said_nothing_else()
    await pr.says("alice", "/depot list")  # people are heard
    assert pr.reply().startswith("At `")
    await pr.passes(3601)
    await pr.says("renovate[bot]", "/depot list")
    assert pr.reply().startswith("At `")


async def test_no_bot_is_heard_while_the_config_is_broken(pr: Conversation) -> None:
    await rules(pr, f"{BOTS}forks: perhaps\n")
    comment = await pr.says("renovate[bot]", RUN)
    assert reactions(comment) == []
    assert runs(pr) == []


# --- silence -------------------------------------------------------------------------------------


async def test_no_reactions(pr: Conversation) -> None:
    await rules(pr, "silence: [reactions]\n")
    comment = await pr.says("alice", RUN)
    await is_queued(pr)
    assert reactions(comment) == []


async def test_no_refusals_for_want_of_a_role(pr: Conversation) -> None:
    await rules(pr, "silence: [refusals]\n")
    comment = await pr.says("mallory", f"{RUN}\n\n/depot logs")
    assert reactions(comment) == ["eyes"]
    assert runs(pr) == []
    pr.assert_said_nothing_else()
    await pr.says("alice", "/depot run nope.yml")  # what is mended otherwise is said
    assert pr.reply().startswith("There is no workflow `nope.yml`")


async def test_a_workflow_without_dispatch_is_said_whatever_is_silent(pr: Conversation) -> None:
    await rules(pr, "silence: [refusals]\n")
    await pr.says("alice", "/depot dispatch ci.yml")
    assert pr.reply() == snapshot(
        "`ci.yml` has no `workflow_dispatch` trigger at the head. `/depot run ci.yml` needs none."
    )


# --- a broken file -------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", [verb for verb in COMMANDS if verb != "help"])
async def test_a_broken_config_refuses_every_command(
    pr: Conversation, depot: SimulatedDepot, verb: str
) -> None:
    await rules(pr, BROKEN)
    comment = await pr.says("ada", line(verb))
    assert pr.reply() == BROKEN_SAID
    assert reason(pr) == "bad-config"
    assert reactions(comment) == ["eyes"]
    assert untouched(depot)


async def test_help_is_there_whatever_the_config_is(pr: Conversation) -> None:
    await rules(pr, BROKEN)
    await pr.says("rita", "/depot help run")
    assert pr.reply().startswith("`/depot run")
    await pr.says("rita", "/depot")
    assert pr.reply().startswith("| command | who | what |")


async def test_a_misreading_waits_for_the_config_to_be_mended(pr: Conversation) -> None:
    await rules(pr, BROKEN)
    await pr.says("ada", "/depot rum ci.yml")
    assert pr.reply() == BROKEN_SAID


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("forks: [\n", "not YAML in line 2"),
        ("- run\n", "line 1: a mapping goes here, not a list"),
        ("null\n", "line 1: a mapping goes here, not 'null'"),
        ("false\n", "line 1: a mapping goes here, not 'false'"),
        ("forks: perhaps\n", "line 1, forks: 'perhaps' is none of pinned, refuse"),
        (
            "permissions: {run: wrote}\n",
            "line 1, permissions.run: 'wrote' is none of admin, anyone, maintain, nobody, read, "
            "triage, write; did you mean 'write'?",
        ),
        ("aliases: {e2e: rum}\n", "line 1, aliases.e2e: 'rum' is no command line"),
        (
            "workflow: {'*': read}\n",
            "line 1, workflow: there is no key 'workflow' among permissions, workflows, forks, "
            "aliases, bots, automations, silence, show, retry, notify, outdated; did you mean 'workflows'?",
        ),
        ("# so long\n" * 7000, f"longer than {MAX_LENGTH} characters"),
    ],
    ids=["yaml", "shape", "null", "false", "forks", "role", "alias", "key", "long"],
)
async def test_a_broken_config_is_refused_with_place_and_reason(
    pr: Conversation, text: str, why: str
) -> None:
    await rules(pr, text)
    await pr.says("ada", RUN)
    assert pr.reply() == refusals.bad_config(CONFIG, why)
    assert runs(pr) == []


async def test_a_strangers_words_in_the_reason_mean_nothing(pr: Conversation) -> None:
    await rules(pr, 'permissions: {"`@octo/all` <!-- -->\\n# hi": read}\n')
    await pr.says("ada", RUN)
    said_ = pr.reply()
    assert "\n" not in said_
    assert said_.count("``") == 2
    assert runs(pr) == []


async def test_one_character_less_than_too_long_is_read(pr: Conversation) -> None:
    head = "permissions: {run: nobody}\n#"
    await rules(pr, head + "x" * (MAX_LENGTH - len(head)))
    await pr.says("ada", RUN)
    assert pr.reply() == snapshot(
        "This repository does not allow `run` (see `.github/depot-bot.yml`)."
    )


@pytest.mark.parametrize("size", [MAX_LENGTH + 1, 1024 * 1024 + 1])
async def test_a_config_that_is_too_large_never_counts_as_none(pr: Conversation, size: int) -> None:
    await rules(pr, "x: y\n" + "#" * (size - 5))
    await pr.says("ada", RUN)
    assert pr.reply() == refusals.bad_config(CONFIG, f"longer than {MAX_LENGTH} characters")
    assert runs(pr) == []


async def test_a_config_that_github_does_not_give_never_counts_as_none(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    # docs.github.com, "Get repository content": files above 100 MB are not given.
    body = '{"message": "This API returns blobs up to 100 MB in size.", "errors": []}'
    json = {"content-type": "application/json; charset=utf-8"}
    github.faults.answer("GET", f"/contents/{CONFIG}$", 403, body, json, times=None)
    await rules(pr, "permissions: {run: nobody}\n")
    await pr.says("ada", RUN)
    await pr.passes(30)
    assert pr.reply().startswith("GitHub does not let this bot see or do what that needs.")
    assert reason(pr) == "github-refused"
    assert runs(pr) == []


async def test_a_folder_in_its_place_never_counts_as_none(pr: Conversation) -> None:
    await rules(pr, "x\n", path=f"{CONFIG}/README.md")
    await pr.says("ada", RUN)
    assert pr.reply() == snapshot(
        "`.github/depot-bot.yml` on the default branch is broken, and without its rules nothing is done: `line 1: a mapping goes here, not a list`."
    )
    assert runs(pr) == []


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "\n", "{}\n"])
async def test_a_config_without_rules(pr: Conversation, text: str) -> None:
    await rules(pr, text)
    await pr.says("alice", RUN)
    await is_queued(pr)


async def test_the_other_ending_works_too(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: admin}\n", path=YAML_CONFIG)
    await pr.says("alice", RUN)
    assert pr.reply().startswith(not_permitted("run", "admin", "write"))
    await rules(pr, BROKEN, path=YAML_CONFIG)
    await pr.says("alice", RUN)
    assert pr.reply() == BROKEN_SAID.replace(CONFIG, YAML_CONFIG)
    assert runs(pr) == []


async def test_two_configs_are_none(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: nobody}\n", path=YAML_CONFIG)
    await rules(pr, "forks: refuse\n")
    await pr.says("ada", RUN)
    assert pr.reply() == snapshot(
        "`.github/depot-bot.yml` on the default branch is broken, and without its rules nothing is done: ``there is a `.yml` and a `.yaml` of it``."
    )
    assert runs(pr) == []


# --- when it is read -----------------------------------------------------------------------------


async def test_it_is_believed_for_a_minute_and_read_again(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    def reads() -> int:
        return sum(CONFIG in record.path for record in github.requests)

    await pr.passes(CONFIG_TIME)
    await pr.says("alice", "/depot list")
    pr.reply()
    before = reads()
    github.commit(REPO, "main", {CONFIG: "permissions: {list: nobody}\n"})
    await pr.passes(30)
    await pr.says("alice", "/depot list")
    assert pr.reply().startswith("At `")
    assert reads() == before
    await pr.passes(31)
    await pr.says("alice", "/depot list")
    assert pr.reply() == snapshot(
        "This repository does not allow `list` (see `.github/depot-bot.yml`)."
    )
    assert reads() == before + 1


async def test_an_outage_while_it_is_read_runs_nothing_and_is_said(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await rules(pr, "permissions: {run: maintain}\n")
    await pr.passes(CONFIG_TIME)
    fault = github.faults.bad_gateway("GET", f"/contents/{CONFIG}$", times=None)
    await pr.says("alice", RUN)
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    await pr.passes(60)
    assert runs(pr) == []
    fault.lift()
    await pr.passes(60)
    assert pr.edited().startswith(not_permitted("run", "maintain", "write"))
    assert runs(pr) == []


async def test_an_outage_that_lasts_is_given_up(pr: Conversation, github: SimulatedGitHub) -> None:
    await pr.passes(CONFIG_TIME)
    github.faults.bad_gateway("GET", f"/contents/{CONFIG}$", times=None)
    await pr.says("ada", RUN)
    assert pr.reply() == snapshot("GitHub does not answer right now; still trying.")
    await pr.passes(20 * 60)
    assert pr.edited().startswith("GitHub did not answer for 15 minutes")
    assert reason(pr) == "could-not-ask"
    assert runs(pr) == []


@pytest.mark.parametrize("answer", ["bad gateway", "lost", "cut", "drop"])
async def test_a_broken_answer_is_no_config(
    pr: Conversation, github: SimulatedGitHub, answer: str
) -> None:
    await rules(pr, "permissions: {run: nobody}\n")
    await pr.passes(CONFIG_TIME)
    faults = github.faults
    make = {
        "bad gateway": faults.bad_gateway,
        "lost": faults.lose_answer,
        "cut": faults.lose_answer,
        "drop": faults.drop,
    }[answer]
    make("GET", f"/contents/{CONFIG}$", times=1)
    await pr.says("ada", RUN)
    pr.reply()
    await pr.passes(60)
    if pr.unread():
        assert pr.last_edit() == refusals.command_not_allowed("run")
    assert runs(pr) == []


# --- a pull request that changes it --------------------------------------------------------------


async def changes_config(pr: Conversation, text: str | None, path: str = CONFIG) -> None:
    pr.github.commit(REPO, "feature", {path: text}, author="alice")
    await pr.settles()
    await pr.passes(60)


async def test_the_config_of_the_pull_request_changes_nothing(pr: Conversation) -> None:
    await rules(pr, "permissions: {run: maintain}\n")
    await changes_config(pr, "permissions: {run: read}\naliases: {e2e: run ci.yml}\n")
    assert pr.reply() == snapshot(
        "`.github/depot-bot.yml` in this pull request is valid. Until it is merged the old rules hold."
    )
    await pr.says("alice", RUN)
    assert pr.reply().startswith(not_permitted("run", "maintain", "write"))
    await pr.says("maya", "/depot e2e")
    assert pr.reply().startswith("There is no command `e2e`.")
    assert runs(pr) == []


async def test_a_changed_config_is_told_whether_it_is_valid_when_that_changes(
    pr: Conversation,
) -> None:
    valid = answers.config_valid(CONFIG)
    invalid = answers.config_invalid(CONFIG, [FAULT])
    steps: Sequence[tuple[str | None, str | None]] = [
        ("forks: pinned\n", valid),
        ("forks: refuse\n", None),
        (BROKEN, invalid),
        (f"{BROKEN}forks: refuse\n", None),
        ("forks: refuse\n", valid),
        (None, None),
    ]
    for text, expected in steps:
        await changes_config(pr, text)
        if expected is None:
            pr.assert_said_nothing_else()
        elif text == "forks: pinned\n":
            assert pr.reply() == expected
        else:
            assert pr.edited() == expected


async def test_of_a_config_that_changes_often_one_comment_tells(pr: Conversation) -> None:
    for number in range(12):
        await changes_config(pr, f"fault_{number}: 1\n")
        told = pr.edited() if number else pr.reply()
        assert f"fault_{number}" in told
        assert f"fault_{number - 1}" not in told
        pr.assert_said_nothing_else()


async def test_beside_automations_it_is_a_comment_of_its_own(pr: Conversation) -> None:
    await rules(pr, "automations: [{on: synchronize, do: list}]\n")
    for number in range(2):
        await changes_config(pr, f"fault_{number}: 1\n")
        hears_all(pr)
    bodies = [comment.body for comment in pr.github.thread(REPO, 1).comments]
    assert sum("fault_" in body for body in bodies) == 1
    assert sum("/depot list" in body for body in bodies) == 2
    assert "fault_1" in next(body for body in bodies if "fault_" in body)


async def test_a_pull_request_that_is_opened_with_it_is_told(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    for number, path in ((2, CONFIG), (3, YAML_CONFIG)):
        github.pull_request(REPO, "maya", branch=f"config-{number}", files={path: BROKEN})
        await pr.settles()
        theirs = Conversation(pr.clock, pr.stage, pr.services, REPO, number)
        assert theirs.reply() == answers.config_invalid(path, [FAULT])
        theirs.assert_said_nothing_else()


async def test_a_second_config_beside_the_first_is_told(
    pr: Conversation, github: SimulatedGitHub
) -> None:
    await rules(pr, "forks: pinned\n")
    pr.github.force_push(REPO, 1, {YAML_CONFIG: "forks: refuse\n", CONFIG: "forks: pinned\n"})
    await pr.settles()
    assert "is valid" not in pr.reply()


async def test_what_somebody_types_is_no_verdict(pr: Conversation) -> None:
    await changes_config(pr, "forks: pinned\n")
    assert pr.reply() == snapshot(
        "`.github/depot-bot.yml` in this pull request is valid. Until it is merged the old rules hold."
    )
    await pr.says("alice", "/depot check-config")
    pr.reply()
    await changes_config(pr, "forks: refuse\n")
    again = pr.unread()
    while pr.unread():
        pr.reply()
    assert not again


async def test_the_verdict_comes_though_the_old_rules_are_silent(pr: Conversation) -> None:
    await rules(pr, "silence: [reactions, refusals]\n")
    await changes_config(pr, BROKEN)
    assert pr.reply().startswith(f"`{CONFIG}` in this pull request is broken:")


async def test_the_pull_request_that_mends_it_is_told(pr: Conversation) -> None:
    await rules(pr, BROKEN)
    await changes_config(pr, "forks: refuse\n")
    assert pr.reply() == snapshot(
        "`.github/depot-bot.yml` in this pull request is valid. Until it is merged the old rules hold."
    )


async def test_what_somebody_typed_is_not_where_the_check_goes(pr: Conversation) -> None:
    await pr.says("mallory", "/depot check-config")
    theirs = pr.github.thread(REPO, 1).comments[-1]
    said = theirs.body
    hears_all(pr)
    await changes_config(pr, BROKEN)
    assert pr.reply() == answers.config_invalid(CONFIG, [FAULT])
    assert theirs.body == said


async def test_of_checks_that_could_not_be_posted_the_newest_is(pr: Conversation) -> None:
    down = pr.github.faults.bad_gateway("POST", r"/issues/1/comments$", times=None)
    for number in range(3):
        await changes_config(pr, f"fault_{number}: 1\n")
    down.lift()
    await pr.passes(300)
    assert "fault_2" in pr.reply()
    pr.assert_said_nothing_else()


async def test_the_check_comes_after_ten_automations_too(pr: Conversation) -> None:
    many = "".join(f"- {{on: synchronize, do: help {verb}}}\n" for verb in ["run"] * 10)
    await rules(pr, f"automations:\n{many}")
    await changes_config(pr, BROKEN)
    bodies = [comment.body for comment in pr.github.thread(REPO, 1).comments]
    assert any(FAULT in body for body in bodies)
    hears_all(pr)
