"""Failures of jobs as they are kept, and where else the same failure was seen.

Evidence, never a verdict: who reads it decides what it means.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.types import RepoName, RunId, Sha

FLAKY_DAYS = 30
"""How long ago a failure may have been seen that still says something."""


@dataclass(frozen=True, slots=True)
class JobFailure:
    """A failed attempt of a job."""

    run_id: RunId
    job_id: str
    attempt: int
    repo: RepoName
    sha: Sha
    """The head commit that it ran."""
    workflow: str
    """The workflow's file name."""
    job: str
    """The name that is shown for the job."""
    job_key: str
    """Its key without the file and without the part of a matrix."""
    number: int | None = None
    """The pull request; none for a run of a base branch."""
    author: str = ""
    """Login of the pull request's author; empty when unknown, and for a bot."""
    org_id: str = ""
    fingerprint: str = ""
    """Depot's name for the error; empty where it gives none."""
    signature: str = ""
    """Our name for the error; empty where the error says nothing."""
    passed_attempt: int | None = None
    """The first later attempt of the same job that passed; 0 where it passed in another run of the
    same commit. None when it did not, as far as is known."""
    repo_id: int | None = None
    seen_at: float = 0.0

    @property
    def has_signature(self) -> bool:
        """Whether it is known what failed."""
        return bool(self.signature)


@dataclass(frozen=True, slots=True)
class BranchCommit:
    """A commit on a branch."""

    sha: Sha
    author: str
    """Login; empty when GitHub knows none."""
    message: str
    parents: tuple[Sha, ...] = ()


@dataclass(frozen=True, slots=True)
class ListedWorkflow:
    """A workflow of a run, as Depot lists it."""

    workflow_id: str
    run_id: RunId
    sha: Sha
    """The head commit that it runs."""
    status: str
    file_name: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where else a failure was seen."""

    jobs: tuple[str, ...]
    """The names of the jobs that failed so."""
    base: str = ""
    """The base branch; empty when nothing is known of it."""
    base_known: int = 0
    """Runs of the workflow on the base branch of which it is known what failed."""
    base_seen: int = 0
    """Those of them in which the same failed."""
    since: Sha | None = None
    """The oldest commit of these."""
    pulls: tuple[int, ...] = ()
    """Other pull requests with the same failure."""
    passed_attempt: int | None = None
    """The attempt of the same job on the same commit that passed."""
    passed_elsewhere: int = 0
    """Other runs in which the same failed, and the job then passed on the same commit."""
    is_nowhere: bool = False
    """It was looked for, and seen nowhere else."""


@dataclass(frozen=True, slots=True)
class FlakyJob:
    """A job that failed and then passed on the same commit."""

    repo: RepoName
    workflow: str
    job: str
    job_key: str
    times: int
    """In so many runs."""
    last_at: float
    runs: tuple[tuple[RunId, str], ...]
    """The newest of these runs, each with its organisation's id."""
