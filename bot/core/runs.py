"""Runs of Depot CI as values: workflows, jobs, attempts and diagnoses.

States are the words of Depot's API.
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.types import RepoName, RunId, Sha


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try at a job."""

    attempt_id: str
    number: int
    status: str


@dataclass(frozen=True, slots=True)
class Job:
    """A job of a run."""

    job_id: str
    key: str
    status: str
    name: str = ""
    attempts: tuple[Attempt, ...] = ()
    seconds: float | None = None
    """How long its newest attempt ran; none until Depot reports it."""
    conclusion: str = ""
    """How its newest attempt ended, where Depot says more than the state: `timed_out`."""

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

    @property
    def file_name(self) -> str:
        """The name of its file; empty for YAML that was sent along."""
        return self.path.rpartition("/")[2]

    @property
    def is_invalid(self) -> bool:
        """Whether it does not compile. What has jobs did, whatever else its error is."""
        return bool(self.error) and not self.jobs


@dataclass(frozen=True, slots=True)
class Run:
    """A run of Depot CI as of the last poll."""

    run_id: RunId
    org_id: str
    status: str
    workflows: tuple[Workflow, ...] = ()
    seconds: float | None = None
    """From start to finish; none until it is over."""

    @property
    def is_over(self) -> bool:
        return is_over(self.status)

    @property
    def jobs(self) -> tuple[Job, ...]:
        return tuple(job for workflow in self.workflows for job in workflow.jobs)


@dataclass(frozen=True, slots=True)
class PastAttempt:
    """An attempt of a run that is over and was followed by another, as its reply keeps it."""

    status: str
    asked_by: str = ""
    """Login of who asked for it by a command; empty for the first, and for one begun at Depot."""
    failed: tuple[str, ...] = ()
    """Names of the failed jobs, the first few."""
    failures: int = 0
    """How many jobs failed."""
    passed: int = 0
    """How many jobs passed."""
    seconds: float | None = None
    failure: str = ""
    """Why it failed, in Markdown."""


@dataclass(frozen=True, slots=True)
class ListedRun:
    """A run as Depot lists it: without its workflows."""

    run_id: RunId
    repo: RepoName
    sha: Sha
    """The head commit that it runs."""
    trigger: str
    status: str
    created: float | None
    """When it was created; none when Depot's text is not a time."""
    built: Sha | None = None
    """The commit that it builds, where it is told; for Depot's own run of a pull request that is
    GitHub's test merge."""


@dataclass(frozen=True, slots=True)
class Times:
    """How long a run and its jobs took, as far as Depot reports it."""

    run: float | None
    jobs: dict[str, float]
    """By job id."""
    conclusions: dict[str, str]
    """How each job's newest attempt ended, by job id."""


@dataclass(frozen=True, slots=True)
class FailedAttempt:
    """An attempt of a job that a diagnosis names."""

    job_id: str
    job_key: str
    job_name: str
    attempt: int
    error: str = ""
    """Untrusted; empty where only the failure as a whole has one."""


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
    fingerprint: str = ""
    """Depot's name for the error; empty where it gives none. That it is the same in another run is
    believed (bot/depot/README.md, "GetFailureDiagnosis")."""
    attempts: tuple[FailedAttempt, ...] = ()
    """Those that are named; there may be more."""


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """Depot's diagnosis of what failed; empty when nothing did."""

    failures: tuple[Failure, ...] = ()
    is_cut: bool = False
    """There are more failures than Depot's answer holds."""
    omitted: int = 0
    """How many more kinds of failure, where Depot says so."""


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line of a job's log; untrusted."""

    text: str
    step: str = ""
    """The name of the step that wrote it, where its author gave one."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a job uploaded."""

    name: str
    job_key: str
    size: int
    """Bytes."""


OVER = frozenset({"finished", "failed", "cancelled", "skipped"})
"""Terminal states (bot/depot/README.md, "States"). Any other word counts as not over."""


def is_over(status: str) -> bool:
    """Whether this state of a run, workflow or job is terminal."""
    return status in OVER
