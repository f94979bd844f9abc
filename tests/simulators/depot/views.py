"""Workflows, jobs and attempts as messages, with everything around them."""

from typing import Any

from bot.demo.simulators.depot import views
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.views import (
    attempt_conclusion,
    conclusion_of,
    finished_at,
    started_at,
)
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import World
from tests.simulators.depot import messages as m


class Views(views.Views):
    """What the bot asks for, and the rest."""

    def workflow(self, run: Run, workflow: Workflow) -> m.GetWorkflowResponse:
        """A workflow with its run, its executions and its jobs, with times."""
        return m.GetWorkflowResponse(
            **self._workflow_context(run, workflow),
            executions=tuple(
                m.GetWorkflowExecution(
                    execution_id=execution.execution_id,
                    execution=execution.number,
                    status=execution.status,
                    created_at=timestamp(execution.created_at),
                    started_at=timestamp(execution.started_at),
                    finished_at=timestamp(execution.finished_at),
                )
                for execution in workflow.executions
            ),
            jobs=tuple(
                m.GetWorkflowJob(
                    job_id=job.job_id,
                    job_key=self.key(workflow, job),
                    job_display_name=self.label(job),
                    status=job.status,
                    started_at=timestamp(started_at(job)),
                    finished_at=timestamp(finished_at(job)),
                    attempts=tuple(_attempt_with_times(attempt) for attempt in job.attempts),
                )
                for job in workflow.jobs
            ),
        )

    def job(self, run: Run, workflow: Workflow, job: Job) -> m.GetJobResponse:
        """A job with everything around it."""
        attempts = tuple(self._full_attempt(run, workflow, job, each) for each in job.attempts)
        return m.GetJobResponse(**self._job_context(run, workflow, job), attempts=attempts)

    def attempt(
        self, run: Run, workflow: Workflow, job: Job, attempt: Attempt
    ) -> m.GetAttemptResponse:
        """An attempt with everything around it."""
        node = self._full_attempt(run, workflow, job, attempt)
        return m.GetAttemptResponse(**self._job_context(run, workflow, job), attempt=node)

    def _workflow_context(self, run: Run, workflow: Workflow) -> dict[str, str]:
        return {
            "org_id": run.org_id,
            "run_id": run.run_id,
            "repo": run.repo,
            "ref": run.ref,
            "sha": run.sha,
            "head_sha": run.head_sha,
            "trigger": run.trigger,
            "run_status": run.status,
            "run_created_at": timestamp(run.created_at),
            "run_started_at": timestamp(run.started_at),
            "run_finished_at": timestamp(run.finished_at),
            "workflow_id": workflow.workflow_id,
            "workflow_name": workflow.spec.name,
            "workflow_path": self.path(workflow),
            "workflow_status": workflow.status,
            "workflow_error_message": workflow.spec.error,
            "workflow_created_at": timestamp(workflow.created_at),
            "workflow_started_at": timestamp(workflow.started_at),
            "workflow_finished_at": timestamp(workflow.finished_at),
        }

    def _job_context(self, run: Run, workflow: Workflow, job: Job) -> dict[str, Any]:
        attempt = job.attempt
        cells = [other for other in workflow.jobs if other.spec.family == job.spec.family]
        return {
            **self._workflow_context(run, workflow),
            "job_id": job.job_id,
            "job_key": self.key(workflow, job),
            "job_display_name": self.label(job),
            "job_status": job.status,
            "job_conclusion": conclusion_of(job),
            "job_error_message": error_message(self.world, run, workflow, job, attempt),
            "job_created_at": timestamp(job.created_at),
            "job_dispatched_at": timestamp(attempt.created_at if attempt else None),
            "job_started_at": timestamp(started_at(job)),
            "job_finished_at": timestamp(finished_at(job)),
            "current_attempt_id": attempt.attempt_id if attempt else "",
            "current_attempt": attempt.number if attempt else 0,
            "strategy": m.Strategy(job_total=len(cells)),
            "runs_on": m.RunsOn(labels=job.spec.labels),
        }

    def _full_attempt(
        self, run: Run, workflow: Workflow, job: Job, attempt: Attempt
    ) -> m.FullAttempt:
        return m.FullAttempt(
            attempt_id=attempt.attempt_id,
            attempt=attempt.number,
            status=attempt.status,
            conclusion=attempt_conclusion(attempt),
            error_message=error_message(self.world, run, workflow, job, attempt),
            sandbox_id=attempt.sandbox_id,
            session_id=attempt.session_id,
            created_at=timestamp(attempt.created_at),
            dispatched_at=timestamp(attempt.created_at),
            started_at=timestamp(attempt.started_at),
            finished_at=timestamp(attempt.finished_at),
            is_current=attempt is job.attempt,
        )


def error_message(
    world: World, run: Run, workflow: Workflow, job: Job, attempt: Attempt | None
) -> str:
    """Why an attempt failed; empty when it did not."""
    if attempt is None or attempt.status != "failed":
        return ""
    return world.played(run, workflow, job, attempt).error_message or ""


def _attempt_with_times(attempt: Attempt) -> m.GetWorkflowJobAttempt:
    return m.GetWorkflowJobAttempt(
        attempt_id=attempt.attempt_id,
        attempt=attempt.number,
        status=attempt.status,
        sandbox_id=attempt.sandbox_id,
        session_id=attempt.session_id,
        started_at=timestamp(attempt.started_at),
        finished_at=timestamp(attempt.finished_at),
    )
