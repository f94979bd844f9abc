"""The messages of `depot.ci.v1.CIService` that the bot reads, and what they become.

Fields with default values are absent from Depot's answers, so each has one here; fields that are
unknown to us are ignored (bot/depot/README.md, "JSON"). Only `bot.depot.client` uses this file.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from bot.core.failures import ListedWorkflow
from bot.core.runs import (
    Artifact,
    Attempt,
    Diagnosis,
    FailedAttempt,
    Failure,
    Job,
    ListedRun,
    LogLine,
    Run,
    Times,
    Workflow,
)
from bot.core.types import RepoName, RunId, Sha


class Message(msgspec.Struct, rename="camel"):
    """What Depot answers."""


class Empty(Message):
    """An answer of which only its arrival counts."""


class Started(Message):
    """The answer of Run and of DispatchWorkflow."""

    org_id: str = ""
    run_id: str = ""


class _Attempt(Message):
    attempt_id: str = ""
    attempt: int = 0
    status: str = ""


class _Job(Message):
    job_id: str = ""
    job_key: str = ""
    job_display_name: str = ""
    status: str = ""
    attempts: list[_Attempt] = []

    def job(self) -> Job:
        return Job(
            job_id=self.job_id,
            key=self.job_key,
            status=self.status or "unknown",
            name=self.job_display_name,
            attempts=tuple(Attempt(a.attempt_id, a.attempt, a.status) for a in self.attempts),
        )


class _Workflow(Message):
    workflow_id: str = ""
    workflow_path: str = ""
    name: str = ""
    status: str = ""
    error_message: str = ""
    jobs: list[_Job] = []

    def workflow(self) -> Workflow:
        return Workflow(
            workflow_id=self.workflow_id,
            path=self.workflow_path,
            status=self.status or "unknown",
            name=self.name,
            error=self.error_message,
            jobs=tuple(job.job() for job in self.jobs),
        )


class RunStatus(Message):
    """The answer of GetRunStatus."""

    org_id: str = ""
    status: str = ""
    workflows: list[_Workflow] = []

    def run(self, run_id: RunId) -> Run:
        return Run(
            run_id=run_id,
            org_id=self.org_id,
            status=self.status or "unknown",
            workflows=tuple(workflow.workflow() for workflow in self.workflows),
        )


class RunRow(Message):
    """The answer of GetRun, and a row of ListRuns."""

    run_id: str = ""
    org_id: str = ""
    repo: str = ""
    sha: str = ""
    head_sha: str = ""
    trigger: str = ""
    status: str = ""
    created_at: str = ""

    def listed(self) -> ListedRun:
        return ListedRun(
            run_id=RunId(self.run_id),
            repo=RepoName(self.repo),
            sha=Sha(self.head_sha or self.sha),
            trigger=self.trigger,
            status=self.status or "unknown",
            created=seconds(self.created_at),
            built=Sha(self.sha) if self.sha else None,
        )


class RunList(Message):
    """A page of ListRuns."""

    runs: list[RunRow] = []
    next_page_token: str = ""


class _WorkflowRow(Message):
    workflow_id: str = ""
    workflow_path: str = ""
    run_id: str = ""
    sha: str = ""
    head_sha: str = ""
    status: str = ""

    def listed(self) -> ListedWorkflow:
        return ListedWorkflow(
            workflow_id=self.workflow_id,
            run_id=RunId(self.run_id),
            sha=Sha(self.head_sha or self.sha),
            status=self.status or "unknown",
            file_name=self.workflow_path.rpartition("/")[2],
        )


class WorkflowList(Message):
    """The answer of ListWorkflows; it has no further pages."""

    workflows: list[_WorkflowRow] = []


class _Span(Message):
    """What every object of GetRunMetrics has: its id among others, and its times."""

    job_id: str = ""
    attempt: int = 0
    started_at: str = ""
    finished_at: str = ""
    conclusion: str = ""

    @property
    def seconds(self) -> float | None:
        start, end = seconds(self.started_at), seconds(self.finished_at)
        return max(0.0, end - start) if start is not None and end is not None else None


class _MetricsAttempt(Message):
    attempt: _Span = msgspec.field(default_factory=_Span)


class _MetricsJob(Message):
    job: _Span = msgspec.field(default_factory=_Span)
    attempts: list[_MetricsAttempt] = []

    @property
    def newest(self) -> _Span:
        """Its newest attempt, or what stands for it."""
        spans = [tried.attempt for tried in self.attempts]
        return max(spans, key=lambda span: span.attempt, default=self.job)


class _MetricsWorkflow(Message):
    jobs: list[_MetricsJob] = []


class Metrics(Message):
    """The answer of GetRunMetrics."""

    run: _Span = msgspec.field(default_factory=_Span)
    workflows: list[_MetricsWorkflow] = []

    def times(self) -> Times:
        jobs = [job for workflow in self.workflows for job in workflow.jobs]
        return Times(
            run=self.run.seconds,
            jobs={
                job.job.job_id: seconds
                for job in jobs
                if (seconds := job.newest.seconds) is not None
            },
            conclusions={
                job.job.job_id: conclusion
                for job in jobs
                if (conclusion := job.newest.conclusion or job.job.conclusion)
            },
        )


class _Line(Message):
    content: str = ""


class _Failed(Message):
    """A failure group or a representative attempt: what they share."""

    fingerprint: str = ""
    job_id: str = ""
    attempt: int = 0
    job_key: str = ""
    job_display_name: str = ""
    count: int = 1
    error_message: str = ""
    diagnosis: str = ""
    possible_fix: str = ""
    relevant_lines: list[_Line] = []
    representatives: list[_Failed] = []

    def failure(self) -> Failure:
        shown = [self, *self.representatives]
        return Failure(
            jobs=tuple(name for one in shown if (name := one.job_display_name or one.job_key)),
            count=self.count,
            error=self.error_message,
            diagnosis=self.diagnosis,
            possible_fix=self.possible_fix,
            lines=tuple(line.content for one in shown for line in one.relevant_lines),
            fingerprint=self.fingerprint,
            attempts=tuple(one.failed_attempt() for one in shown if one.job_id),
        )

    def failed_attempt(self) -> FailedAttempt:
        return FailedAttempt(
            job_id=self.job_id,
            job_key=self.job_key,
            job_name=self.job_display_name,
            attempt=self.attempt,
            error=self.error_message,
        )


class _Part(Message):
    target_type: str = ""
    target_id: str = ""


class _Bounds(Message):
    omitted_failure_group_count: int = 0
    truncated: bool = False


class DiagnosisAnswer(Message):
    """The answer of GetFailureDiagnosis."""

    state: str = ""
    failure_groups: list[_Failed] = []
    representative_attempts: list[_Failed] = []
    over_limit_breakdown: list[_Part] = []
    bounds: _Bounds = msgspec.field(default_factory=_Bounds)

    @property
    def is_over_limit(self) -> bool:
        return self.state.endswith("_OVER_LIMIT")

    def diagnosis(self) -> Diagnosis:
        failed = self.failure_groups or self.representative_attempts
        omitted = self.bounds.omitted_failure_group_count
        return Diagnosis(
            tuple(one.failure() for one in failed),
            is_cut=self.bounds.truncated or omitted > 0,
            omitted=omitted,
        )


class _LogLine(Message):
    body: str = ""
    step_name: str = ""

    def line(self) -> LogLine:
        return LogLine(self.body, self.step_name)


class LogPage(Message):
    """A page of GetJobAttemptLogs."""

    lines: list[_LogLine] = []
    next_page_token: str = ""


class _ArtifactRow(Message):
    name: str = ""
    job_key: str = ""
    size_bytes: int = 0


class ArtifactList(Message):
    """A page of ListArtifacts."""

    artifacts: list[_ArtifactRow] = []
    next_page_token: str = ""

    def rows(self) -> list[Artifact]:
        return [Artifact(row.name, row.job_key, row.size_bytes) for row in self.artifacts]


class ErrorBody(msgspec.Struct):
    """A failed call (bot/depot/README.md, "Errors")."""

    code: str = ""
    message: str = ""


def seconds(text: str) -> float | None:
    """RFC 3339 to seconds since the epoch; none for anything else."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None
