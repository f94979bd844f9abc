"""The checks Depot posts on GitHub: one per job, a matrix counted as one job."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

from bot.demo.simulators.depot.github_port import APP_SLUG, Forge
from bot.demo.simulators.depot.model import Job, Run, Workflow
from bot.demo.simulators.depot.switches import Switches

_CONCLUSIONS = {"finished": "success", "failed": "failure"}


@dataclass(frozen=True, slots=True)
class Check:
    """What a check shows."""

    status: str
    conclusion: str | None
    attempt: int


@dataclass(slots=True)
class Checks:
    """What was posted so far, so that only changes are."""

    forge: Forge
    posted: dict[str, Check] = field(default_factory=dict)

    def publish(self, run: Run, switches: Switches) -> None:
        """Post what changed in a run."""
        for workflow, cells in _families(run):
            check = _check(cells)
            page = details_url(run, workflow, cells[0])
            before = self.posted.get(page)
            if check is None or check == before:
                continue
            self.posted[page] = check
            self.forge.upsert_check_run(
                run.repo,
                run.head_sha,
                f"{workflow.spec.name or workflow.spec.path} / {cells[0].spec.check_name}",
                check.status,
                check.conclusion,
                page,
                APP_SLUG,
                new=_is_new(check, before, switches),
            )


def details_url(run: Run, workflow: Workflow, job: Job) -> str:
    """The job's page at Depot."""
    base = f"https://depot.dev/orgs/{run.org_id}/workflows/{workflow.workflow_id}"
    return f"{base}?job={job.job_id}"


def _families(run: Run) -> Iterator[tuple[Workflow, list[Job]]]:
    for workflow in run.workflows:
        for _, cells in groupby(workflow.jobs, key=lambda job: job.spec.family):
            yield workflow, list(cells)


def _is_new(check: Check, before: Check | None, switches: Switches) -> bool:
    # Told both ways: a retry updates the check, or makes a second one of the same name.
    retried = before is not None and check.attempt > before.attempt
    return before is None or (retried and switches.new_check_per_retry)


def _check(cells: list[Job]) -> Check | None:
    """A check appears once a job starts or is over, not while it waits."""
    states = {job.status for job in cells}
    attempt = max(len(job.attempts) for job in cells)
    if all(job.over for job in cells):
        return Check("completed", _conclusion(states), attempt)
    return Check("in_progress", None, attempt) if states - {"waiting", "queued"} else None


def _conclusion(states: set[str]) -> str:
    for state in ("failed", "cancelled", "finished"):
        if state in states:
            return _CONCLUSIONS.get(state, state)
    return "skipped"
