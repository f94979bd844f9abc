"""What a decision rests on, as values. Each fact is read at most once in a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from bot.core.models import TrackedRun
from bot.core.runs import ListedRun
from bot.core.types import Head, Permission, Sha
from bot.rules.repository_config import Config


class Fact(Enum):
    """What can be read for a decision; cheap and local facts are there from the beginning."""

    RULES = "the repository's config"
    ROLE = "the author's role"
    HEAD = "the pull request as GitHub shows it"
    HEAD_DATE = "the oldest check suite of the head"
    WORKFLOWS = "the workflow files at the head"
    RUNS = "the runs at the head"


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head of the pull request that a webhook told of."""

    sha: Sha
    since: float
    """When it became the head, by GitHub's clock."""
    received_at: float


@dataclass(frozen=True, slots=True)
class Usage:
    """Commands of the last hour, this one included, and what the operator allows."""

    by_person: int
    in_repository: int
    per_person: int
    per_repository: int


@dataclass(frozen=True, slots=True)
class BrokenRules:
    """The repository's config is there and cannot be used."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class SeenHead:
    """The pull request as GitHub showed it."""

    head: Head
    is_open: bool
    read_at: float


@dataclass(frozen=True, slots=True)
class HeadDate:
    """When GitHub first opened a check suite for a commit; none when it has none."""

    sha: Sha
    created_at: float | None


@dataclass(frozen=True, slots=True)
class WorkflowNames:
    """The file names in the workflow folder at a commit."""

    sha: Sha
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunsAtHead:
    """The runs that are there before one is started; none of them can be the new one."""

    sha: Sha
    is_dispatch: bool
    """Those started by `workflow_dispatch` in the repository, on whatever commit."""
    listed: tuple[ListedRun, ...]
    tracked: tuple[TrackedRun, ...]
    """Those on the commit that the bot tracks."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known so far; none: not read yet."""

    heads: tuple[KnownHead, ...]
    """The newest heads that the ledger heard of, newest first."""
    usage: Usage
    rules: Config | BrokenRules | None = None
    role: Permission | None = None
    seen: SeenHead | None = None
    head_date: HeadDate | None = None
    workflows: WorkflowNames | None = None
    runs: RunsAtHead | None = None

    @property
    def config(self) -> Config:
        """The rules as far as they can be used; no rules until they are read."""
        return self.rules if isinstance(self.rules, Config) else Config()

    @classmethod
    def none(cls) -> Facts:
        """Nothing is known, and nothing will be decided."""
        return cls(heads=(), usage=Usage(0, 0, 0, 0))

    def after_a_change(self) -> Facts:
        """The facts that hold for the next command once a run was started or changed: it is not
        decided on what was seen before."""
        return replace(self, seen=None, runs=None)
