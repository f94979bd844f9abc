"""What happens on the base branch: pushes, and their runs."""

from __future__ import annotations

from bot.demo.simulators.depot import Run
from tests.support.commands import CI
from tests.support.conversation import REPO, Conversation

ERROR = "AssertionError: the basket holds 3 items"
"""An error that is known again."""


def pushed(
    pr: Conversation,
    error: str = "",
    *,
    author: str = "zoe",
    message: str = "Change something",
    job: str = "test",
    workflow: str = CI,
) -> Run:
    """Somebody pushes to the base branch; the run of that is over, and *job* failed with *error*,
    or none did."""
    pr.clock.time += 60
    files = {"main.txt": f"{pr.clock.time}\n"}
    sha = pr.github.commit(REPO, "main", files, message=message, author=author)
    return ran_at(pr, sha, error, job=job, workflow=workflow)


def ran_at(
    pr: Conversation, sha: str, error: str = "", *, job: str = "test", workflow: str = CI
) -> Run:
    """A push's run on a commit, which is over."""
    run = pr.depot.foreign_run(REPO, sha, workflow, trigger="push")
    if error:
        pr.depot.plan(run_id=run.run_id, job=job, error_message=error)
    pr.depot.finish(run.run_id, jobs={job: "failed"} if error else {})
    return run
