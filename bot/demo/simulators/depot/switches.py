"""What nobody has settled about the live Depot, as switches.

Everything here is believed or unknown (bot/depot/README.md, "The simulator"). The default is the
best guess; a test flips a switch to show that the bot lives with the other answer too.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Switches:
    """How the simulated Depot behaves where the real one is not known for certain."""

    # The door.
    several_orgs_without_header: Literal["refuse", "first"] = "refuse"
    protocol_version_required: bool = False
    failed_precondition_status: Literal[412, 400] = 412

    # Answers.
    extra_keys: bool = True
    """An unknown key in every object, because Depot adds fields without notice."""
    workflow_path: Literal["path", "bare"] = "path"
    job_key: Literal["prefix", "bare"] = "prefix"
    job_display_name: bool = True

    # Run and DispatchWorkflow.
    bare_workflow: Literal["refuse", "accept"] = "refuse"
    unknown_repo: Literal["not_found", "permission_denied", "failed_precondition"] = "not_found"
    unknown_sha: Literal["not_found", "invalid_argument"] = "not_found"
    unknown_target: Literal["failed workflow", "not_found"] = "failed workflow"
    """A workflow file or job that is not there: told in the run, or refused at once."""
    needs_of_job: Literal["skipped", "run", "job skipped"] = "skipped"
    """With `job`: its needs are skipped too, are run, or take the job itself along."""
    fork_head: Literal["accept", "refuse"] = "accept"
    dispatch_off_default_branch: Literal["accept", "refuse"] = "accept"

    # Progress.
    compile_seconds: float = 0.5
    """How long after `Run` the workflows and jobs appear."""

    # RetryFailedJobs with nothing failed.
    nothing_to_retry: Literal["failed_precondition", "empty"] = "failed_precondition"

    # Lists.
    list_delay: float = 0.0
    """Seconds until a new run shows in ListRuns and ListWorkflows."""
    api_runs_found_by_pr: bool = False

    # Logs, diagnosis, metrics: bounds that Depot has but does not publish.
    log_page_size: int = 100
    diagnosis_cap: int = 100
    fingerprint: Literal["error", "run and error"] = "error"
    """What a failure group's fingerprint is made of: an error may have another in each run."""
    metrics_cap: int = 150
    """Attempts of a run in `GetRunMetrics`."""
    job_metrics_cap: int = 50
    """Attempts of a job in `GetJobMetrics`."""
    log_streams_at_once: int = 10
    """Open streams per organisation."""
    log_stream_seconds: float = 3600.0
    """How long a stream may last, on the simulated clock."""

    # Checks on GitHub.
    new_check_per_retry: bool = True
