"""The README says what is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from bot.commands import COMMANDS
from bot.core.reasons import Reason
from bot.depot.client import REFUSALS
from bot.ops.variables import TABLE
from bot.parsing.arguments import parse_command
from tests import docs

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.mark.parametrize("name", docs.readme_parts())
def test_the_parts_that_are_made_from_the_code(name: str) -> None:
    found = re.search(rf"(?s)^<!-- {name} -->\n(.*)\n<!-- /{name} -->$", README, re.MULTILINE)
    assert found is not None
    assert found[1].strip() == docs.readme_parts()[name], "to be made anew: make docs"


def test_the_tables_say_all_there_is() -> None:
    parts = docs.readme_parts()
    assert set(re.findall(r"(?m)^\| `/depot ([a-z-]+)", parts["commands"])) == set(COMMANDS)
    assert re.findall(r"(?m)^\| `([^`]+)` \|", parts["reasons"]) == list(Reason)
    assert re.findall(r"(?m)^\| `([^`]+)` \|", parts["variables"]) == [one.name for one in TABLE]
    assert all(one.meaning.endswith(".") and "|" not in one.meaning for one in Reason)


def test_made_anew_the_readme_is_what_it_was() -> None:
    assert docs.with_parts(README, docs.readme_parts()) == README
    with pytest.raises(ValueError, match="no place for the part 'x'"):
        docs.with_parts(README, {"x": ""})


def test_every_reason_is_used() -> None:
    code = "".join(path.read_text() for path in (ROOT / "bot").rglob("*.py"))
    of_depot = {f"depot-{one}" for one in REFUSALS}
    assert {one for one in Reason if one.startswith("depot-")} == of_depot
    for one in set(Reason) - of_depot - {Reason.UNKNOWN}:
        assert f"Reason.{one.name}" in code, one


def _names(requirements: list[object]) -> list[str]:
    return [
        re.split(r"[\[<>=!~; ]", one, maxsplit=1)[0]
        for one in requirements
        if isinstance(one, str)  # an include of another group is none
    ]


def _has_a_line(name: str) -> bool:
    words = re.compile(rf"(?i)(?<![\w-]){re.escape(name)}(?![\w-])")
    return any(words.search(line) for line in README.splitlines())


def test_every_dependency_has_a_line() -> None:
    names = _names(PROJECT["project"]["dependencies"])
    assert len(names) > 10
    assert [name for name in names if not _has_a_line(name)] == []


def test_every_dependency_for_development_has_a_line() -> None:
    groups = PROJECT["dependency-groups"]
    names = [name for group in groups.values() for name in _names(group)]
    assert [name for name in names if not _has_a_line(name)] == []


def _pinned(file: str) -> set[str]:
    return set(re.findall(r"^([\w-]+)==", (ROOT / file).read_text(), re.MULTILINE))


def test_the_requirements_pin_every_dependency() -> None:
    # Hosts install requirements.txt alone, and an installer compares names in lower case.
    to_run = {name.lower() for name in _names(PROJECT["project"]["dependencies"])}
    groups = PROJECT["dependency-groups"].values()
    to_develop = {name.lower() for group in groups for name in _names(group)}
    assert to_run <= _pinned("requirements.txt")
    assert to_run | to_develop <= _pinned("requirements-dev.txt")


def test_the_version_of_python_for_hosts_is_the_oldest_that_will_do() -> None:
    version = (ROOT / ".python-version").read_text().strip()
    assert PROJECT["project"]["requires-python"] == f">={version}"


def test_hosts_start_the_bot_where_nothing_but_its_requirements_is_installed() -> None:
    # No command of ours is on their PATH.
    assert (ROOT / "Procfile").read_text() == "web: python -m bot serve\n"


def test_every_command_in_an_example_can_be_read() -> None:
    verbs = {verb: command.arguments for verb, command in COMMANDS.items()}
    examples = re.findall(r"^/depot +(.+)$", README, re.MULTILINE)
    assert examples
    for line in examples:
        assert type(parse_command(line, verbs)) in verbs.values(), line


def test_every_link_within_leads_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#\s]+)", README):
        if not re.match(r"[a-z]+:", target):
            assert (ROOT / target).exists(), target


def test_every_make_target_named_is_there() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)`", README)) | set(
        re.findall(r"^make ([a-z-]+)$", README, re.MULTILINE)
    )
    assert named
    assert named <= targets


def test_the_tour_names_what_is_there() -> None:
    tour = (ROOT / "bot" / "README.md").read_text()
    rooms = {one.name for one in (ROOT / "bot").iterdir() if (one / "__init__.py").exists()}
    named = set(re.findall(r"`([a-z_/]+(?:\.py|/))`", tour))
    assert {f"{room}/" for room in rooms} <= named
    for name in named - {"tests/commands/"}:
        assert (ROOT / "bot" / name).exists(), name
