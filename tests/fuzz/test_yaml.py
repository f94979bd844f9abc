"""Workflow files and config files: whatever stands in them, they are read or said to be broken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import example, given

from bot.core.events import PullRequestEvent
from bot.core.types import Permission, Sha
from bot.parsing import safe_yaml
from bot.parsing.workflow_file import BadWorkflow, Outline, outline
from bot.rules.repository_config import BadConfig, Config, parse
from tests.fuzz.command_lines import VERBS
from tests.fuzz.counting import calls, filled, growth
from tests.fuzz.profiles import LONG, cases
from tests.fuzz.yaml_texts import texts

LINEAR = 2.5
"""How many times the work twice the text may be: a square would make it 4."""

MOST = 50
"""Calls for each character, in the worst case that is known."""


def loaded(text: str) -> Any:
    try:
        return safe_yaml.load(text)
    except safe_yaml.BadYaml as wrong:
        return wrong


def outlined(text: str) -> Outline | BadWorkflow:
    try:
        return outline(text)
    except BadWorkflow as wrong:
        return wrong


def configured(text: str) -> Config | BadConfig:
    try:
        return parse(text, VERBS)
    except BadConfig as wrong:
        return wrong


@cases(6)
@given(texts)
@example("&a [*a]")
@example("? &a [*a]\n: b")
@example("&a {*a : *a}")
@example("<<: *x")
@example("? [a, b]\n: c")
@example("\ud800")
@example("- " * 5_000)
@example("[" * 50_000)
def test_any_text_is_plain_yaml_or_broken(text: str) -> None:
    found = loaded(text)
    if isinstance(found, safe_yaml.BadYaml):
        assert 0 < len(str(found)) < 100
    else:
        assert _is_plain(found)


def _is_plain(value: Any) -> bool:
    """Whether it is made of texts, lists and mappings only."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(value[key]) for key in value)
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str)


@cases(6)
@given(texts)
@example("jobs: {a: {needs: [b, [c], {d: e}, '']}}\non: {workflow_dispatch: {inputs: {x: }}}")
def test_any_text_is_a_workflow_or_none(text: str) -> None:
    found = outlined(text)
    if isinstance(found, BadWorkflow):
        assert 0 < len(str(found)) < 100
    else:
        assert found.keys
        assert all(isinstance(need, str) and need for job in found.jobs for need in job.needs)
        assert all(isinstance(one.name, str) for one in found.inputs or ())
        assert found.needs(found.keys[0]) == found.jobs[0].needs


@cases(6)
@given(texts)
def test_any_text_is_a_config_that_can_be_asked_or_none(text: str) -> None:
    config = configured(text)
    if isinstance(config, BadConfig):
        assert str(config)
    else:
        assert config.needs("run", Permission.WRITE) in Permission
        assert config.workflow_needs("ci.yml") in Permission
        assert isinstance(config.expand("e2e force"), str)
        happening = PullRequestEvent("labeled", "guid", Sha("0" * 40), "main", "full-ci")
        for automation in config.automations:
            assert automation.follows(happening) in {True, False}
            assert automation.concerns(["src/a", ""]) in {True, False}


# --- what it costs -------------------------------------------------------------------------------

LENGTH = 16_000 if LONG else 4_000
UNITS = [
    *("- ", "-\n", "? ", "[", "[],", "{a: ", "a: b\n", "- a\n", " a\n", "#\n", "---\n", "a ", "\n"),
    *("- &a b\n", "- *a\n", "!x ", "!!str a,", '"a",', "'a',", "|\n", ">\n a\n", "\t", "\\x41"),
    *("&a ", "*a ", "<<: {}\n", "%TAG !a! b\n", "...\n", "? a\n", ": a\n", "a:\n ", "\ufeff"),
]
STARTS = ["", "jobs: {a: {}}\nx: [", "jobs: {a: {}}\nx:\n", 'jobs: {a: {}}\nx: "', "a: &a b\nx:\n"]


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("unit", UNITS)
def test_the_work_grows_as_a_file_does(start: str, unit: str) -> None:
    def make(length: int) -> str:
        return start + filled(unit, length)

    assert growth(outlined, make, LENGTH) <= LINEAR
    assert growth(configured, make, LENGTH) <= LINEAR


def many_jobs_that_need_many(length: int) -> str:
    half = length // 2
    jobs = "".join(f" j{n}: {{needs: *n}}\n" for n in range(half // 20))
    return f"x: &n [{filled('a,', half)}]\njobs:\n{jobs}"


def one_automation_many_times(length: int) -> str:
    half = length // 2
    return f"automations: [&a {{on: opened, do: run {'a' * half}}}, {filled('*a, ', half)}]"


def one_list_of_paths_many_times(length: int) -> str:
    half = length // 2
    one = f"&a {{on: opened, do: run, paths: [{filled('a, ', half)}]}}"
    return f"automations: [{one}, {filled('*a, ', half)}]"


def one_alias_many_times(length: int) -> str:
    half = length // 2
    automations = filled("{on: opened, do: x}, ", half)
    return f"aliases: {{x: run {'a' * half}}}\nautomations: [{automations}]"


@pytest.mark.parametrize("make", [one_automation_many_times, one_alias_many_times])
def test_a_line_is_not_read_for_each_alias_of_it(make: Callable[[int], str]) -> None:
    # At 64 KiB, which a config may have, it takes minutes.
    text = make(2_400)
    assert calls(lambda: configured(text)) <= MOST * len(text)


def test_needs_are_not_copied_for_each_alias_of_them() -> None:
    # At 512 KiB, which a workflow may have, it takes gigabytes.
    text = many_jobs_that_need_many(20_000)
    assert calls(lambda: outlined(text)) <= MOST * len(text)


def test_what_is_read_is_no_larger_than_the_file() -> None:
    text = one_list_of_paths_many_times(4_000)
    config = configured(text)
    assert isinstance(config, BadConfig) or sum(
        len(one.paths) for one in config.automations
    ) <= len(text)


def test_no_command_of_a_config_holds_a_nul() -> None:
    config = configured('automations: [{on: opened, do: "run \\0"}]')
    assert isinstance(config, BadConfig) or "\0" not in config.automations[0].do


def test_a_hostile_file_takes_few_calls() -> None:
    assert calls(lambda: outlined("[" * 500_000)) < 1_000
