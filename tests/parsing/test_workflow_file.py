"""Finding the workflow file that was meant, and reading untrusted YAML."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.parsing.workflow_file import (
    BadWorkflow,
    DispatchInput,
    JobOutline,
    candidates,
    matches,
    outline,
    path,
)

NAMES = ["ci.yml", "deploy.yaml", "deploy.yml", "nightly.yaml", "CI.yml", "odd name.yml"]


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ci.yml", ["ci.yml"]),
        ("ci", ["ci.yml"]),
        (".depot/workflows/ci.yml", ["ci.yml"]),
        ("./.depot/workflows/ci", ["ci.yml"]),
        ("./ci", ["ci.yml"]),
        ("CI", ["CI.yml"]),
        ("nightly", ["nightly.yaml"]),
        ("nightly.yaml", ["nightly.yaml"]),
        ("odd name", ["odd name.yml"]),
        ("deploy.yml", ["deploy.yml"]),
        # both of them, in the order of the folder
        ("deploy", ["deploy.yaml", "deploy.yml"]),
        # none
        ("nightly.yml", []),
        ("cii", []),
        ("", []),
        (".yml", []),
        (".github/workflows/ci.yml", []),
        ("../ci.yml", []),
        (".depot/workflows/", []),
        (".depot/workflows/sub/ci.yml", []),
    ],
)
def test_matches(typed: str, expected: list[str]) -> None:
    assert matches(typed, NAMES) == expected


@given(st.text(max_size=20))
def test_only_names_of_the_folder_match(typed: str) -> None:
    assert set(matches(typed, NAMES)) <= set(NAMES)


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("ci", ["ci.yml", "ci.yaml"]),
        ("ci.yml", ["ci.yml"]),
        ("ci.yaml", ["ci.yaml"]),
        (".depot/workflows/ci", ["ci.yml", "ci.yaml"]),
        ("./.depot/workflows/ci.yml", ["ci.yml"]),
        ("v1.2", ["v1.2.yml", "v1.2.yaml"]),
        # nothing in that folder is called so
        ("../ci.yml", []),
        (".github/workflows/ci.yml", []),
        (".depot/workflows/sub/ci.yml", []),
        (".yml", []),
        ("..", []),
    ],
)
def test_candidates(typed: str, expected: list[str]) -> None:
    assert candidates(typed) == expected


@given(st.sampled_from([*NAMES, "ci", "deploy", ".depot/workflows/ci", "./ci.yml", "x"]))
def test_what_matches_is_among_the_candidates(typed: str) -> None:
    assert set(matches(typed, NAMES)) <= set(candidates(typed))


def test_path() -> None:
    assert path("ci.yml") == ".depot/workflows/ci.yml"


def test_the_jobs_of_a_workflow_in_their_order() -> None:
    text = """\
name: CI
on: [push]
jobs:
  test:
    needs: build
    steps: [{run: make test}]
  build: {steps: []}
  deploy:
    needs: [test, build]
  "on": {}
"""
    got = outline(text)
    assert got.keys == ("test", "build", "deploy", "on")
    assert got.jobs == (
        JobOutline("test", ("build",)),
        JobOutline("build"),
        JobOutline("deploy", ("test", "build")),
        JobOutline("on"),
    )


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        # YAML that means more than strings elsewhere stays strings: keys as they were typed
        ("jobs: {yes: {}, 1: {}, 1.0: {}, null: {}, 2026-11-24: {}}", "yes 1 1.0 null 2026-11-24"),
        ("jobs: {a: }", "a"),
        ("jobs: {a: text, b: [list], c: 3}", "a b c"),
        ("jobs: {a: {needs: {x: y}}, b: {needs: [[x], {y: z}, w]}}", "a b"),
        ("jobs: !!python/object/apply:os.system {a: !!python/name:os.system x}", "a"),
        ("jobs: !secret {a: !x {}}", "a"),
        ("x: &job {needs: a}\njobs: {a: {}, b: *job, c: *job}", "a b c"),
        ("x: &jobs {a: {}}\njobs: *jobs", "a"),
        ("jobs: {a: {}}\n...\n", "a"),
        ("---\njobs: {a: {}}\n", "a"),
        ("\ufeffjobs: {a: {}}\n", "a"),
        ("jobs: {'weird `key` <b> @ada': {}}", None),
    ],
)
def test_unusual_files_that_have_jobs(text: str, keys: str | None) -> None:
    expected = ("weird `key` <b> @ada",) if keys is None else tuple(keys.split())
    assert outline(text).keys == expected


def test_only_names_count_as_needs() -> None:
    got = outline("jobs: {a: {needs: {x: y}}, b: {needs: [[x], {y: z}, w]}, c: {needs: b}}")
    assert [job.needs for job in got.jobs] == [("x",), ("w",), ("b",)]


def test_an_empty_needs_needs_nothing() -> None:
    assert outline("jobs:\n  a:\n    needs:\n").jobs == (JobOutline("a"),)


NOT_YAML = "not YAML"
NO_JOBS = "it has no `jobs`"
TOO_DEEP = "nested too deeply"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", NO_JOBS),
        ("# only a comment\n", NO_JOBS),
        ("text", NO_JOBS),
        ("[jobs]", NO_JOBS),
        ("on: push", NO_JOBS),
        ("jobs:", NO_JOBS),
        ("jobs: {}", NO_JOBS),
        ("jobs: [a, b]", NO_JOBS),
        ("jobs: text", NO_JOBS),
        ("Jobs: {a: {}}", NO_JOBS),
        ("jobs: {a: {}", f"{NOT_YAML} in line 2"),
        ("jobs:\n\t- a", f"{NOT_YAML} in line 2"),
        ("jobs:\n  a: b: c", f"{NOT_YAML} in line 2"),
        ("jobs: *nowhere", f"{NOT_YAML} in line 1"),
        # Depot and people would read different ones of two equal keys.
        ("jobs: {a: {needs: b}, b: {}, a: {needs: c}}", "a key twice in line 1"),
        ("jobs: {a: {}}\njobs: {b: {}}", "a key twice in line 2"),
        ("jobs: &a {x: *a}", f"{NOT_YAML} in line 1"),  # an alias of what holds it
        ("jobs: {[a]: {}, ? {b: c} : {}}", f"{NOT_YAML} in line 1"),
        ("jobs: {a: {}}\n---\njobs: {b: {}}", f"{NOT_YAML} in line 2"),
        ("jobs: {a: \x00}", NOT_YAML),
        ("jobs: {a: \x1b[31m}", NOT_YAML),
        ("jobs: {a: \ud800}", NOT_YAML),
        ("%YAML 9.9\n---\njobs: {a: {}}", f"{NOT_YAML} in line 1"),
        ("jobs: " + "[" * 100_000, TOO_DEEP),
        ("jobs: " + "{a: " * 100_000, TOO_DEEP),
        ("- " * 100_000, TOO_DEEP),
        ("? " * 100_000, TOO_DEEP),
        ("jobs: " + "[" * 51 + "]" * 51, TOO_DEEP),
    ],
)
def test_files_that_are_no_workflow(text: str, why: str) -> None:
    with pytest.raises(BadWorkflow) as caught:
        outline(text)
    assert str(caught.value).startswith(why)


def test_aliases_that_stand_for_too_much() -> None:
    # Nine levels of nine: 387 million values for whoever writes them all out.
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for n in range(1, 9):
        levels.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    with pytest.raises(BadWorkflow, match="its aliases stand for too much"):
        outline("\n".join([*levels, "jobs: {a: {needs: *a8}}"]))
    assert outline("\n".join([*levels[:5], "jobs: {a: {needs: *a1}}"])).jobs == (JobOutline("a"),)


@given(
    st.lists(
        st.sampled_from(
            [
                *("jobs:", " a:", " {", "}", "[", "]", "\n", "  ", "- ", "? ", ": ", "&x ", "*x"),
                *("!!str ", "!x ", "|", ">", "---", "...", "%TAG", "'", '"', "#", "<<: ", "\x00"),
            ]
        )
        | st.text(max_size=4),
        max_size=25,
    ).map("".join)
)
def test_any_text_is_an_outline_or_a_bad_workflow(text: str) -> None:
    try:
        keys = outline(text).keys
    except BadWorkflow:
        return
    assert keys
    assert all(isinstance(key, str) for key in keys)


INPUTS = """\
on:
  workflow_dispatch:
    inputs:
      plain:
      place: {type: choice, options: [staging, production], required: true}
      loud: {type: boolean, required: true, default: false}
      many: {type: number}
jobs: {a: {}}
"""


def test_the_inputs_of_a_dispatch() -> None:
    assert outline(INPUTS).inputs == (
        DispatchInput("plain"),
        DispatchInput("place", "choice", is_required=True, options=("staging", "production")),
        DispatchInput("loud", "boolean"),
        DispatchInput("many", "number"),
    )


@pytest.mark.parametrize(
    ("kind", "value", "fits"),
    [
        ("string", "anything", True),
        ("environment", "staging", True),
        ("choice", "staging", True),
        ("choice", "Staging", False),
        ("boolean", "true", True),
        ("boolean", "True", False),
        ("number", "-1.5e3", True),
        ("number", ".5", True),
        ("number", "1,5", False),
        ("number", "", False),
    ],
)
def test_whether_a_value_fits_its_input(kind: str, value: str, fits: bool) -> None:
    declared = DispatchInput("x", kind, options=("staging",) if kind == "choice" else ())
    assert (declared.problem_with(value) == "") is fits


def test_names_that_look_the_same_are_the_same() -> None:
    composed, decomposed = "caf\u00e9.yml", "cafe\u0301.yml"
    assert matches("caf\u00e9", [decomposed]) == [decomposed]
    assert matches("cafe\u0301.yml", [composed]) == [composed]
