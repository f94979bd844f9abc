"""What is said of failures that were seen before, word for word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.failures import Evidence, FlakyJob
from bot.core.types import RepoName, RunId, Sha
from bot.messages.known_failures import MAX_PULLS, flaky_jobs, seen_elsewhere
from bot.messages.phrases import MAX_ROWS

SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
TEST = Evidence(("test",))


@pytest.mark.parametrize(
    ("one", "said"),
    [
        (
            replace(TEST, base="main", base_known=12, base_seen=4, since=SHA),
            "- `test`: Also on `main` since `3f2c1d0`: 4 of 12 runs known.",
        ),
        (
            replace(TEST, base="main", base_known=1, base_seen=1, since=SHA),
            "- `test`: Also on `main` since `3f2c1d0`: 1 of 1 run known.",
        ),
        (replace(TEST, pulls=(9,)), "- `test`: Also on 1 other pull request: `#9`."),
        (
            replace(TEST, pulls=(9, 12)),
            "- `test`: Also on 2 other pull requests: `#12`, `#9`.",
        ),
        (
            replace(TEST, passed_attempt=2),
            "- `test`: Passed on attempt 2 of the same commit.",
        ),
        (
            replace(TEST, passed_elsewhere=1),
            "- `test`: Failed so in 1 other run, and then passed on the same commit.",
        ),
        (
            replace(TEST, passed_elsewhere=2),
            "- `test`: Failed so in 2 other runs, and then passed on the same commit.",
        ),
        (
            replace(TEST, base="main", base_known=12, is_nowhere=True),
            "- `test`: Seen nowhere else; 12 runs of `main` known.",
        ),
        (
            Evidence(("test", "lint"), "main", 12, 4, SHA, (9,), 2, 1),
            "- `test`, `lint`: Also on `main` since `3f2c1d0`: 4 of 12 runs known. "
            "Also on 1 other pull request: `#9`. Passed on attempt 2 of the same commit. "
            "Failed so in 1 other run, and then passed on the same commit.",
        ),
    ],
)
def test_a_line_of_evidence(one: Evidence, said: str) -> None:
    assert seen_elsewhere([one]) == f"Seen elsewhere:\n\n{said}"


def test_a_line_for_each_failure() -> None:
    found = [replace(TEST, pulls=(9,)), replace(TEST, jobs=("lint",), passed_attempt=3)]
    assert seen_elsewhere(found).split("\n")[2:] == [
        "- `test`: Also on 1 other pull request: `#9`.",
        "- `lint`: Passed on attempt 3 of the same commit.",
    ]


def test_of_very_many_pull_requests_the_newest() -> None:
    text = seen_elsewhere([replace(TEST, pulls=tuple(range(1, MAX_PULLS + 4)))])
    assert "13 other pull requests: `#13`, " in text
    assert text.endswith("`#4` and 3 more.")


def test_names_have_no_effect() -> None:
    one = replace(TEST, jobs=("@alice `x`\n# big",), base="@bob#1", base_known=1, is_nowhere=True)
    assert seen_elsewhere([one]).split("\n")[2:] == [
        "- ``@alice `x` # big``: Seen nowhere else; 1 run of `@bob#1` known."
    ]


FLAKY = FlakyJob(
    RepoName("octo/hello"),
    "ci.yml",
    "test",
    "test",
    times=2,
    last_at=1_795_500_000.0,
    runs=((RunId("r2"), "org"), (RunId("r1"), "")),
)


def test_flaky_jobs() -> None:
    one = replace(FLAKY, job="a|b", workflow="", times=1)
    assert flaky_jobs([FLAKY, one], 30, None) == (
        "Failed and then passed on the same commit in the last 30 days, in the runs that were "
        "followed here:\n\n"
        "| job | workflow | how often | last | newest runs |\n|---|---|---|---|---|\n"
        "| `test` | `ci.yml` | 2 times | 2026-11-24 06:00 UTC "
        "| [`r2`](https://depot.dev/orgs/org/workflows/r2), `r1` |\n"
        "| `a\\|b` |  | once | 2026-11-24 06:00 UTC "
        "| [`r2`](https://depot.dev/orgs/org/workflows/r2), `r1` |"
    )


def test_very_many_flaky_jobs() -> None:
    text = flaky_jobs([FLAKY] * (MAX_ROWS + 3), 30, None)
    assert text.count("| `test` |") == MAX_ROWS
    assert text.endswith("\n\nAnd 3 more jobs.")


def test_no_flaky_job() -> None:
    since = "in the last 30 days, in the runs that were followed here."
    assert flaky_jobs([], 30, None) == (
        f"No job has failed and then passed on the same commit {since}"
    )
    assert flaky_jobs([], 30, "@x") == (
        f"No job that `@x` names has failed and then passed on the same commit {since}"
    )
