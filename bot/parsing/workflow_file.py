"""Workflow files: finding the one that was meant, and reading which jobs it has.

Pure. The YAML is untrusted: only strings, lists and mappings are built from it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.types import WORKFLOW_FOLDER
from bot.parsing import safe_yaml

_SUFFIXES = (".yml", ".yaml")


class BadWorkflow(Exception):
    """The file is not a workflow; the message says why, and is untrusted text."""


@dataclass(frozen=True, slots=True)
class JobOutline:
    """A job as its workflow file declares it."""

    key: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of a workflow file that the bot needs."""

    jobs: tuple[JobOutline, ...]
    inputs: tuple[str, ...] | None = None
    """Names of its `workflow_dispatch` inputs; None when it has no such trigger."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(job.key for job in self.jobs)

    def needs(self, key: str) -> tuple[str, ...]:
        """The jobs that a job waits for directly."""
        return next((job.needs for job in self.jobs if job.key == key), ())


def matches(typed: str, names: Sequence[str]) -> list[str]:
    """The files that *typed* may mean: `ci`, `ci.yml` or `.depot/workflows/ci.yml`.

    *names* are file names in the workflow folder; more than one match is ambiguous.
    """
    name = typed.removeprefix("./").removeprefix(WORKFLOW_FOLDER + "/")
    if name in names:
        return [name]
    return [candidate for candidate in names if candidate in {name + s for s in _SUFFIXES}]


def candidates(typed: str) -> list[str]:
    """The file names that *typed* may mean, before the folder is read."""
    name = typed.removeprefix("./").removeprefix(WORKFLOW_FOLDER + "/")
    if "/" in name or name.startswith("."):
        return []  # not a file of that folder: the path must not be requested
    return [name] if name.endswith(_SUFFIXES) else [name + suffix for suffix in _SUFFIXES]


def path(name: str) -> str:
    """A workflow file's path in the repository, as `Run` takes it (bot/depot/README.md, "Run")."""
    return f"{WORKFLOW_FOLDER}/{name}"


def outline(text: str) -> Outline:
    """The jobs of a workflow file; raises BadWorkflow."""
    try:
        document = safe_yaml.load(text)
    except safe_yaml.BadYaml as wrong:
        raise BadWorkflow(str(wrong)) from wrong
    if not isinstance(document, dict):
        raise BadWorkflow("it has no `jobs`")
    jobs = document.get("jobs")
    if not isinstance(jobs, dict) or not jobs:
        raise BadWorkflow("it has no `jobs`")
    return Outline(
        tuple(_job(key, job) for key, job in jobs.items() if isinstance(key, str)),
        _inputs(document.get("on")),
    )


def _inputs(on: Any) -> tuple[str, ...] | None:
    """The inputs of `workflow_dispatch`. *on* is a name, a list of names, or a mapping from names
    to their settings."""
    names = (on,) if isinstance(on, str) else on
    if not isinstance(names, (tuple, list, dict)) or "workflow_dispatch" not in names:
        return None
    dispatch = names["workflow_dispatch"] if isinstance(names, dict) else None
    inputs = dispatch.get("inputs") if isinstance(dispatch, dict) else None
    return (
        tuple(name for name in inputs if isinstance(name, str)) if isinstance(inputs, dict) else ()
    )


def _job(key: str, job: Any) -> JobOutline:
    needs = job.get("needs", ()) if isinstance(job, dict) else ()
    if isinstance(needs, str):
        needs = (needs,)
    return JobOutline(key, tuple(need for need in needs if isinstance(need, str) and need))
