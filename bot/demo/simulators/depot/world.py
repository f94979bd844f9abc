"""Everything the simulated Depot knows, and the clock that moves it."""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.demo.simulators.depot.checks import Checks
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.github_port import Forge
from bot.demo.simulators.depot.ids import Ids
from bot.demo.simulators.depot.model import Attempt, Job, Order, Run, Workflow
from bot.demo.simulators.depot.plans import Outcome, Plan, PlannedFor, fold
from bot.demo.simulators.depot.switches import Switches

FULL_SHA = re.compile(r"[0-9a-fA-F]{40}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a job kept."""

    artifact_id: str
    run: Run
    workflow: Workflow
    job: Job
    attempt: Attempt
    name: str
    content: bytes
    created_at: float


@dataclass(frozen=True, slots=True)
class Place:
    """What an id stands for: a run, or something in it."""

    run: Run
    workflow: Workflow | None = None
    job: Job | None = None
    attempt: Attempt | None = None


@dataclass(slots=True)
class World:
    """All runs of all organisations."""

    now: Callable[[], float]
    forge: Forge
    switches: Switches
    ids: Ids
    checks: Checks
    runs: dict[str, Run] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    plans: list[PlannedFor] = field(default_factory=list)
    time: float = 0.0
    """Up to when everything has been played."""
    started: int = 0
    streams: Counter[str] = field(default_factory=Counter)
    """How many streams are open, by organisation."""

    def start(self, order: Order) -> Run:
        """Accept a run. What it contains is compiled a moment later."""
        self.started += 1
        run = Run(self.ids.short(), self.started, order, created_at=self.time)
        self.runs[run.run_id] = run
        self.places[run.run_id] = Place(run)
        return run

    def replan(self) -> None:
        """Work out anew when things happen: a plan or a switch has changed."""
        for run in self.runs.values():
            run.due = 0.0

    def forget(self, run: Run) -> None:
        """Know nothing of a run any more."""
        del self.runs[run.run_id]
        self.places = {key: at for key, at in self.places.items() if at.run is not run}
        self.artifacts = {key: a for key, a in self.artifacts.items() if a.run is not run}

    def plan_for(
        self, run: Run, workflow: Workflow, job: Job, attempt: int, outcome: Outcome | None = None
    ) -> Plan:
        """What is to happen to an attempt, as things are planned now, or with this outcome."""
        fitting = [
            planned.plan
            for planned in self.plans
            if planned.fits(run.run_id, workflow.spec.file, job.spec, attempt)
        ]
        if outcome is not None:
            fitting.append(Plan(outcome=outcome))
        return fold(fitting, job.spec)

    def played(self, run: Run, workflow: Workflow, job: Job, attempt: Attempt) -> Plan:
        """What an attempt did, or is doing."""
        return attempt.plan or self.plan_for(run, workflow, job, attempt.number)

    def keep_artifacts(self, run: Run, workflow: Workflow, job: Job, attempt: Attempt) -> None:
        """Store what an attempt that is over has uploaded."""
        plan = self.played(run, workflow, job, attempt)
        at = attempt.finished_at or self.time
        for name, content in (plan.artifacts or {}).items():
            key = self.ids.uuid7(at)
            zipped = _zip({name: content})
            self.artifacts[key] = Artifact(key, run, workflow, job, attempt, name, zipped, at)

    def place(self, org_id: str, key: str, kind: str) -> Place:
        """What an id stands for; one of another organisation is as unknown as any other."""
        place = self.places.get(key)
        if place is None or place.run.org_id != org_id:
            raise ConnectError("not_found", f"{kind} not found")
        return place

    def find_run(self, org_id: str, run_id: str) -> Run:
        """A run by its id."""
        place = self.place(org_id, run_id, "Run")
        if place.workflow is not None:
            raise ConnectError("not_found", "Run not found")
        return place.run

    def find_workflow(self, org_id: str, workflow_id: str) -> tuple[Run, Workflow]:
        """A workflow by its id, with its run."""
        place = self.place(org_id, workflow_id, "Workflow")
        if place.workflow is None or place.job is not None:
            raise ConnectError("not_found", "Workflow not found")
        return place.run, place.workflow

    def find_job(self, org_id: str, job_id: str) -> tuple[Run, Workflow, Job]:
        """A job by its id, with what it belongs to."""
        place = self.place(org_id, job_id, "Job")
        if place.workflow is None or place.job is None or place.attempt is not None:
            raise ConnectError("not_found", "Job not found")
        return place.run, place.workflow, place.job

    def find_attempt(self, org_id: str, attempt_id: str) -> tuple[Run, Workflow, Job, Attempt]:
        """An attempt by its id, with what it belongs to."""
        place = self.place(org_id, attempt_id, "Attempt")
        if place.workflow is None or place.job is None or place.attempt is None:
            raise ConnectError("not_found", "Attempt not found")
        return place.run, place.workflow, place.job, place.attempt


def _zip(files: Mapping[str, bytes]) -> bytes:
    """A zip as `actions/upload-artifact` makes it, the same bytes every time."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return buffer.getvalue()
