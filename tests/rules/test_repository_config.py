# ruff: noqa: E501 - a table of faults, one to a line
"""A repository's own config: what is read, and what is broken, with the place and the reason."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.commands import COMMANDS, INTERNAL
from bot.core.events import PullRequestEvent
from bot.core.types import Permission, Sha
from bot.rules import automations
from bot.rules.repository_config import (
    INLINE,
    MAX_FAULTS,
    MAX_LENGTH,
    MAX_LINE,
    PATHS,
    Automation,
    BadConfig,
    Config,
    parse,
    schema,
)

ROOT = Path(__file__).parents[2]
VERBS: Mapping[str, type] = {verb: command.arguments for verb, command in COMMANDS.items()}


def read(text: str) -> Config:
    return parse(text, VERBS)


def wrong(text: str) -> str:
    """What is wrong with a file."""
    with pytest.raises(BadConfig) as raised:
        read(text)
    return str(raised.value)


def read_or_broken(text: str) -> Config | str:
    """The config, or what is wrong with it; nothing else may happen."""
    try:
        return read(text)
    except BadConfig as broken:
        return str(broken)


# --- files that are read -------------------------------------------------------------------------

VALID: list[tuple[str, Config]] = [
    ("", Config()),
    ("\n\n", Config()),
    ("# only talk\n", Config()),
    ("---\n", Config()),
    ("{}", Config()),
    ("\ufeffforks: pinned", Config(forks="pinned")),
    ("forks: refuse", Config()),
    ("forks: 'pinned'", Config(forks="pinned")),
    ("{forks: pinned}", Config(forks="pinned")),
    ('{"forks": "pinned"}', Config(forks="pinned")),
    (
        "permissions:\n  run: maintain\n  list: nobody\n",
        Config(permissions={"run": "maintain", "list": "nobody"}),
    ),
    ("permissions: {can-i: anyone}", Config(permissions={"can-i": "anyone"})),
    (
        "workflows: {'nightly-*': admin, '*': write}",
        Config(workflows={"nightly-*": "admin", "*": "write"}),
    ),
    ("aliases: {e2e: run e2e.yml job=browser}", Config(aliases={"e2e": "run e2e.yml job=browser"})),
    ("aliases: {e2e: RUN e2e.yml}", Config(aliases={"e2e": "RUN e2e.yml"})),
    ("bots: ['renovate[bot]']", Config(bots=["renovate[bot]"])),
    ("bots: []", Config()),
    (
        "silence: [reactions, refusals, automations]",
        Config(silence=["reactions", "refusals", "automations"]),
    ),
    (
        "automations:\n- {on: opened, do: run}\n",
        Config(automations=[Automation(on="opened", do="run")]),
    ),
    # `on` is a word here, no truth value
    (
        "automations:\n- on: labeled\n  label: full-ci\n  base: 'rel-*'\n  paths: ['src/*']\n"
        "  do: run nightly.yml\n",
        Config(
            automations=[
                Automation(
                    on="labeled",
                    label="full-ci",
                    base="rel-*",
                    paths=["src/*"],
                    do="run nightly.yml",
                )
            ]
        ),
    ),
    # an alias in an automation
    (
        "aliases: {e2e: run e2e.yml}\nautomations: [{on: opened, do: e2e job=x}]",
        Config(
            aliases={"e2e": "run e2e.yml"}, automations=[Automation(on="opened", do="e2e job=x")]
        ),
    ),
    # anchors
    (
        "permissions: {run: &r admin, rerun: *r}",
        Config(permissions={"run": "admin", "rerun": "admin"}),
    ),
]


@pytest.mark.parametrize(("text", "expected"), VALID)
def test_a_valid_file(text: str, expected: Config) -> None:
    assert read(text) == expected


# --- files that are broken -----------------------------------------------------------------------

BROKEN: list[tuple[str, str]] = [
    ("forks: [", "not YAML in line 2"),
    ("a: b\n  c: d", "not YAML in line 2"),
    ("\tforks: pinned", "not YAML in line 1"),
    ("%YAML 9.9\n---\nforks: pinned", "not YAML in line 1"),
    ("forks: pinned\n---\nforks: refuse", "not YAML"),
    ("*nothing", "not YAML in line 1"),
    ("\x00", "not YAML"),
    ("[]", "line 1: a mapping goes here, not a list"),
    ("- forks: pinned", "line 1: a mapping goes here, not a list"),
    ("false", "line 1: a mapping goes here, not 'false'"),
    ("null", "line 1: a mapping goes here, not 'null'"),
    ("~", "line 1: a mapping goes here, not '~'"),
    ("0", "line 1: a mapping goes here, not '0'"),
    (
        "run: maintain",
        "line 1, run: there is no key 'run' among permissions, workflows, forks, aliases, bots, automations, silence, show, retry, notify, outdated",
    ),
    (
        "workflow: {}",
        "line 1, workflow: there is no key 'workflow' among permissions, workflows, forks, aliases, bots, automations, silence, show, retry, notify, outdated; did you mean 'workflows'?",
    ),
    (
        "Forks: pinned",
        "line 1, Forks: there is no key 'Forks' among permissions, workflows, forks, aliases, bots, automations, silence, show, retry, notify, outdated; did you mean 'forks'?",
    ),
    ("permissions: run", "line 1, permissions: a mapping goes here, not 'run'"),
    ("permissions: [run]", "line 1, permissions: a mapping goes here, not a list"),
    ("permissions:", "line 1, permissions: a mapping goes here, not ''"),
    (
        "permissions: {run: wrote}",
        "line 1, permissions.run: 'wrote' is none of admin, anyone, maintain, nobody, read, triage, write; did you mean 'write'?",
    ),
    (
        "permissions: {run: none}",
        "line 1, permissions.run: 'none' is none of admin, anyone, maintain, nobody, read, triage, write; did you mean 'anyone'?",
    ),
    (
        "permissions: {run: Write}",
        "line 1, permissions.run: 'Write' is none of admin, anyone, maintain, nobody, read, triage, write; did you mean 'write'?",
    ),
    (
        "permissions: {run: 3}",
        "line 1, permissions.run: '3' is none of admin, anyone, maintain, nobody, read, triage, write",
    ),
    (
        "permissions: {run: }",
        "line 1, permissions.run: '' is none of admin, anyone, maintain, nobody, read, triage, write",
    ),
    (
        "permissions: {run: []}",
        "line 1, permissions.run: at least 1 goes here",
    ),
    (
        "permissions: {rum: write}",
        "line 1, permissions.rum: there is no command 'rum'; did you mean 'run'?",
    ),
    (
        "permissions: {Run: write}",
        "line 1, permissions.Run: there is no command 'Run'; did you mean 'run'?",
    ),
    (
        "permissions: {check-config: write}",
        "line 1, permissions.check-config: there is no command 'check-config'",
    ),
    (
        "aliases: {e2e: run}\npermissions: {e2e: write}",
        "line 2, permissions.e2e: there is no command 'e2e'",
    ),
    ("workflows: ['*']", "line 1, workflows: a mapping goes here, not a list"),
    (
        "workflows: {'*': all}",
        "line 1, workflows.*: 'all' is none of admin, anyone, maintain, nobody, read, triage, write",
    ),
    ("forks: true", "line 1, forks: 'true' is none of pinned, refuse"),
    (
        "forks: Pinned",
        "line 1, forks: 'Pinned' is none of pinned, refuse; did you mean 'pinned'?",
    ),
    ("forks:", "line 1, forks: '' is none of pinned, refuse"),
    ("forks: [pinned]", "line 1, forks: one of pinned, refuse goes here, not a list"),
    ("bots: renovate", "line 1, bots: a list goes here, not 'renovate'"),
    ("bots: [[renovate]]", "line 1, bots[0]: a text goes here, not a list"),
    ("silence: all", "line 1, silence: a list goes here, not 'all'"),
    (
        "silence: [everything]",
        "line 1, silence[0]: 'everything' is none of automations, reactions, refusals",
    ),
    ("aliases: {run: rerun}", "line 1, aliases.run: 'run' cannot be an alias"),
    ("aliases: {help: list}", "line 1, aliases.help: 'help' cannot be an alias"),
    ("aliases: {E2E: run}", "line 1, aliases.E2E: 'E2E' cannot be an alias"),
    ("aliases: {'': run}", "line 1, aliases.: '' cannot be an alias"),
    ("aliases: {'a b': run}", "line 1, aliases.a b: 'a b' cannot be an alias"),
    ("aliases: {-a: run}", "line 1, aliases.-a: '-a' cannot be an alias"),
    ("aliases: {'1st': run}", "line 1, aliases.1st: '1st' cannot be an alias"),
    (
        "aliases: {aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: run}",
        "line 1, aliases.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa' cannot be an alias",
    ),
    ('aliases: {"a\\n": run}', "line 1, aliases.a\n: 'a\\n' cannot be an alias"),
    ("aliases: {a: rum}", "line 1, aliases.a: 'rum' is no command line"),
    ("aliases: {a: ''}", "line 1, aliases.a: '' is no command line"),
    ("aliases: {a: '  '}", "line 1, aliases.a: '  ' is no command line"),
    ("aliases: {a: run jobs=x}", "line 1, aliases.a: 'run jobs=x' is no command line"),
    ("aliases: {a: 'run job=\"x'}", "line 1, aliases.a: 'run job=\"x' is no command line"),
    ("aliases: {a: /depot run}", "line 1, aliases.a: '/depot run' is no command line"),
    (
        "aliases: {a: run sha=3f2c1d0}",
        "line 1, aliases.a: 'run sha=3f2c1d0' is no command line",
    ),
    ("aliases: {a: b, b: run}", "line 1, aliases.a: 'b' is no command line"),
    ("aliases: {a: a}", "line 1, aliases.a: 'a' is no command line"),
    ("aliases: {a: [run]}", "line 1, aliases.a: a text goes here, not a list"),
    ("automations: {}", "line 1, automations: a list goes here, not a mapping"),
    ("automations: [run]", "line 1, automations[0]: a mapping goes here, not 'run'"),
    ("automations: [{on: opened}]", "line 1, automations[0]: the key 'do' is missing"),
    ("automations: [{do: run}]", "line 1, automations[0]: the key 'on' is missing"),
    (
        "automations: [{on: closed, do: run}]",
        "line 1, automations[0].on: 'closed' is none of labeled, opened, ready_for_review, review_approved, synchronize",
    ),
    (
        "automations: [{on: opened, do: run, if: x}]",
        "line 1, automations[0].if: there is no key 'if' among on, do, label, base, paths, for",
    ),
    (
        "automations: [{on: opened, do: rum}]",
        "line 1, automations[0].do: 'rum' is no command line",
    ),
    ("automations: [{on: opened, do: ''}]", "line 1, automations[0].do: '' is no command line"),
    (
        "automations: [{on: opened, do: check-config}]",
        "line 1, automations[0].do: 'check-config' is no command line",
    ),
    (
        "automations: [{on: opened, do: run}, {on: opened, do: rum}]",
        "line 1, automations[1].do: 'rum' is no command line",
    ),
    (
        "automations: [{on: opened, label: x, do: run}]",
        "line 1, automations[0].label: `label` goes with `on: labeled`",
    ),
    (
        "automations: [{on: opened, paths: src, do: run}]",
        "line 1, automations[0].paths: a list goes here, not 'src'",
    ),
]


@pytest.mark.parametrize(("text", "why"), BROKEN)
def test_a_broken_file_says_where_and_why(text: str, why: str) -> None:
    assert wrong(text) == why or wrong(text).startswith(f"{why} in line")


NOTHING_MATCHES: list[tuple[str, str]] = [
    ("workflows: {.github/workflows/a.yml: admin}", "Depot reads .depot/workflows only"),
    ("workflows: {a/b.yml: admin}", "can match no workflow"),
    ("workflows: {'!a.yml': admin}", "none excludes with `!`"),
    ("workflows: {'': admin}", "can match no workflow"),
    ("workflows: {'[': admin}", "`[` begins a class"),
    ("workflows: {'**/x/deploy.yml': admin}", "can match no workflow"),
    ("workflows: {'**/': admin}", "can match no workflow"),
    ("workflows: {'deploy.yml ': admin}", "write a line for each"),
    ("workflows: {'a.yml, b.yml': admin}", "write a line for each"),
    ("workflows: {'{a,b}.yml': admin}", "write a line for each"),
    ('workflows: {"\\u200b": admin}', "can match no workflow"),
    ('workflows: {"\\u200b?x.yml": admin}', "goes behind the character"),
    ("workflows: {'*': write, deploy.yml: admin}", "it is never reached"),
    ('aliases: {e2e: "run\\nforce"}', "is no command line"),
    ("bots: ['']", "is no login"),
    ("bots: [a b]", "is no login"),
    ("automations: [{on: opened, do: run, base: refs/heads/main}]", "without `refs/heads/`"),
    ("automations: [{on: opened, do: run, base: '!main'}]", "cannot exclude"),
    ("automations: [{on: opened, do: run, base: ''}]", "an empty pattern"),
    ("automations: [{on: opened, do: run, paths: [/src/x]}]", "paths begin at the root"),
    ("automations: [{on: opened, do: run, paths: [src/]}]", "can match no file"),
    ("automations: [{on: opened, do: run, paths: ['!src/**']}]", "let nothing through"),
    ("automations: [{on: opened, do: run, paths: ['*?']}]", "goes behind the character"),
]


@pytest.mark.parametrize(("text", "why"), NOTHING_MATCHES)
def test_a_pattern_that_can_match_nothing_is_a_fault(text: str, why: str) -> None:
    assert why in wrong(text)


def test_all_faults_are_told_each_with_its_line() -> None:
    text = """\
permissions:
  run: wirte
  rum: admin
workflows:
  .github/workflows/a.yml: admin
aliases:
  e2e: rnu e2e.yml
automations:
- on: opened
  do: run ci.yml
  label: full-ci
- on: closed
  do: nothing
colour: red
"""
    with pytest.raises(BadConfig) as raised:
        read(text)
    told = list(map(str, raised.value.faults))
    assert [one.partition(":")[0] for one in told] == [
        "line 2, permissions.run",
        "line 3, permissions.rum",
        "line 5, workflows..github/workflows/a.yml",
        "line 7, aliases.e2e",
        "line 11, automations[0].label",
        "line 12, automations[1].on",
        "line 14, colour",
    ]
    assert told[0].endswith("did you mean 'write'?")
    assert told[1].endswith("did you mean 'run'?")


WORKFLOW_NEEDS: list[tuple[dict[str, Any], str, Permission]] = [
    ({".depot/workflows/deploy.yml": "admin", "*": "write"}, "deploy.yml", Permission.ADMIN),
    ({"./.depot/workflows/deploy.yml": "admin", "*": "write"}, "deploy.yml", Permission.ADMIN),
    ({"deploy": "admin", "*": "write"}, "deploy.yml", Permission.ADMIN),
    ({"deploy": "admin", "*": "write"}, "deploy.yaml", Permission.ADMIN),
    ({"deploy.yml": "admin", "*": "write"}, "Deploy.YML", Permission.ADMIN),
    ({"Deploy-*": "admin", "*": "write"}, "deploy-eu.yml", Permission.ADMIN),
    ({"**/deploy.yml": "admin", "*": "write"}, "deploy.yml", Permission.ADMIN),
    ({"e\u0301.yml": "admin", "*": "write"}, "\u00e9.yml", Permission.ADMIN),
    ({"deploy": "admin", "*": "write"}, "deploy-all.yml", Permission.WRITE),
    ({"deploy": "admin"}, "ci.yml", Permission.NOBODY),
    # YAML from a comment has a rule of its own or none
    ({"deploy.yml": "admin", "*": "write"}, INLINE, Permission.NOBODY),
    ({INLINE: "maintain", "*": "write"}, INLINE, Permission.MAINTAIN),
    ({INLINE: "maintain", "*": "write"}, "ci.yml", Permission.WRITE),
    ({}, "ci.yml", Permission.NONE),
]


@pytest.mark.parametrize(("rules", "name", "needs"), WORKFLOW_NEEDS)
def test_workflows_are_named_as_in_commands(
    rules: dict[str, Any], name: str, needs: Permission
) -> None:
    assert Config(workflows=rules).workflow_needs(name) is needs


@pytest.mark.parametrize(
    ("bots", "login", "expected"),
    [
        (["renovate[bot]"], "renovate[bot]", True),
        (["renovate"], "renovate[bot]", True),
        (["Renovate"], "renovate[bot]", True),
        (["renovate"], "renovate", True),  # an account of the kind Bot without the suffix
        (["renovate[bot]"], "renovate", False),
        (["renovate"], "renovate-x[bot]", False),
    ],
)
def test_which_bots_are_read(bots: list[str], login: str, expected: bool) -> None:
    assert Config(bots=bots).lets(login) is expected


@pytest.mark.parametrize("verb", INTERNAL)
def test_an_internal_command_is_no_alias(verb: str) -> None:
    assert wrong(f"aliases: {{{verb}: run}}").endswith(f"{verb!r} cannot be an alias")


@pytest.mark.parametrize(
    "text",
    [
        "forks: refuse\nforks: pinned",
        "permissions: {run: nobody, run: anyone}",
        "permissions: {run: nobody}\npermissions: {list: anyone}",
        "workflows: {deploy.yml: nobody, deploy.yml: anyone}",
    ],
)
def test_a_key_that_is_there_twice_is_broken(text: str) -> None:
    assert wrong(text)


def test_a_file_that_is_too_long() -> None:
    text = "forks: pinned\n#"
    fits = text + "x" * (MAX_LENGTH - len(text))
    assert read(fits) == Config(forks="pinned")
    assert wrong(fits + "x") == f"longer than {MAX_LENGTH} characters"


HOSTILE = {
    "brackets": "[" * 60_000,
    "mappings": "{a: " * 15_000,
    "indented": "\n".join(" " * depth + "a:" for depth in range(300)),
    "laughs": "a: &a [x, x]\n"
    + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [*{chr(97 + n)}, *{chr(97 + n)}]\n" for n in range(20)
    ),
    "itself": "&a [*a]",
    "itself in a place": "aliases: &a {x: *a}",
    "itself as a key": "? &a [*a]\n: b",
    "a list as a key": "? [a, b]\n: c",
    "a mapping as a key": "? {a: b}\n: c",
    "merge": "<<: {forks: pinned}",
    "python": "!!python/object/apply:os.system ['true']",
    "binary": "forks: !!binary cGlubmVk",
    "a long name": "x" * 60_000 + ": y",
    "surrogates": 'forks: "\\ud800"',
    "nul": 'forks: "\\0"',
    "reordering": "forks: \u202epinned",
    "markup": 'forks: "`@octo/all` <!-- --> ](x)"',
    "many documents": "---\n" * 10_000,
    "carriage returns": "forks: pinned\rbots: [x]\r",
    "comments": "#\n" * 30_000,
}


@pytest.mark.parametrize(("length", "fits"), [(MAX_LINE, True), (MAX_LINE + 1, False)])
def test_how_long_an_automations_line_may_be(length: int, fits: bool) -> None:
    text = f"automations: [{{on: opened, do: {'run '.ljust(length, 'x')}}}]"
    if fits:
        assert len(read(text).automations[0].do) == length
    else:
        told = f"line 1, automations[0].do: a command line longer than {MAX_LINE} characters"
        assert wrong(text) == told


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_file_is_read_or_broken(text: str) -> None:
    config = read_or_broken(text)
    if isinstance(config, Config):
        assert config in (Config(), Config(forks="pinned"), Config(forks="pinned", bots=["x"]))


def test_numbers_and_truth_values_stay_words() -> None:
    config = read("workflows: {1.10: write, on: read, 0x10: admin, yes: triage}")
    assert config.workflows == {"1.10": "write", "on": "read", "0x10": "admin", "yes": "triage"}


_words = st.sampled_from(
    [*(field.name for field in msgspec.structs.fields(Config))]
    + [field.name for field in msgspec.structs.fields(Automation)]
    + ["run", "list", "pinned", "write", "nobody", "opened", "refusals"]
)
_documents = st.recursive(
    _words | st.text(max_size=8) | st.booleans() | st.none() | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=4),
    max_leaves=12,
)


@given(st.text())
@example("{")
@example("\ud800")
@example("\ufeff")
@example("? ")
@example("&a *a")
def test_any_text_is_read_or_broken(text: str) -> None:
    assert read_or_broken(text)


@given(_documents)
def test_any_document_is_read_or_broken(document: Any) -> None:
    config = read_or_broken(json.dumps(document))
    assert config
    if isinstance(config, Config):
        assert isinstance(document, dict) or document in ("", None)
        assert all(config.needs(verb, Permission.ADMIN) in Permission for verb in VERBS)


# --- what it answers -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("anyone", Permission.NONE),
        ("read", Permission.READ),
        ("triage", Permission.TRIAGE),
        ("write", Permission.WRITE),
        ("maintain", Permission.MAINTAIN),
        ("admin", Permission.ADMIN),
        ("nobody", Permission.NOBODY),
    ],
)
def test_the_words_for_roles(role: str, expected: Permission) -> None:
    config = read(f"permissions: {{run: {role}}}\nworkflows: {{x.yml: {role}}}")
    assert config.needs("run", Permission.WRITE) is expected
    assert config.needs("list", Permission.WRITE) is Permission.WRITE
    assert config.workflow_needs("x.yml") is expected
    assert config.workflow_needs("y.yml") is Permission.NOBODY


def test_without_workflows_each_may_run() -> None:
    assert Config().workflow_needs("any.yml") is Permission.NONE


EXPANSIONS = [
    ("e2e", "run e2e.yml job=browser"),
    ("E2E", "run e2e.yml job=browser"),
    ("e2e force", "run e2e.yml job=browser force"),
    ("e2e  force", "run e2e.yml job=browser  force"),
    ("e2e e2e", "run e2e.yml job=browser e2e"),
    ("e2e2", "e2e2"),
    ("run e2e", "run e2e"),
    ("", ""),
    (" e2e x", "run e2e.yml job=browser x"),
    ("\u200be2e", "run e2e.yml job=browser"),
    ('"e2e', '"e2e'),
]


@pytest.mark.parametrize(("line", "expected"), EXPANSIONS)
def test_an_alias_is_replaced_once_at_the_beginning(line: str, expected: str) -> None:
    config = read("aliases: {e2e: run e2e.yml job=browser, job: list}")
    assert config.expand(line) == expected


def test_nothing_is_replaced_without_aliases() -> None:
    assert Config().expand("run ci.yml") == "run ci.yml"


# --- what is written about it --------------------------------------------------------------------


def test_the_schema_is_the_one_that_is_committed() -> None:
    committed = (ROOT / "config/depot-bot.schema.json").read_text()
    assert json.loads(committed) == schema()
    assert committed == json.dumps(schema(), indent=2) + "\n"


def test_the_schema_allows_what_the_model_allows() -> None:
    definitions = schema()["$defs"]
    assert definitions["Config"]["additionalProperties"] is False
    assert list(definitions["Config"]["properties"]) == [
        field.name for field in msgspec.structs.fields(Config)
    ]
    assert definitions["Automation"]["required"] == ["on", "do"]


def test_the_readme_names_the_file() -> None:
    readme = (ROOT / "README.md").read_text()
    assert PATHS[0] in readme
    for block in re.findall(r"```ya?ml\n(.*?)```", readme, re.DOTALL):
        if not block.startswith("jobs:"):
            assert isinstance(read(block), Config)


def test_the_two_places_differ_in_their_ending() -> None:
    assert PATHS == (".github/depot-bot.yml", ".github/depot-bot.yaml")


def test_too_many_automations() -> None:
    text = "automations:\n" + "- {on: opened, do: run}\n" * 101
    assert "at most 100 go here" in wrong(text)


def test_the_rules_for_workflows_in_their_order() -> None:
    config = read("workflows: {deploy: admin, (inline): maintain, '*': anyone}")
    assert config.workflow_roles() == [
        ("deploy", Permission.ADMIN),
        ("(inline)", Permission.MAINTAIN),
        ("*", Permission.NONE),
    ]


def test_no_more_faults_are_looked_for_than_anybody_reads() -> None:
    with pytest.raises(BadConfig) as raised:
        read("\n".join(f"key{place}: x" for place in range(100)))
    assert len(raised.value.faults) == MAX_FAULTS


@pytest.mark.parametrize(
    ("for_", "expected"),
    [("", None), (", for: triage", Permission.TRIAGE), (", for: nobody", Permission.NOBODY)],
)
def test_the_role_that_an_automation_asks_for(for_: str, expected: Permission | None) -> None:
    config = read(f"automations: [{{on: opened, do: run{for_}}}]")
    event = PullRequestEvent("opened", "g", Sha("a" * 40), "main")
    assert config.automations[0].required_role is expected
    assert automations.required_role(config, event, "run") is expected
    assert automations.required_role(config, event, "list") is None


def test_a_fault_hides_no_other_and_brings_no_other() -> None:
    text = """\
bots: ["bad login", {}, "worse login"]
aliases:
  e2e: [run]
automations:
- {on: opened, do: zzz}
- {on: bad, do: run}
- {on: opened, do: run, paths: [/a]}
- {on: opened, do: e2e}
"""
    with pytest.raises(BadConfig) as raised:
        read(text)
    assert [str(one).partition(":")[0] for one in raised.value.faults] == [
        "line 1, bots[1]",
        "line 1, bots[0]",
        "line 1, bots[2]",
        "line 3, aliases.e2e",
        "line 5, automations[0].do",
        "line 6, automations[1].on",
        "line 7, automations[2].paths",
    ]
