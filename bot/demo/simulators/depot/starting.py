"""`Run` and `DispatchWorkflow`: what is refused at once, and what becomes a run."""

from collections.abc import Mapping

from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.compile import (
    FOLDER,
    InputSpec,
    WorkflowSpec,
    bare,
    compile_file,
    workflow_paths,
)
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.github_port import DEFAULT_BRANCH
from bot.demo.simulators.depot.messages import acts
from bot.demo.simulators.depot.model import Order
from bot.demo.simulators.depot.progress import compiled
from bot.demo.simulators.depot.world import FULL_SHA, World


def run(world: World, caller: Caller, request: acts.RunRequest) -> acts.RunResponse:
    """`Run`."""
    _check_arguments(world, request)
    if request.forge in (acts.Forge.ORIGIN, 2):
        # Believed: here all repositories are on GitHub, so there is none of that name.
        raise _unknown(world, request.repo)
    _must_be_connected(world, request.repo)
    order = Order(
        repo=request.repo,
        sha=_commit(world, request.repo, (request.sha or "").lower()),
        workflow=request.workflow or "",
        contents=request.workflow_content,
        job=request.job or "",
        org_id=caller.org_id,
    )
    _must_exist(world, order)
    started = world.start(order)
    return acts.RunResponse(org_id=started.org_id, run_id=started.run_id)


def dispatch(
    world: World, caller: Caller, request: acts.DispatchWorkflowRequest
) -> acts.DispatchWorkflowResponse:
    """`DispatchWorkflow`."""
    if not request.repo or not request.workflow or not request.ref:
        raise _invalid("repo, workflow and ref are required")
    if "/" in request.workflow:
        raise _invalid("workflow must be a file name, not a path")
    if request.org_id not in ("", caller.org_id):
        # Believed: the token, with its header, decides; another organisation is refused.
        raise ConnectError("permission_denied", "not a member of this organization")
    _must_be_connected(world, request.repo)
    branch = request.ref.removeprefix("refs/heads/")
    sha = world.forge.branch_head(request.repo, branch)
    if sha is None:
        raise ConnectError("not_found", f"ref not found: {request.ref}")
    spec = _dispatched(world, request.repo, sha, request.workflow)
    _check_inputs(request.inputs, spec.inputs or {})
    order = Order(
        repo=request.repo,
        sha=sha,
        workflow=spec.path,
        trigger="workflow_dispatch",
        ref=f"refs/heads/{branch}",
        inputs=tuple(request.inputs.items()),
        org_id=caller.org_id,
    )
    started = world.start(order)
    return acts.DispatchWorkflowResponse(org_id=started.org_id, run_id=started.run_id)


def _check_arguments(world: World, request: acts.RunRequest) -> None:
    if not request.repo:
        raise _invalid("repo is required")
    if request.sha and not FULL_SHA.fullmatch(request.sha):
        raise _invalid("sha must be a full 40-character commit SHA")
    if request.workflow and request.workflow_content:
        raise _invalid("workflow and workflow_content are mutually exclusive")
    if request.job and not request.workflow and len(request.workflow_content) != 1:
        raise _invalid("job requires exactly one workflow")
    # Not known: whether a bare file name is taken.
    if (
        request.workflow
        and "/" not in request.workflow
        and world.switches.bare_workflow == "refuse"
    ):
        raise _invalid(f"workflow must be a path, such as {FOLDER}{request.workflow}")


def _must_be_connected(world: World, repo: str) -> None:
    if not world.forge.connected(repo):
        raise _unknown(world, repo)


def _commit(world: World, repo: str, sha: str) -> str:
    commit = sha or world.forge.branch_head(repo, DEFAULT_BRANCH) or ""
    if world.forge.files_at(repo, commit) is None:
        raise ConnectError(world.switches.unknown_sha, f"commit {commit} not found")
    # Believed: a fork's head can be read in the base repository, so Depot may well run it.
    if world.switches.fork_head == "refuse" and world.forge.from_fork(repo, commit):
        raise ConnectError("permission_denied", "commits of forks cannot be run")
    return commit


def _must_exist(world: World, order: Order) -> None:
    files = world.forge.files_at(order.repo, order.sha) or {}
    if not order.workflow and not order.contents and not workflow_paths(files):
        raise ConnectError("not_found", "no workflows found")
    # Believed: an unknown workflow or job may be told at once, or only by the run.
    if world.switches.unknown_target == "not_found":
        for spec in compiled(world, order):
            if "not found" in spec.error:
                raise ConnectError("not_found", spec.error)


def _dispatched(world: World, repo: str, sha: str, name: str) -> WorkflowSpec:
    path = FOLDER + bare(name)
    files = world.forge.files_at(repo, sha) or {}
    spec = compile_file(files, path)
    if path not in files or (spec.inputs is None and not spec.error):
        raise ConnectError("not_found", f"workflow {name} with workflow_dispatch not found")
    # Believed: in mid-2026 the file had to be on the default branch, later reports say otherwise.
    if world.switches.dispatch_off_default_branch == "refuse":
        default = world.forge.branch_head(repo, DEFAULT_BRANCH) or ""
        if path not in (world.forge.files_at(repo, default) or {}):
            raise ConnectError("not_found", f"workflow {name} is not on the default branch")
    return spec


def _check_inputs(given: Mapping[str, str], declared: Mapping[str, InputSpec]) -> None:
    for name, value in given.items():
        if name not in declared:
            raise _invalid(f"unknown input '{name}'")
        _check_input(name, value, declared[name])
    for name, spec in declared.items():
        if spec.required and not spec.has_default and name not in given:
            raise _invalid(f"input '{name}' is required")


def _check_input(name: str, value: str, spec: InputSpec) -> None:
    if spec.kind == "boolean" and value not in ("true", "false"):
        raise _invalid(f"input '{name}' must be true or false")
    if spec.kind == "choice" and value not in spec.options:
        raise _invalid(f"input '{name}' must be one of {', '.join(spec.options)}")
    if spec.kind == "number" and not _is_number(value):
        raise _invalid(f"input '{name}' must be a number")


def _is_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _unknown(world: World, repo: str) -> ConnectError:
    return ConnectError(world.switches.unknown_repo, f"repository {repo} not found")


def _invalid(message: str) -> ConnectError:
    return ConnectError("invalid_argument", message)
