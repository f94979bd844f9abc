"""What the tests expect to read of a run, made from the simulated Depot's own record of it."""

from __future__ import annotations

from bot.demo.simulators.depot import Run


def name_of(run: Run, what: str = "`ci.yml`") -> str:
    """Id, link, workflow, job and commit; *what* is how the reply names workflow and job."""
    page = f"https://depot.dev/orgs/{run.org_id}/workflows/{run.run_id}"
    return f"Run [`{run.run_id}`]({page}) of {what} on `{run.sha[:7]}`"


def queued(run: Run, what: str = "`ci.yml`") -> str:
    """The first that is said of a run."""
    return f"{name_of(run, what)}: ⏸ queued."


def linked(run: Run, what: str = "`ci.yml`", state: str = "⏸ queued") -> str:
    """All that a reply says of a run that another reply follows; its address is left out."""
    return f"{name_of(run, what)}: {state}. [Its reply] shows how it goes."


def again(run: Run, state: str, what: str = "`ci.yml`", by: str = "alice") -> str:
    """How the reply begins that follows a run in its second attempt."""
    return f"{name_of(run, what)}: {state} (attempt 2, asked for by `{by}`)"


NO_EDITS = "Write it as a new comment: edits are not read."
"""How the answer to a misreading ends."""
