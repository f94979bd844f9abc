"""`ListRuns` and `ListWorkflows`: filters, then pages."""

import base64
import re
from collections.abc import Iterable

import msgspec

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.messages import lists as m
from bot.demo.simulators.depot.model import RUN_STATES, Run, Workflow
from bot.demo.simulators.depot.views import Views
from bot.demo.simulators.depot.world import World

_ACTIVE = ("queued", "running")
_SHA_PREFIX = re.compile(r"[0-9a-fA-F]{1,40}")


def page_size(wanted: int, default: int, most: int) -> int:
    """Zero means the default; too much is lowered, not refused."""
    return min(wanted, most) if wanted > 0 else default


def write_token(position: int) -> str:
    """An opaque page token."""
    return base64.urlsafe_b64encode(msgspec.json.encode({"o": position})).decode().rstrip("=")


def read_token(token: str) -> int | None:
    """The position in a page token; None on the first page."""
    if not token:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(padded), type=dict[str, int])
        return decoded["o"]
    except (ValueError, KeyError, msgspec.MsgspecError):
        raise ConnectError("invalid_argument", "invalid page token") from None


def list_runs(world: World, caller: Caller, request: m.ListRunsRequest) -> m.ListRunsResponse:
    """`ListRuns`."""
    if request.pr and not request.repo:
        raise ConnectError("invalid_argument", "pr requires repo")
    _check_states(request.status)
    _check_sha(request.sha)
    before = read_token(request.page_token)
    states = request.status or _ACTIVE
    found = [
        run
        for run in _newest_first(world, caller.org_id)
        if run.status in states
        and (before is None or run.number < before)
        and _fits(world, run, request.repo, request.trigger, request.pr)
        and _starts_with(request.sha, run.sha, run.head_sha)
    ]
    size = page_size(request.page_size, 50, 100)
    views = Views(world)
    return m.ListRunsResponse(
        runs=tuple(views.listed_run(run) for run in found[:size]),
        next_page_token=write_token(found[size - 1].number) if len(found) > size else "",
    )


def list_workflows(
    world: World, caller: Caller, request: m.ListWorkflowsRequest
) -> m.ListWorkflowsResponse:
    """`ListWorkflows`. There are no further pages."""
    _check_sha(request.sha)
    views = Views(world)
    found = [
        views.listed_workflow(run, workflow)
        for run in _newest_first(world, caller.org_id)
        if _fits(world, run, request.repo, request.trigger, request.pr)
        and _starts_with(request.sha, run.head_sha)
        for workflow in run.workflows
        if _is_named(workflow, request.name)
        and (not request.status or workflow.status in request.status)
    ]
    return m.ListWorkflowsResponse(workflows=tuple(found[: page_size(request.page_size, 50, 200)]))


def _newest_first(world: World, org_id: str) -> list[Run]:
    # Not known: how soon a new run shows up in lists.
    until = world.time - world.switches.list_delay
    runs = (run for run in world.runs.values() if run.org_id == org_id)
    return sorted(
        (run for run in runs if run.created_at <= until), key=lambda run: run.number, reverse=True
    )


def _fits(world: World, run: Run, repo: str, trigger: str, pr: str) -> bool:
    return (
        repo in ("", run.repo)
        and trigger in ("", run.trigger)
        and (not pr or _is_of_pull_request(world, run, pr))
    )


def _is_of_pull_request(world: World, run: Run, pr: str) -> bool:
    if run.order.pr is not None:
        return str(run.order.pr) == pr
    # Not known: whether Depot finds a run through the API, which carries no pull request, by one.
    if run.trigger != "api" or not world.switches.api_runs_found_by_pr:
        return False
    return pr in {str(number) for number in world.forge.pull_requests_at(run.repo, run.sha)}


def _starts_with(prefix: str, *shas: str) -> bool:
    return any(sha.startswith(prefix.lower()) for sha in shas)


def _is_named(workflow: Workflow, part: str) -> bool:
    return part in (workflow.spec.name or workflow.spec.path)


def _check_states(states: Iterable[str]) -> None:
    for state in states:
        if state not in RUN_STATES:
            raise ConnectError("invalid_argument", f"unknown status: {state}")


def _check_sha(prefix: str) -> None:
    if prefix and not _SHA_PREFIX.fullmatch(prefix):
        raise ConnectError("invalid_argument", "sha must be 1 to 40 hexadecimal digits")
