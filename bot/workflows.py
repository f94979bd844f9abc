"""Workflow files: finding the one that was meant, and reading which jobs it has.

Pure. The YAML is a stranger's: only strings, lists and mappings are built from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from bot.types import WORKFLOW_FOLDER

_SUFFIXES = (".yml", ".yaml")
_MAX_DEPTH = 50


class BadWorkflow(Exception):
    """The file is no workflow; the text says why, and is untrusted."""


@dataclass(frozen=True, slots=True)
class JobOutline:
    """A job as its workflow file declares it."""

    key: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """What we need to know of a workflow file."""

    jobs: tuple[JobOutline, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(job.key for job in self.jobs)


def matches(typed: str, names: Sequence[str]) -> list[str]:
    """The files that *typed* may mean: `ci`, `ci.yml` or `.depot/workflows/ci.yml`.

    *names* are file names in the workflow folder; more than one match is ambiguous.
    """
    name = typed.removeprefix("./").removeprefix(WORKFLOW_FOLDER + "/")
    if name in names:
        return [name]
    return [candidate for candidate in names if candidate in {name + s for s in _SUFFIXES}]


def candidates(typed: str) -> list[str]:
    """The file names that *typed* may mean, before the folder is known."""
    name = typed.removeprefix("./").removeprefix(WORKFLOW_FOLDER + "/")
    return [name] if name.endswith(_SUFFIXES) else [name + suffix for suffix in _SUFFIXES]


def path(name: str) -> str:
    """A workflow file's path in the repository, as `Run` wants it (depot-api.md 8.1)."""
    return f"{WORKFLOW_FOLDER}/{name}"


def outline(text: str) -> Outline:
    """The jobs of a workflow file; raises BadWorkflow."""
    try:
        _check_depth(text)
        document: Any = yaml.load(text, Loader=yaml.CBaseLoader)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}" if mark else ""
        raise BadWorkflow(f"not YAML{where}") from None
    jobs = document.get("jobs") if isinstance(document, dict) else None
    if not isinstance(jobs, dict) or not jobs:
        raise BadWorkflow("it has no `jobs`")
    return Outline(tuple(_job(key, job) for key, job in jobs.items() if isinstance(key, str)))


def _check_depth(text: str) -> None:
    # The C loader builds nested nodes by recursion without a limit, and a file of brackets ends the
    # whole process. Its events come without recursion, so the depth is looked at first.
    depth = 0
    for event in yaml.parse(text, Loader=yaml.CBaseLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            raise BadWorkflow("nested too deeply")


def _job(key: str, job: Any) -> JobOutline:
    needs = job.get("needs", ()) if isinstance(job, dict) else ()
    if isinstance(needs, str):
        needs = (needs,)
    return JobOutline(key, tuple(need for need in needs if isinstance(need, str)))
