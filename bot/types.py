"""The words the whole bot shares: plain values, no behaviour beyond what they say of themselves.

Times are seconds since the epoch (UTC) as `float`; durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any, NewType

RepoName = NewType("RepoName", str)
"""`owner/name`, as GitHub spells it."""

Sha = NewType("Sha", str)
"""A commit: all 40 hexadecimal digits, lower case."""

RunId = NewType("RunId", str)
"""Depot's id of a run: opaque."""

RequestId = NewType("RequestId", str)
"""Our name of one comment that holds commands, e.g. `ic-2400012`."""

CommandId = NewType("CommandId", str)
"""Our name of one command: its comment and its place in it, e.g. `ic-2400012.1`."""

CHECK_CONFIG = "check-config"
"""The internal command for a changed config; nobody can type it or give an alias that name."""

WORKFLOW_FOLDER = ".depot/workflows"
"""Where Depot reads workflow files (bot/depot/README.md, "Workflow files")."""


class Permission(IntEnum):
    """A person's role in a repository, least first (GitHub's `role_name`)."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5
    NOBODY = 6
    """What no role reaches: a repository forbids something with it."""

    @property
    def word(self) -> str:
        """The role as GitHub writes it; for a command that needs none, "anyone"."""
        return "anyone" if self is Permission.NONE else self.name.lower()

    @classmethod
    def from_role(cls, role_name: str) -> Permission:
        """GitHub's `role_name`; a role we do not know (a custom one) counts as none."""
        known = (cls.READ, cls.TRIAGE, cls.WRITE, cls.MAINTAIN, cls.ADMIN)
        return next((role for role in known if role.word == role_name.lower()), cls.NONE)


class Source(Enum):
    """Where on a pull request a comment was written; the value is the prefix of its id."""

    ISSUE_COMMENT = "ic"
    REVIEW_COMMENT = "rc"
    REVIEW = "rv"
    EVENT = "ev"
    """Not a comment: something happened to the pull request, and automations may follow."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wrote or did something on GitHub."""

    login: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One line addressed to the bot, and the YAML blocks that directly follow it."""

    text: str
    """What stands behind `/depot`, as typed."""
    blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a pull request, for automations to follow."""

    kind: str
    """`opened`, `synchronize`, `reopened`, `ready_for_review`, `labeled` or `review_approved`."""
    guid: str
    """The delivery that told of it."""
    sha: Sha
    """The head at that moment; of an approval the commit that was approved."""
    base_branch: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request that holds at least one command line.

    Or something else that happened to it: then `happening` says what, `author` is who did it, and
    the lines come from the repository's automations.
    """

    source: Source
    repo: RepoName
    number: int
    comment_id: int
    author: Actor
    written_at: float
    url: str
    lines: tuple[CommandLine, ...]
    installation: int | None = None
    """The App installation that may act on this repository, when an App received the event."""
    reviewed: Sha | None = None
    """The commit that a review, or a comment in one, was written on."""
    happening: Happening | None = None

    @property
    def request_id(self) -> RequestId:
        key = self.happening.guid if self.happening else self.comment_id
        return RequestId(f"{self.source.value}-{key}")


@dataclass(frozen=True, slots=True)
class Head:
    """What a pull request would run: its newest commit, and where that comes from."""

    sha: Sha
    branch: str
    repo: RepoName | None
    """The repository the head branch is in; none when a fork has been deleted."""
    base: RepoName

    @property
    def in_fork(self) -> bool:
        return self.repo is None or self.repo.lower() != self.base.lower()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job."""

    attempt_id: str
    number: int
    status: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a run, with Depot's own words for its state."""

    job_id: str
    key: str
    status: str
    name: str = ""
    attempts: tuple[Attempt, ...] = ()
    seconds: float | None = None
    """How long its newest attempt ran, once Depot says so."""

    @property
    def newest_attempt(self) -> Attempt | None:
        return max(self.attempts, key=lambda attempt: attempt.number, default=None)


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow of a run."""

    workflow_id: str
    path: str
    status: str
    name: str = ""
    error: str = ""
    jobs: tuple[Job, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """A run of Depot CI as it stood when we last looked."""

    run_id: RunId
    org_id: str
    status: str
    workflows: tuple[Workflow, ...] = ()
    seconds: float | None = None
    """From start to finish, once over."""

    @property
    def is_over(self) -> bool:
        return is_over(self.status)

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(job for workflow in self.workflows for job in workflow.jobs)


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run as Depot lists it: without its workflows."""

    run_id: RunId
    repo: RepoName
    sha: Sha
    """The head commit it ran for."""
    trigger: str
    status: str
    created: float | None
    """When it was made; none when Depot's text is not a time."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long a run and its jobs took, as far as Depot says."""

    run: float | None
    jobs: dict[str, float]
    """By job id."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One way in which jobs failed. All text comes from CI output or from a model: untrusted."""

    jobs: tuple[str, ...]
    count: int
    error: str
    diagnosis: str
    """Written by a model, as is the fix."""
    possible_fix: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Depot's diagnosis of what failed; empty when nothing did."""

    failures: tuple[Failure, ...] = ()
    is_cut: bool = False
    """There is more than Depot puts into its answers."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a job kept."""

    name: str
    job_key: str
    size: int
    """Bytes."""


OVER = frozenset({"finished", "failed", "cancelled", "skipped"})
"""States after which nothing moves by itself (bot/depot/README.md, "States"). Any other word
counts as not over."""


def is_over(status: str) -> bool:
    """Whether a run, workflow or job in this state is done."""
    return status in OVER


Json = dict[str, Any]
"""A JSON object on its way in or out; only the doors to GitHub, Depot and the ledger hold one."""
