"""Runs, workflows, jobs and attempts, and how the states of the small make that of the large."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.demo.simulators.depot.compile import JobSpec, WorkflowSpec
from bot.demo.simulators.depot.plans import Plan

OVER = frozenset({"finished", "failed", "cancelled", "skipped"})
RUN_STATES = ("queued", "running", "finished", "failed", "cancelled")
JOB_STATES = ("queued", "waiting", "running", "finished", "failed", "cancelled", "skipped")


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody asked to be run."""

    repo: str
    sha: str
    workflow: str = ""
    contents: tuple[str, ...] = ()
    job: str = ""
    trigger: str = "api"
    ref: str = ""
    head_sha: str = ""
    pr: int | None = None
    inputs: tuple[tuple[str, str], ...] = ()
    org_id: str = ""


@dataclass(slots=True, eq=False)
class Attempt:
    """One try at a job."""

    attempt_id: str
    number: int
    created_at: float
    status: str = "queued"
    started_at: float | None = None
    finished_at: float | None = None
    sandbox_id: str = ""
    session_id: str = ""
    plan: Plan | None = None
    """What it did, once it is over; until then the plan may still change."""


@dataclass(slots=True, eq=False)
class Job:
    """One job of a workflow, with all its attempts."""

    job_id: str
    spec: JobSpec
    created_at: float
    needs: tuple[str, ...]
    status: str = "waiting"
    excluded: bool = False
    """Skipped because it was not selected or its `if:` said so: no retry wakes it."""
    attempts: list[Attempt] = field(default_factory=list)
    skipped_at: float | None = None

    @property
    def over(self) -> bool:
        """Whether it has reached a terminal state."""
        return self.status in OVER

    @property
    def attempt(self) -> Attempt | None:
        """The latest attempt."""
        return self.attempts[-1] if self.attempts else None

    @property
    def breaks(self) -> bool:
        """Whether it failed in a way that fails its workflow."""
        return self.status == "failed" and not self.spec.continue_on_error

    @property
    def green(self) -> bool:
        """Whether jobs that need it may start."""
        return self.status == "finished" or (self.status == "failed" and not self.breaks)


@dataclass(slots=True, eq=False)
class Execution:
    """One go through a workflow; a rerun makes another."""

    execution_id: str
    number: int
    created_at: float
    status: str = "queued"
    started_at: float | None = None
    finished_at: float | None = None


@dataclass(slots=True, eq=False)
class Workflow:
    """One workflow of a run."""

    workflow_id: str
    spec: WorkflowSpec
    created_at: float
    jobs: list[Job] = field(default_factory=list)
    executions: list[Execution] = field(default_factory=list)
    status: str = "queued"
    started_at: float | None = None
    finished_at: float | None = None
    cancelled: bool = False

    @property
    def over(self) -> bool:
        """Whether it has reached a terminal state."""
        return self.status in OVER

    def needed_by(self, job: Job) -> list[Job]:
        """The jobs this one waits for."""
        return [other for other in self.jobs if other.spec.key in job.needs]

    def behind(self, *jobs: Job) -> list[Job]:
        """Every job that waits for one of these, however far down."""
        keys = {job.spec.key for job in jobs}
        found: list[Job] = []
        while more := [j for j in self.jobs if j not in found and keys.intersection(j.needs)]:
            found += more
            keys.update(job.spec.key for job in more)
        return [job for job in found if job not in jobs]

    def roll_up(self, at: float) -> None:
        """Take the status from the jobs, and note when it changed."""
        self.status = "failed" if self.spec.error else self._from_jobs()
        execution = self.executions[-1]
        execution.status = self.status
        if self.status == "running":
            self.started_at = at if self.started_at is None else self.started_at
            execution.started_at = at if execution.started_at is None else execution.started_at
        if not self.over:
            self.finished_at = None
        elif self.finished_at is None:
            self.finished_at = at
        execution.finished_at = self.finished_at

    def _from_jobs(self) -> str:
        states = {job.status for job in self.jobs}
        if not states <= OVER:
            return (
                "running" if states & {"running", "finished", "failed", "cancelled"} else "queued"
            )
        if self.cancelled:
            return "cancelled"
        if any(job.breaks for job in self.jobs):
            return "failed"
        return "cancelled" if "cancelled" in states else "finished"


@dataclass(slots=True, eq=False)
class Run:
    """One run: what was asked for, and what became of it."""

    run_id: str
    number: int
    """Its place in the order of arrival."""
    order: Order
    created_at: float
    workflows: list[Workflow] = field(default_factory=list)
    compiled: bool = False
    state: str = "queued"
    started_at: float | None = None
    finished_at: float | None = None
    cancelled: bool = False
    due: float = 0.0
    """When the next step is, as last worked out. Zero: to be worked out again."""
    shown: str = ""
    """A state put on by hand. While it is on, the run does not move."""

    @property
    def repo(self) -> str:
        """`owner/name`."""
        return self.order.repo

    @property
    def sha(self) -> str:
        """The commit that runs."""
        return self.order.sha

    @property
    def head_sha(self) -> str:
        """The head of the pull request; the commit itself where there is none."""
        return self.order.head_sha or self.order.sha

    @property
    def ref(self) -> str:
        """The ref of the event; the commit again for runs through the API (O)."""
        return self.order.ref or self.order.sha

    @property
    def workflow(self) -> str:
        """The path that was asked for, empty for all or for YAML sent along."""
        return self.order.workflow

    @property
    def job(self) -> str:
        """The one job that was asked for."""
        return self.order.job

    @property
    def trigger(self) -> str:
        """`api`, `workflow_dispatch`, `pull_request`, …"""
        return self.order.trigger

    @property
    def workflow_content(self) -> tuple[str, ...]:
        """The YAML that was sent along."""
        return self.order.contents

    @property
    def org_id(self) -> str:
        """The organisation that owns the run."""
        return self.order.org_id

    @property
    def status(self) -> str:
        """The state as Depot shows it."""
        return self.shown or self.state

    @property
    def over(self) -> bool:
        """Whether it has reached a terminal state."""
        return self.state in OVER

    @property
    def jobs(self) -> list[Job]:
        """The jobs of all its workflows."""
        return [job for workflow in self.workflows for job in workflow.jobs]

    def tree(self) -> Iterator[tuple[Workflow, Job, Attempt]]:
        """Every attempt, with what it belongs to."""
        for workflow in self.workflows:
            for job in workflow.jobs:
                for attempt in job.attempts:
                    yield workflow, job, attempt

    def roll_up(self, at: float) -> None:
        """Take the status from the workflows, and note when it changed."""
        for workflow in self.workflows:
            workflow.roll_up(at)
        self.state = self._from_workflows()
        if self.state == "running" and self.started_at is None:
            self.started_at = at
        if not self.over:
            self.finished_at = None
        elif self.finished_at is None:
            self.finished_at = at

    def _from_workflows(self) -> str:
        if not self.compiled:
            return "queued"
        states = {workflow.status for workflow in self.workflows}
        if not states <= OVER:
            return "queued" if states == {"queued"} else "running"
        if self.cancelled:
            return "cancelled"
        return next((state for state in ("failed", "cancelled") if state in states), "finished")
