"""Which job is meant, what to call each, and whether a workflow has moved: tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from bot.core import jobs
from bot.core.runs import Attempt, Job, Run, Workflow
from bot.core.types import RunId


def job(key: str, status: str = "finished", name: str = "", attempts: int = 1) -> Job:
    tries = tuple(Attempt(f"{key}-{n}", n, status) for n in range(1, attempts + 1))
    return Job(job_id=f"id of {key}", key=key, status=status, name=name, attempts=tries)


def workflow(status: str, *inside: Job) -> Workflow:
    return Workflow("w", ".depot/workflows/ci.yml", status, jobs=inside)


PLAIN = ("ci.yml:build", "ci.yml:lint", "ci.yml:test")
MATRIX = ("ci.yml:build", "ci.yml:test:matrix-0", "ci.yml:test:matrix-1")
REUSED = ("ci.yml:call:build", "ci.yml:call:test", "ci.yml:test")
TWO_FILES = ("ci.yml:test", "nightly.yaml:test", "nightly.yaml:soak")
INLINE = ("_inline_0.yaml:probe", "_inline_1.yaml:probe")
BARE = ("build", "test", "test:matrix-0")

MATCHES: list[tuple[str, Sequence[str], Sequence[str]]] = [
    ("test", PLAIN, ["ci.yml:test"]),
    ("ci.yml:test", PLAIN, ["ci.yml:test"]),
    ("tests", PLAIN, []),
    ("tes", PLAIN, []),
    ("TEST", PLAIN, []),
    (":", PLAIN, []),
    ("ci:test", PLAIN, []),
    ("yml:test", PLAIN, []),
    # A file's name is a segment as well, and in all of its jobs.
    ("ci.yml", PLAIN, list(PLAIN)),
    ("test", MATRIX, ["ci.yml:test:matrix-0", "ci.yml:test:matrix-1"]),
    ("ci.yml:test", MATRIX, ["ci.yml:test:matrix-0", "ci.yml:test:matrix-1"]),
    ("test:matrix-1", MATRIX, ["ci.yml:test:matrix-1"]),
    ("matrix-0", MATRIX, ["ci.yml:test:matrix-0"]),
    ("ci.yml:test:matrix-0", MATRIX, ["ci.yml:test:matrix-0"]),
    ("test:matrix", MATRIX, []),
    # The end of a key counts for more than its middle, and an equal key for more than its end.
    ("test", REUSED, ["ci.yml:call:test", "ci.yml:test"]),
    ("ci.yml:test", REUSED, ["ci.yml:test"]),
    ("call:test", REUSED, ["ci.yml:call:test"]),
    ("call", REUSED, ["ci.yml:call:build", "ci.yml:call:test"]),
    ("build", REUSED, ["ci.yml:call:build"]),
    ("test", TWO_FILES, ["ci.yml:test", "nightly.yaml:test"]),
    ("nightly.yaml:test", TWO_FILES, ["nightly.yaml:test"]),
    ("soak", TWO_FILES, ["nightly.yaml:soak"]),
    ("probe", INLINE, list(INLINE)),
    ("_inline_1.yaml:probe", INLINE, ["_inline_1.yaml:probe"]),
    ("test", BARE, ["test"]),
    ("test:matrix-0", BARE, ["test:matrix-0"]),
    ("ci.yml:test", BARE, []),
    ("a:b:c:d:e", PLAIN, []),
    ("test", (), []),
]


LABELS = {"ci.yml:unit": "Unit tests", "ci.yml:e2e": "unit", "ci.yml:a": "same", "ci.yml:b": "same"}
BY_LABEL: list[tuple[str, Sequence[str]]] = [
    ("Unit tests", ["ci.yml:unit"]),
    ("unit", ["ci.yml:unit"]),  # a key counts for more than a label
    ("same", ["ci.yml:a", "ci.yml:b"]),
    ("unit tests", []),
]


@pytest.mark.parametrize(("typed", "expected"), BY_LABEL)
def test_a_label_will_do(typed: str, expected: Sequence[str]) -> None:
    labelled = [job(key, name=label) for key, label in LABELS.items()]
    assert [found.key for found in jobs.match(typed, labelled)] == expected


@pytest.mark.parametrize(("typed", "keys", "expected"), MATCHES)
def test_the_job_that_is_meant(typed: str, keys: Sequence[str], expected: Sequence[str]) -> None:
    assert [found.key for found in jobs.match(typed, [job(key) for key in keys])] == expected


NAMES: list[tuple[Mapping[str, str], Sequence[str]]] = [
    ({"ci.yml:build": "", "ci.yml:test": ""}, ["build", "test"]),
    ({"ci.yml:build": "Build it", "ci.yml:test": "test"}, ["Build it", "test"]),
    ({"ci.yml:test:matrix-0": "", "ci.yml:test:matrix-1": ""}, ["test:matrix-0", "test:matrix-1"]),
    ({"build": "", "test": ""}, ["build", "test"]),
    # Two that would look the same keep their keys, a third does not.
    (
        {"ci.yml:test": "", "nightly.yaml:test": "", "ci.yml:lint": ""},
        ["ci.yml:test", "nightly.yaml:test", "lint"],
    ),
    ({"ci.yml:a": "same", "ci.yml:b": "same"}, ["ci.yml:a", "ci.yml:b"]),
    ({"ci.yml:a": "b", "ci.yml:b": ""}, ["ci.yml:a", "ci.yml:b"]),
    ({"ci.yml:": ""}, ["ci.yml:"]),
    ({"": ""}, [""]),
    ({}, []),
]


@pytest.mark.parametrize(("labels", "expected"), NAMES)
def test_what_to_call_each(labels: Mapping[str, str], expected: Sequence[str]) -> None:
    all_of_them = [job(key, name=label) for key, label in labels.items()]
    assert jobs.names(all_of_them) == {
        each.job_id: name for each, name in zip(all_of_them, expected, strict=True)
    }


@pytest.mark.parametrize(
    ("status", "counts"),
    [
        ("failed", True),
        ("cancelled", True),
        ("finished", False),
        ("skipped", False),
        ("running", False),
        ("queued", False),
        ("waiting", False),
        ("paused", False),
    ],
)
def test_what_a_retry_takes_up_again(status: str, counts: bool) -> None:
    one = job("ci.yml:test", status)
    assert jobs.failed([one]) == ([one] if counts else [])


BEFORE = {"id of build": 1, "id of test": 2}
MOVED: list[tuple[str, Workflow, bool]] = [
    (
        "as it was",
        workflow("failed", job("build"), job("test", "failed", attempts=2)),
        False,
    ),
    ("runs", workflow("running", job("build"), job("test", "queued", attempts=2)), True),
    ("queued", workflow("queued", job("build"), job("test", attempts=2)), True),
    ("a state nobody knows", workflow("paused", job("build"), job("test", attempts=2)), True),
    ("failed again", workflow("failed", job("build"), job("test", "failed", attempts=3)), True),
    ("over again", workflow("finished", job("build", attempts=2), job("test", attempts=3)), True),
    ("one that had no attempt", workflow("finished", job("build"), job("deploy")), True),
    ("one that still has none", workflow("failed", job("deploy", "skipped", attempts=0)), False),
    ("no jobs", workflow("failed"), False),
    ("cancelled as before", workflow("cancelled", job("build", "cancelled")), False),
]


@pytest.mark.parametrize(
    ("now", "expected"), [row[1:] for row in MOVED], ids=[row[0] for row in MOVED]
)
def test_whether_a_workflow_was_taken_up_again(now: Workflow, expected: bool) -> None:
    assert jobs.has_moved(now, BEFORE) is expected


def test_the_newest_attempt_is_the_one_with_the_highest_number() -> None:
    tries = (Attempt("b", 2, "failed"), Attempt("c", 3, "queued"), Attempt("a", 1, "failed"))
    several = Job("id of test", "ci.yml:test", "queued", attempts=tries)
    run = Run(RunId("r"), "o", "running", (workflow("running", several, job("x", attempts=0)),))
    assert jobs.attempts(run) == {"id of test": 3}


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("test", ["test"]),
        ("build, test,build", ["build", "test"]),
        ("test (3.11, linux)", ["test (3.11, linux)"]),
        ("no, such", ["no", "such"]),
    ],
)
def test_a_list_of_names(typed: str, expected: list[str]) -> None:
    labelled = Job("j", "ci.yml:test:matrix-0", "failed", name="test (3.11, linux)")
    assert jobs.named(typed, [job("build"), job("test"), labelled]) == expected
