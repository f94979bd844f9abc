"""Workflow files: finding the one that was meant, and reading which jobs it has.

Pure. The YAML is untrusted: only strings, lists and mappings are built from it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.types import WORKFLOW_FOLDER
from bot.parsing import safe_yaml
from bot.parsing.characters import visible

_SUFFIXES = (".yml", ".yaml")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


class BadWorkflow(Exception):
    """The file is not a workflow; the message says why, and is untrusted text."""


@dataclass(frozen=True, slots=True)
class JobOutline:
    """A job as its workflow file declares it."""

    key: str
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DispatchInput:
    """An input of `workflow_dispatch` as its workflow file declares it."""

    name: str
    type: str = "string"
    is_required: bool = False
    """It has to be given: it is required and has no default."""
    options: tuple[str, ...] = ()
    """The values that are allowed, with the type `choice`."""

    def problem_with(self, value: str) -> str:
        """Why the value does not fit, as a sentence without its end; empty when it does."""
        if self.type == "choice" and value not in self.options:
            return "it takes one of the values that the workflow lists"
        if self.type == "boolean" and value not in {"true", "false"}:
            return "it takes `true` or `false`"
        if self.type == "number" and not _NUMBER.fullmatch(value):
            return "it takes a number"
        return ""


@dataclass(frozen=True, slots=True)
class Outline:
    """The parts of a workflow file that the bot needs."""

    jobs: tuple[JobOutline, ...]
    inputs: tuple[DispatchInput, ...] | None = None
    """Its `workflow_dispatch` inputs; None when it has no such trigger."""

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(job.key for job in self.jobs)

    def needs(self, key: str) -> tuple[str, ...]:
        """The jobs that a job waits for directly."""
        return next((job.needs for job in self.jobs if job.key == key), ())


def file_name(typed: str) -> str:
    """What was typed, without the folder: `.depot/workflows/ci.yml` is `ci.yml`."""
    return typed.removeprefix("./").removeprefix(WORKFLOW_FOLDER + "/")


def matches(typed: str, names: Sequence[str]) -> list[str]:
    """The files that *typed* may mean: `ci`, `ci.yml` or `.depot/workflows/ci.yml`.

    *names* are file names in the workflow folder; more than one match is ambiguous. Letters that
    look the same are the same, whatever their spelling in Unicode.
    """
    name = file_name(typed)
    if name in names:
        return [name]
    seen = visible(name)
    spellings = ({seen}, {seen + suffix for suffix in _SUFFIXES})
    found = ([one for one in names if visible(one) in wanted] for wanted in spellings)
    return next((some for some in found if some), [])


def candidates(typed: str) -> list[str]:
    """The file names that *typed* may mean, before the folder is read."""
    name = file_name(typed)
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


def _inputs(on: Any) -> tuple[DispatchInput, ...] | None:
    """The inputs of `workflow_dispatch`. *on* is a name, a list of names, or a mapping from names
    to their settings."""
    names = (on,) if isinstance(on, str) else on
    if not isinstance(names, (tuple, list, dict)) or "workflow_dispatch" not in names:
        return None
    dispatch = names["workflow_dispatch"] if isinstance(names, dict) else None
    inputs = dispatch.get("inputs") if isinstance(dispatch, dict) else None
    if not isinstance(inputs, dict):
        return ()
    return tuple(_input(name, one) for name, one in inputs.items() if isinstance(name, str))


def _input(name: str, declared: Any) -> DispatchInput:
    if not isinstance(declared, dict):
        return DispatchInput(name)
    options = declared.get("options")
    return DispatchInput(
        name,
        type=str(declared.get("type", "string")),
        is_required=declared.get("required") == "true" and "default" not in declared,
        options=tuple(map(str, options)) if isinstance(options, list) else (),
    )


def _job(key: str, job: Any) -> JobOutline:
    needs = job.get("needs", ()) if isinstance(job, dict) else ()
    if isinstance(needs, str):
        needs = (needs,)
    return JobOutline(key, tuple(need for need in needs if isinstance(need, str) and need))
