"""REST endpoints of check suites and check runs."""

from bot.demo.simulators.github.bodies import Json
from bot.demo.simulators.github.http import (
    Answer,
    ApiError,
    Call,
    Endpoint,
    invalid,
    not_found,
    page,
)
from bot.demo.simulators.github.model import App, CheckOutput, CheckRun
from bot.demo.simulators.github.rest_repositories import commit_of

_STATUSES = ("queued", "in_progress", "completed")
_CONCLUSIONS = (
    "action_required",
    "cancelled",
    "failure",
    "neutral",
    "success",
    "skipped",
    "timed_out",
)
_MOST_ACTIONS = 3
_LONGEST_OUTPUT = 65_535


def list_suites(call: Call) -> Answer:
    commit = commit_of(call, call.params["ref"])
    app_id = call.query.get("app_id")
    suites = [
        suite
        for suite in call.world.suites_of(call.repository, commit.sha)
        if app_id in {None, str(suite.app.id)}
    ]
    shown, links = page(call, suites)
    body = {
        "total_count": len(suites),
        "check_suites": [call.bodies.check_suite(one) for one in shown],
    }
    return Answer(body, headers=links)


def list_runs(call: Call) -> Answer:
    commit = commit_of(call, call.params["ref"])
    latest = call.query.get("filter", "latest") != "all"
    wanted = call.query
    runs = [
        run
        for run in call.world.runs_of(call.repository, commit.sha, latest=latest)
        if wanted.get("check_name") in {None, run.name}
        and wanted.get("status") in {None, run.status}
        and wanted.get("app_id") in {None, str(run.suite.app.id)}
    ]
    shown, links = page(call, runs)
    body = {
        "total_count": len(runs),
        "check_runs": [call.bodies.check_run(one) for one in shown],
    }
    return Answer(body, headers=links)


def get_run(call: Call) -> Answer:
    return Answer(call.bodies.check_run(_run(call)))


def create_run(call: Call) -> Answer:
    asked = call.json()
    for name in ("name", "head_sha"):
        if not isinstance(asked.get(name), str):
            raise ApiError(422, f'Invalid request.\n\n"{name}" wasn\'t supplied.')
    _check(asked)
    sha = commit_of(call, asked["head_sha"]).sha
    run = call.world.create_check_run(
        call.repository,
        sha,
        asked["name"],
        _app(call),
        asked.get("status", "queued"),
        asked.get("conclusion"),
        asked.get("details_url", ""),
        external_id=asked.get("external_id", ""),
        output=_output(asked),
    )
    return Answer(call.bodies.check_run(run), 201)


def update_run(call: Call) -> Answer:
    run, asked = _run(call), call.json()
    if run.suite.app is not _app(call):
        raise ApiError(
            403,
            f"Invalid app_id `{_app(call).id}` - check run can only be modified by the GitHub"
            " App that created it.",
        )
    _check(asked)
    call.world.update_check_run(
        run,
        asked.get("status"),
        asked.get("conclusion"),
        asked.get("details_url"),
        output=_output(asked),
    )
    return Answer(call.bodies.check_run(run))


def _check(asked: Json) -> None:
    if asked.get("status", "queued") not in _STATUSES:
        raise invalid("CheckRun", "status", "invalid")
    if asked.get("conclusion") not in {None, *_CONCLUSIONS}:
        raise invalid("CheckRun", "conclusion", "invalid")
    if asked.get("status") == "completed" and not asked.get("conclusion"):
        raise invalid("CheckRun", "conclusion", "missing_field")
    if len(asked.get("actions", [])) > _MOST_ACTIONS:
        raise invalid("CheckRun", "actions", "invalid")
    output = asked.get("output") or {}
    for name in ("summary", "text"):
        if len(output.get(name) or "") > _LONGEST_OUTPUT:
            raise invalid("CheckRun", f"output.{name}", "invalid")


def _output(asked: Json) -> CheckOutput | None:
    output = asked.get("output")
    if output is None:
        return None
    return CheckOutput(output.get("title"), output.get("summary"), output.get("text"))


def _app(call: Call) -> App:
    if call.via_app is None:
        raise ApiError(403, "You must authenticate via a GitHub App.")
    return call.via_app


def _run(call: Call) -> CheckRun:
    run = call.world.find_check_run(call.repository, call.number("check_run_id"))
    if run is None:
        raise not_found()
    return run


_REPO = "/repos/{owner}/{repo}"
_READ = {"checks": "read"}
_WRITE = {"checks": "write"}

# Before the commit's own route, whose reference may contain slashes.
ENDPOINTS = (
    Endpoint("GET", _REPO + "/commits/{ref:path}/check-suites", list_suites, needs=_READ),
    Endpoint("GET", _REPO + "/commits/{ref:path}/check-runs", list_runs, needs=_READ),
    Endpoint("POST", _REPO + "/check-runs", create_run, needs=_WRITE, apps_only=True),
    Endpoint("GET", _REPO + "/check-runs/{check_run_id}", get_run, needs=_READ),
    Endpoint(
        "PATCH", _REPO + "/check-runs/{check_run_id}", update_run, needs=_WRITE, apps_only=True
    ),
)
