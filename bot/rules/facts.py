"""The facts that a decision is based on, as values. Each is read at most once in a step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum

from bot.core.models import TrackedRun
from bot.core.runs import ListedRun, Run
from bot.core.types import Head, Permission, Sha
from bot.rules.repository_config import Config


class Fact(Enum):
    """What can be read for a decision; the facts in the database are there from the beginning."""

    RULES = "the repository's config"
    ROLE = "the author's role"
    HEAD = "the pull request as GitHub shows it"
    HEAD_DATE = "the oldest check suite of the head"
    WORKFLOWS = "the workflow files at the head"
    JOBS = "the jobs in these files"
    RUNS = "the runs at the head"
    TEAMS = "the author's teams, of those that the config names"


@dataclass(frozen=True, slots=True)
class KnownHead:
    """A head of the pull request that a webhook reported."""

    sha: Sha
    since: float
    """When it became the head, by GitHub's clock."""
    received_at: float


@dataclass(frozen=True, slots=True)
class Usage:
    """What was asked for in the last hour, and what the operator allows."""

    by_person: int
    """Commands of the author, this one included."""
    in_repository: int
    """Commands that started or changed runs, this one included."""
    runs: int
    """Runs that were started in the repository."""
    per_person: int
    per_repository: int
    runs_per_repository: int
    is_notified: bool = False
    """The author was told of the limit in this hour."""

    @classmethod
    def none(cls) -> Usage:
        """Nothing, and nothing bounded."""
        most = 2**31
        return cls(0, 0, 0, most, most, most)


@dataclass(frozen=True, slots=True)
class BrokenRules:
    """The repository has a config that cannot be used."""

    path: str
    why: str


@dataclass(frozen=True, slots=True)
class SeenHead:
    """The pull request as GitHub showed it."""

    head: Head
    is_open: bool
    read_at: float
    author: str = ""
    """Login of the pull request's author."""


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
    jobs: Mapping[str, tuple[str, ...] | None] | None = None
    """The jobs of each, where they were read; none of a file that cannot be."""


@dataclass(frozen=True, slots=True)
class RunsAtHead:
    """The runs that exist before one is started; none of them can be the new one."""

    sha: Sha
    is_dispatch: bool
    """Those started by `workflow_dispatch` in the repository, on any commit."""
    listed: tuple[ListedRun, ...]
    tracked: tuple[TrackedRun, ...]
    """Those on the commit that the bot tracks."""
    others: tuple[Run, ...] = ()
    """Those on the commit that are under way and that the bot does not track."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The facts known so far; None for one that was not read yet."""

    heads: tuple[KnownHead, ...]
    """The newest heads in the database, newest first."""
    usage: Usage
    rules: Config | BrokenRules | None = None
    role: Permission | None = None
    seen: SeenHead | None = None
    head_date: HeadDate | None = None
    workflows: WorkflowNames | None = None
    runs: RunsAtHead | None = None
    teams: frozenset[str] | None = None
    """Of the teams that the config names, those that the author is in: `org/team`."""
    started_several: bool = False
    """A command of this step started several runs: the work item as it was loaded lacks some."""

    @property
    def config(self) -> Config:
        """The repository's config; an empty one until it is read, or when it cannot be used."""
        return self.rules if isinstance(self.rules, Config) else Config()

    @classmethod
    def none(cls) -> Facts:
        """No facts, for a step that decides nothing."""
        return cls(heads=(), usage=Usage.none())

    def after_a_change(self, starts: int) -> Facts:
        """The facts for the next command after runs were changed or so many were started: the head
        and the runs are read again."""
        return replace(
            self,
            seen=None,
            runs=None,
            usage=replace(self.usage, runs=self.usage.runs + starts),
            started_several=starts > 1 or self.started_several,
        )

    def of_a_counted_command(self) -> Facts:
        """The facts for more runs of a command that was counted when the first was started."""
        return replace(self, usage=replace(self.usage, by_person=0, in_repository=0))

    def after_a_limit(self) -> Facts:
        """The facts once the author was told of the limit."""
        return replace(self, usage=replace(self.usage, is_notified=True))
