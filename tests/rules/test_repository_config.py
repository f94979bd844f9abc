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
from bot.core.types import Permission
from bot.rules.repository_config import (
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
    # not YAML, or not of the shape
    ("forks: [", "not YAML in line 2"),
    ("a: b\n  c: d", "not YAML in line 2"),
    ("\tforks: pinned", "not YAML in line 1"),
    ("%YAML 9.9\n---\nforks: pinned", "not YAML in line 1"),
    ("forks: pinned\n---\nforks: refuse", "not YAML"),
    ("*nothing", "not YAML in line 1"),
    ("\x00", "not YAML"),
    ("[]", "Expected `object`, got `array`"),
    ("- forks: pinned", "Expected `object`, got `array`"),
    ("false", "Expected `object`, got `str`"),
    ("null", "Expected `object`, got `str`"),
    ("~", "Expected `object`, got `str`"),
    ("0", "Expected `object`, got `str`"),
    ("run: maintain", "Object contains unknown field `run`"),
    ("workflow: {}", "Object contains unknown field `workflow`"),
    ("Forks: pinned", "Object contains unknown field `Forks`"),
    # permissions
    ("permissions: run", "Expected `object`, got `str` - at `$.permissions`"),
    ("permissions: [run]", "Expected `object`, got `array` - at `$.permissions`"),
    ("permissions:", "Expected `object`, got `str` - at `$.permissions`"),
    ("permissions: {run: wrote}", "Invalid enum value 'wrote' - at `$.permissions[...]`"),
    ("permissions: {run: none}", "Invalid enum value 'none' - at `$.permissions[...]`"),
    ("permissions: {run: Write}", "Invalid enum value 'Write' - at `$.permissions[...]`"),
    ("permissions: {run: 3}", "Invalid enum value '3' - at `$.permissions[...]`"),
    ("permissions: {run: }", "Invalid enum value '' - at `$.permissions[...]`"),
    ("permissions: {run: [write]}", "Expected `str`, got `array` - at `$.permissions[...]`"),
    ("permissions: {rum: write}", "there is no command 'rum' - at `$.permissions`"),
    ("permissions: {Run: write}", "there is no command 'Run' - at `$.permissions`"),
    (
        "permissions: {check-config: write}",
        "there is no command 'check-config' - at `$.permissions`",
    ),
    # an alias has no role of its own: its command's counts
    (
        "aliases: {e2e: run}\npermissions: {e2e: write}",
        "there is no command 'e2e' - at `$.permissions`",
    ),
    # workflows, forks, bots, silence
    ("workflows: ['*']", "Expected `object`, got `array` - at `$.workflows`"),
    ("workflows: {'*': all}", "Invalid enum value 'all' - at `$.workflows[...]`"),
    ("forks: true", "Invalid enum value 'true' - at `$.forks`"),
    ("forks: Pinned", "Invalid enum value 'Pinned' - at `$.forks`"),
    ("forks:", "Invalid enum value '' - at `$.forks`"),
    ("forks: [pinned]", "Expected `str`, got `array` - at `$.forks`"),
    ("bots: renovate", "Expected `array`, got `str` - at `$.bots`"),
    ("bots: [[renovate]]", "Expected `str`, got `array` - at `$.bots[0]`"),
    ("silence: all", "Expected `array`, got `str` - at `$.silence`"),
    ("silence: [everything]", "Invalid enum value 'everything' - at `$.silence[0]`"),
    # aliases
    ("aliases: {run: rerun}", "'run' cannot be an alias - at `$.aliases`"),
    ("aliases: {help: list}", "'help' cannot be an alias - at `$.aliases`"),
    ("aliases: {E2E: run}", "'E2E' cannot be an alias - at `$.aliases`"),
    ("aliases: {'': run}", "'' cannot be an alias - at `$.aliases`"),
    ("aliases: {'a b': run}", "'a b' cannot be an alias - at `$.aliases`"),
    ("aliases: {-a: run}", "'-a' cannot be an alias - at `$.aliases`"),
    ("aliases: {'1st': run}", "'1st' cannot be an alias - at `$.aliases`"),
    (f"aliases: {{{'a' * 32}: run}}", f"'{'a' * 32}' cannot be an alias - at `$.aliases`"),
    ('aliases: {"a\\n": run}', "'a\\n' cannot be an alias - at `$.aliases`"),
    ("aliases: {a: rum}", "'rum' is no command line - at `$.aliases.a`"),
    ("aliases: {a: ''}", "'' is no command line - at `$.aliases.a`"),
    ("aliases: {a: '  '}", "'  ' is no command line - at `$.aliases.a`"),
    ("aliases: {a: run jobs=x}", "'run jobs=x' is no command line - at `$.aliases.a`"),
    ("aliases: {a: 'run job=\"x'}", "'run job=\"x' is no command line - at `$.aliases.a`"),
    ("aliases: {a: /depot run}", "'/depot run' is no command line - at `$.aliases.a`"),
    ("aliases: {a: run sha=3f2c1d0}", "'run sha=3f2c1d0' is no command line - at `$.aliases.a`"),
    ("aliases: {a: b, b: run}", "'b' is no command line - at `$.aliases.a`"),  # one step only
    ("aliases: {a: a}", "'a' is no command line - at `$.aliases.a`"),
    ("aliases: {a: [run]}", "Expected `str`, got `array` - at `$.aliases[...]`"),
    # automations
    ("automations: {}", "Expected `array`, got `object` - at `$.automations`"),
    ("automations: [run]", "Expected `object`, got `str` - at `$.automations[0]`"),
    ("automations: [{on: opened}]", "Object missing required field `do` - at `$.automations[0]`"),
    ("automations: [{do: run}]", "Object missing required field `on` - at `$.automations[0]`"),
    (
        "automations: [{on: closed, do: run}]",
        "Invalid enum value 'closed' - at `$.automations[0].on`",
    ),
    (
        "automations: [{on: opened, do: run, if: x}]",
        "Object contains unknown field `if` - at `$.automations[0]`",
    ),
    ("automations: [{on: opened, do: rum}]", "'rum' is no command line - at `$.automations[0].do`"),
    ("automations: [{on: opened, do: ''}]", "'' is no command line - at `$.automations[0].do`"),
    (
        "automations: [{on: opened, do: check-config}]",
        "'check-config' is no command line - at `$.automations[0].do`",
    ),
    (
        "automations: [{on: opened, do: run}, {on: opened, do: rum}]",
        "'rum' is no command line - at `$.automations[1].do`",
    ),
    (
        "automations: [{on: opened, label: x, do: run}]",
        "`label` goes with `on: labeled` - at `$.automations[0]`",
    ),
    (
        "automations: [{on: opened, paths: src, do: run}]",
        "Expected `array`, got `str` - at `$.automations[0].paths`",
    ),
]


@pytest.mark.parametrize(("text", "why"), BROKEN)
def test_a_broken_file_says_where_and_why(text: str, why: str) -> None:
    assert wrong(text) == why or wrong(text).startswith(f"{why} in line")


@pytest.mark.parametrize("verb", INTERNAL)
def test_an_internal_command_is_no_alias(verb: str) -> None:
    assert wrong(f"aliases: {{{verb}: run}}") == f"{verb!r} cannot be an alias - at `$.aliases`"


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
        told = f"a command line longer than {MAX_LINE} characters - at `$.automations[0].do`"
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
    (" e2e", " e2e"),
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
