"""From what happened to the command lines that follow. Pure."""

from __future__ import annotations

import pytest

from bot.core.events import CommandLine, PullRequestEvent
from bot.core.types import Sha
from bot.parsing.comments import MAX_COMMANDS
from bot.rules.automations import QUIET, lines, needs_paths
from bot.rules.repository_config import PATHS, Automation, Config

SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
KINDS = ["opened", "synchronize", "ready_for_review", "labeled", "review_approved"]


def happening(kind: str, label: str = "", base: str = "main") -> PullRequestEvent:
    return PullRequestEvent(kind=kind, guid="g", sha=SHA, base_branch=base, label=label)


def texts(config: Config, what: PullRequestEvent, changed: list[str] | None = None) -> list[str]:
    found = lines(config, what, changed or [])
    assert all(line == CommandLine(line.text) for line in found)
    return [line.text for line in found]


def follows(
    what: PullRequestEvent,
    changed: list[str],
    *,
    on: str = "labeled",
    label: str = "",
    base: str = "*",
    paths: list[str] | None = None,
) -> bool:
    automation = Automation(
        on=on,  # type: ignore[arg-type]
        do="run",
        label=label,
        base=base,
        paths=paths or [],
    )
    return texts(Config(automations=[automation]), what, changed) == ["run"]


@pytest.mark.parametrize("on", KINDS)
@pytest.mark.parametrize("kind", [*KINDS, "reopened", "closed", ""])
def test_only_its_own_kind(kind: str, on: str) -> None:
    assert follows(happening(kind), [], on=on) is (kind == on)


@pytest.mark.parametrize(
    ("wanted", "label", "expected"),
    [
        ("", "full-ci", True),
        ("", "", True),
        ("full-ci", "full-ci", True),
        ("full-ci", "Full-CI", True),
        ("full-ci", "full-ci ", False),
        ("full-ci", "", False),
        ("full-*", "full-ci", False),  # a label is no pattern
    ],
)
def test_the_label(wanted: str, label: str, expected: bool) -> None:
    assert follows(happening("labeled", label), [], label=wanted) is expected


@pytest.mark.parametrize(
    ("pattern", "base", "expected"),
    [
        ("*", "main", True),
        ("main", "main", True),
        ("main", "Main", False),
        ("main", "main2", False),
        ("release-*", "release-1", True),
        ("release/*", "release/1/2", False),
        ("release/**", "release/1/2", True),
        ("release-*", "main", False),
    ],
)
def test_the_base(pattern: str, base: str, expected: bool) -> None:
    assert follows(happening("labeled", base=base), [], base=pattern) is expected


@pytest.mark.parametrize(
    ("patterns", "changed", "expected"),
    [
        ([], [], True),
        ([], ["x"], True),
        (["*"], [], False),
        (["src/*"], ["src/a.py"], True),
        (["src/*"], ["src/deep/a.py"], False),
        (["src/**"], ["src/deep/a.py"], True),
        (["src/*"], ["docs/a.md"], False),
        (["src/*"], ["docs/a.md", "src/a.py"], True),
        (["docs/*", "src/*"], ["src/a.py"], True),
        (["*.py"], ["src/a.py"], False),
        (["**/*.py"], ["src/a.py"], True),
        (["**/*.py"], ["setup.py"], True),
        (["**/*.py", "!src/**"], ["src/a.py"], False),
        (["SRC/*"], ["src/a.py"], False),
    ],
)
def test_the_paths(patterns: list[str], changed: list[str], expected: bool) -> None:
    assert follows(happening("labeled"), changed, paths=patterns) is expected


def test_all_that_follow_in_their_order() -> None:
    config = Config(
        automations=[
            Automation(on="labeled", do="run b.yml"),
            Automation(on="opened", do="run x.yml"),
            Automation(on="labeled", do="run a.yml"),
        ]
    )
    assert texts(config, happening("labeled")) == ["run b.yml", "run a.yml"]


def test_no_more_than_a_comment_may_hold() -> None:
    many = [Automation(on="opened", do=f"run {number}.yml") for number in range(20)]
    found = texts(Config(automations=many), happening("opened"), list(PATHS))
    assert found == [*(f"run {number}.yml" for number in range(MAX_COMMANDS)), "check-config"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("kind", [*KINDS, "reopened"])
def test_a_changed_config_is_checked(kind: str, path: str) -> None:
    expected = ["check-config"] if kind in {"opened", "synchronize"} else []
    assert texts(Config(), happening(kind), ["README.md", path]) == expected


@pytest.mark.parametrize(
    "changed", [[], ["README.md"], ["depot-bot.yml"], [".github/depot-bot.yml.md"]]
)
def test_nothing_is_checked_when_the_config_stays(changed: list[str]) -> None:
    assert texts(Config(), happening("synchronize"), changed) == []


@pytest.mark.parametrize(
    ("config", "kind", "expected"),
    [
        (Config(), "opened", True),  # it may change the config
        (Config(), "synchronize", True),
        (Config(), "labeled", False),
        (Config(), "reopened", False),
        (Config(automations=[Automation(on="labeled", do="run")]), "labeled", False),
        (Config(automations=[Automation(on="labeled", do="run", paths=["*"])]), "labeled", True),
        (
            Config(automations=[Automation(on="review_approved", do="run", paths=["*"])]),
            "labeled",
            False,
        ),
        (
            Config(automations=[Automation(on="labeled", do="run", label="x", paths=["*"])]),
            "labeled",
            False,
        ),
        (
            Config(automations=[Automation(on="labeled", do="run", base="x", paths=["*"])]),
            "labeled",
            False,
        ),
    ],
)
def test_when_the_changed_files_have_to_be_read(config: Config, kind: str, expected: bool) -> None:
    assert needs_paths(config, happening(kind)) is expected


def test_what_somebody_has_to_mend_is_not_kept_quiet() -> None:
    spoken = {"unknown-workflow", "unknown-job", "workflow-not-allowed", "command-not-allowed"}
    assert not QUIET & {*spoken, "bad-config", "could-not-ask", "internal-error", "misread"}
