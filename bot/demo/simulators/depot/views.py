"""The world as messages."""

from collections import Counter
from dataclasses import dataclass

from bot.demo.simulators.depot.compile import bare
from bot.demo.simulators.depot.messages import artifacts, lists, runs
from bot.demo.simulators.depot.model import JOB_STATES, Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import Artifact, World

_CONCLUSIONS = {"finished": "success", "failed": "failure"}


@dataclass(frozen=True, slots=True)
class Views:
    """How things are called and shown, with the switches as they stand."""

    world: World

    def path(self, workflow: Workflow) -> str:
        """The workflow's path. Believed: bare file names have been seen too."""
        path = workflow.spec.path
        return bare(path) if self.world.switches.workflow_path == "bare" else path

    def key(self, workflow: Workflow, job: Job) -> str:
        """The job's key, `ci.yml:test`. Believed: with or without the file."""
        bare_key = self.world.switches.job_key == "bare"
        return job.spec.key if bare_key else f"{workflow.spec.file}:{job.spec.key}"

    def label(self, job: Job) -> str:
        """The job's name for people, which older servers do not send."""
        return job.spec.name if self.world.switches.job_display_name else ""

    def run(self, run: Run) -> runs.GetRunResponse:
        """A run with its times."""
        return runs.GetRunResponse(
            org_id=run.org_id,
            run_id=run.run_id,
            repo=run.repo,
            ref=run.ref,
            sha=run.sha,
            head_sha=run.head_sha,
            trigger=run.trigger,
            status=run.status,
            created_at=timestamp(run.created_at),
            started_at=timestamp(run.started_at),
            finished_at=timestamp(run.finished_at),
        )

    def listed_run(self, run: Run) -> lists.ListRunsResponseRun:
        """A run as a row."""
        return lists.ListRunsResponseRun(
            run_id=run.run_id,
            repo=run.repo,
            trigger=run.trigger,
            status=run.status,
            sha=run.sha,
            head_sha=run.head_sha,
            ref=run.ref,
            created_at=timestamp(run.created_at),
        )

    def status(self, run: Run) -> runs.GetRunStatusResponse:
        """The whole tree, without times."""
        return runs.GetRunStatusResponse(
            org_id=run.org_id,
            run_id=run.run_id,
            status=run.status,
            workflows=tuple(self._status_of(workflow) for workflow in run.workflows),
        )

    def _status_of(self, workflow: Workflow) -> runs.WorkflowStatus:
        return runs.WorkflowStatus(
            workflow_id=workflow.workflow_id,
            status=workflow.status,
            workflow_path=self.path(workflow),
            name=workflow.spec.name,
            error_message=workflow.spec.error,
            jobs=tuple(
                runs.JobStatus(
                    job_id=job.job_id,
                    job_key=self.key(workflow, job),
                    job_display_name=self.label(job),
                    status=job.status,
                    attempts=tuple(_attempt(attempt) for attempt in job.attempts),
                )
                for job in workflow.jobs
            ),
        )

    def listed_workflow(self, run: Run, workflow: Workflow) -> lists.ListWorkflowsResponseWorkflow:
        """A workflow as a row."""
        states = Counter(job.status for job in workflow.jobs)
        return lists.ListWorkflowsResponseWorkflow(
            workflow_id=workflow.workflow_id,
            name=workflow.spec.name,
            workflow_path=self.path(workflow),
            repo=run.repo,
            status=workflow.status,
            trigger=run.trigger,
            run_id=run.run_id,
            sha=run.sha,
            head_sha=run.head_sha,
            created_at=timestamp(workflow.created_at),
            job_counts=lists.ListWorkflowsResponseJobCounts(
                total=len(workflow.jobs), **{state: states[state] for state in JOB_STATES}
            ),
        )

    def artifact(self, artifact: Artifact) -> artifacts.Artifact:
        """An artifact and where it comes from."""
        return artifacts.Artifact(
            artifact_id=artifact.artifact_id,
            run_id=artifact.run.run_id,
            workflow_id=artifact.workflow.workflow_id,
            workflow_path=self.path(artifact.workflow),
            job_id=artifact.job.job_id,
            job_key=self.key(artifact.workflow, artifact.job),
            attempt_id=artifact.attempt.attempt_id,
            attempt=artifact.attempt.number,
            name=artifact.name,
            size_bytes=str(len(artifact.content)),
            created_at=timestamp(artifact.created_at),
        )


def started_at(job: Job) -> float | None:
    """When the latest attempt started."""
    return job.attempt.started_at if job.attempt else None


def finished_at(job: Job) -> float | None:
    """When the job was over."""
    return job.skipped_at or (job.attempt.finished_at if job.attempt else None)


def attempt_conclusion(attempt: Attempt) -> str:
    """How an attempt ended; empty while it has not."""
    if attempt.plan is not None and attempt.plan.outcome == "timed_out":
        return "timed_out"
    return _conclusion(attempt.status)


def conclusion_of(job: Job) -> str:
    """How a job ended; empty while it has not."""
    if job.status == "failed" and job.attempt is not None:
        return attempt_conclusion(job.attempt)
    return _conclusion(job.status)


def _conclusion(status: str) -> str:
    return _CONCLUSIONS.get(status, status if status in ("cancelled", "skipped") else "")


def _attempt(attempt: Attempt) -> runs.AttemptStatus:
    return runs.AttemptStatus(
        attempt_id=attempt.attempt_id,
        attempt=attempt.number,
        status=attempt.status,
        sandbox_id=attempt.sandbox_id,
        session_id=attempt.session_id,
    )
