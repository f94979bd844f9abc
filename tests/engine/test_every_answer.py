"""Every call to GitHub and Depot, with every answer that it may get once: nothing is lost, nothing
is done twice, and the last reply is true.

Each scene is played without trouble; each call that it made is a place, at which it is played again
with each answer. A call in the code that no scene makes fails a test.
"""

from __future__ import annotations

import ast
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import Comment, SimulatedGitHub
from bot.demo.stage import Stage
from bot.depot import client
from bot.github import api, repository, session
from tests.support.base_branch import ERROR, pushed
from tests.support.commands import said
from tests.support.conversation import FILES, REPO, Conversation, Hook, ManualClock, bot_on, visible
from tests.support.pull_requests import CONFIG_TIME, hears_all, rules

pytestmark = pytest.mark.anyio

RUN = "/depot run ci.yml job=test"


# --- scenes --------------------------------------------------------------------------------------


async def says(pr: Conversation, text: str) -> None:
    await pr.says("maya", text)
    await pr.passes(20 * 60)


async def has_run(pr: Conversation, outcome: str = "failed") -> None:
    """A run that is over; all that was said of it is read."""
    pr.depot.plan(job="test", attempt=1, outcome=outcome)  # type: ignore[arg-type]
    pr.depot.plan(job="test", attempt=1, log=["one", "two"], artifacts={"report": b"x"})
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)


async def goes_on(pr: Conversation) -> None:
    pr.depot.plan(seconds=100_000.0)
    await pr.says("alice", "/depot run ci.yml")
    await pr.passes(60)


async def nothing(pr: Conversation) -> None:
    pass


async def unheard(pr: Conversation) -> None:
    """The head is one that no webhook told of."""
    pr.github.push(REPO, 1, {"change.txt": "unheard\n"})
    pr.github.hooks.pending.clear()
    await pr.services.store.transact(lambda db: db.exec_driver_sql("delete from heads"))


async def automation(pr: Conversation) -> None:
    await rules(pr, "automations:\n- {on: synchronize, do: run ci.yml, paths: [change.txt]}\n")
    await pr.passes(CONFIG_TIME)


async def pushes(pr: Conversation) -> None:
    pr.github.push(REPO, 1, {"change.txt": "two\n"})
    await pr.settles()
    await pr.passes(20 * 60)


async def misses(pr: Conversation) -> None:
    await pr.services.sweeper.deliveries()
    pr.github.hook_down = True
    pr.github.comment(REPO, 1, "maya", RUN)
    await pr.settles()
    pr.github.hook_down = False


async def sweeps(pr: Conversation) -> None:
    for _ in range(3):
        await pr.services.sweeper.deliveries()
        await pr.settles()
        await pr.passes(300)
    await pr.passes(20 * 60)


@dataclass(frozen=True, slots=True)
class Scene:
    """What was there before, and what happens."""

    before: Callable[[Conversation], Awaitable[None]]
    happens: Callable[[Conversation], Awaitable[None]]
    rest: float = 3600.0
    """Seconds between the two: no token is left after an hour, nor anything else that is kept."""


def command(text: str, before: Callable[[Conversation], Awaitable[None]] = nothing) -> Scene:
    return Scene(before, lambda pr: says(pr, text))


SCENES: Mapping[str, Scene] = {
    "run": command(RUN),
    "run on a head never heard of": command("/depot run ci.yml", unheard),
    "a run that fails": Scene(
        lambda pr: _plan_failure(pr), lambda pr: says(pr, "/depot run ci.yml")
    ),
    "a failure that the base branch has as well": Scene(
        lambda pr: _broken_base(pr), lambda pr: says(pr, "/depot run ci.yml")
    ),
    "dispatch": command("/depot dispatch nightly.yaml"),
    "retry": command("/depot retry", has_run),
    "rerun": command("/depot rerun", has_run),
    # In an hour it would be polled two hundred times; an hour's rest is tried by the others.
    "cancel": Scene(goes_on, lambda pr: says(pr, "/depot cancel"), rest=120.0),
    "status": command("/depot status", has_run),
    "logs": command("/depot logs job=test", has_run),
    "why": command("/depot why", has_run),
    "artifacts": command("/depot artifacts", has_run),
    "list": command("/depot list"),
    "can-i": command("/depot can-i"),
    "automation": Scene(automation, pushes),
    "a delivery that was missed": Scene(misses, sweeps, rest=120.0),
}


async def _plan_failure(pr: Conversation) -> None:
    pr.depot.plan(job="test", attempt=1, outcome="failed", log=["one", "two"])


async def _broken_base(pr: Conversation) -> None:
    pushed(pr, ERROR)
    pushed(pr, ERROR)
    pr.depot.plan(job="test", attempt=1, outcome="failed", error_message=ERROR)


# --- places --------------------------------------------------------------------------------------

READS = {
    "github GET /repos/R/collaborators/L/permission",
    "github GET /repos/R/contents/.github",
    "github GET /repos/R/contents/.github/depot-bot.yml",
    "github GET /repos/R/contents/.github/depot-bot.yaml",
    "github GET /repos/R/pulls/N",
    "github GET /repos/R/contents/.depot/workflows",
}
"""What most commands read of GitHub."""


def place_of(method: str, path: str) -> str:
    path = path.replace(f"/repos/{REPO}", "/repos/R")
    path = re.sub(r"/collaborators/[^/]+/", "/collaborators/L/", path)
    path = re.sub(r"/commits/[0-9a-f]{40}/", "/commits/S/", path)
    return f"github {method} " + re.sub(r"/\d+(?=/|$)", "/N", path)


def pattern_of(place: str) -> str:
    """The paths of a place, for a fault."""
    path = re.escape(place.split(" ")[2])
    path = path.replace("/repos/R", f"/repos/{REPO}").replace("/L/", "/[^/]+/")
    return "^" + path.replace("/S/", "/[0-9a-f]{40}/").replace("/N", r"/\d+") + "$"


CALLS = {
    *READS,
    "github POST /app/installations/N/access_tokens",
    "github GET /repos/R/contents/.depot/workflows/ci.yml",
    "github GET /repos/R/contents/.depot/workflows/nightly.yaml",
    "github GET /repos/R/commits/S/check-suites",
    "github GET /repos/R/pulls/N/files",
    "github GET /repos/R/commits",
    "github POST /repos/R/issues/comments/N/reactions",
    "github POST /repos/R/issues/N/comments",
    "github PATCH /repos/R/issues/comments/N",
    "github GET /app/hook/deliveries",
    "github POST /app/hook/deliveries/N/attempts",
    *(
        f"depot {method}"
        for method in (
            *("ListRuns", "Run", "DispatchWorkflow", "GetRun", "GetRunStatus", "GetRunMetrics"),
            *("GetFailureDiagnosis", "GetJobAttemptLogs", "ListArtifacts", "ListWorkflows"),
            *("RetryFailedJobs", "RerunWorkflow", "CancelRun"),
        )
    ),
}
"""All calls that the scenes make; those left out are below."""

ELSEWHERE = {
    "depot CancelWorkflow": "cancel of one workflow of several",
    "depot CancelJob": "cancel job=",
    "depot RetryJob": "retry job=",
    "github GET /repos/R/issues/N/comments": "after a lost answer (tests/engine/test_twins.py)",
    "github GET /repos/R": "after a redirect (tests/engine/test_renamed_repositories.py)",
    "github GET /repos/R/installation": "where a webhook names no installation",
    "github GET /user": "a bot account",
    "github GET /app": "comments of other bots, and after a lost answer",
    "github GET /app/hook/config": "depot-bot check",
    "github GET /app/installations": "depot-bot check",
}
"""Calls of the clients that no scene makes, and what makes them."""


# --- answers -------------------------------------------------------------------------------------

Fault = Callable[[SimulatedGitHub, SimulatedDepot, str], object]

JSON = {"content-type": "application/json; charset=utf-8"}
LATER = {**JSON, "retry-after": "30"}
SPENT = {
    **JSON,
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1795500000",
}


def github_says(status: int, body: str = "{}", headers: Mapping[str, str] = JSON) -> Fault:
    def make(github: SimulatedGitHub, _: SimulatedDepot, place: str) -> object:
        method = place.split(" ")[1]
        return github.faults.answer(method, pattern_of(place), status, body, headers)

    return make


def github_does(name: str) -> Fault:
    def make(github: SimulatedGitHub, _: SimulatedDepot, place: str) -> object:
        return getattr(github.faults, name)(place.split(" ")[1], pattern_of(place))

    return make


def depot_says(code: str, retry_after: int | None = None) -> Fault:
    def make(_: SimulatedGitHub, depot: SimulatedDepot, place: str) -> object:
        return depot.faults.refuse(place.split(" ")[1], code, retry_after=retry_after)

    return make


def depot_does(name: str, *arguments: int) -> Fault:
    def make(_: SimulatedGitHub, depot: SimulatedDepot, place: str) -> object:
        return getattr(depot.faults, name)(place.split(" ")[1], *arguments)

    return make


NOT_NOW: Mapping[str, Mapping[str, Fault]] = {
    "github": {
        "401": github_says(401, '{"message": "Bad credentials"}'),
        "403": github_says(403, '{"message": "Resource not accessible by integration"}'),
        "403 later": github_says(403, '{"message": "secondary rate limit"}', LATER),
        "403 spent": github_says(403, '{"message": "API rate limit exceeded"}', SPENT),
        "404": github_says(404, '{"message": "Not Found"}'),
        "409": github_says(409, '{"message": "Conflict"}'),
        "429": github_says(429, '{"message": "slow down"}', LATER),
        "500": github_says(500),
        "502 HTML": github_does("bad_gateway"),
        "503": github_says(503, "", {"retry-after": "20"}),
        "null": github_says(200, "null"),
        "other JSON": github_says(200, '{"message": "ok"}'),
        "half a surrogate": github_says(200, '"\\ud83d"'),
        "HTML": github_says(200, "<html>login</html>", {"content-type": "text/html"}),
        "reset": github_does("drop"),
        "lost": github_does("lose_answer"),
        "cut": github_does("truncate"),
    },
    "depot": {
        **{f"{status} HTML": depot_does("html", status) for status in (401, 403, 404, 429, 502)},
        "404 without a body": depot_does("no_such_path"),
        **{
            code: depot_says(code)
            for code in (*("internal", "unknown", "resource_exhausted", "unauthenticated"),)
        },
        "unavailable, later": depot_says("unavailable", 30),
        "failed after": depot_does("fail_after"),
        "lost": depot_does("drop"),
        "cut": depot_does("cut"),
    },
}
"""Answers after which all is as if they had not been."""

NO: Mapping[str, Mapping[str, Fault]] = {
    "github": {
        "410": github_says(410, '{"message": "Gone"}'),
        "422": github_says(422, '{"message": "Validation Failed", "errors": []}'),
        "451": github_says(451, '{"message": "Blocked"}'),
    },
    "depot": {
        code: depot_says(code)
        for code in ("not_found", "permission_denied", "invalid_argument", "failed_precondition")
    },
}
"""Answers that may end what was asked for, in words."""


UNDETECTABLE = {
    ("github POST /app/hook/deliveries/N/attempts", what): "its answer says nothing anyway"
    for what in ("null", "other JSON", "half a surrogate")
} | {
    (
        f"github GET /repos/R/contents/.github/depot-bot.{end}",
        "half a surrogate",
    ): "a file may say so"
    for end in ("yml", "yaml")
}
"""What cannot be told from a right answer, and why."""


# --- playing -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a scene."""

    reasons: tuple[str, ...]
    runs: tuple[str, ...]
    attempts: int
    """Of all jobs of all runs together."""
    replies: int
    last: str
    """The newest reply, without what differs from one play to the next."""


@dataclass(frozen=True, slots=True)
class Played:
    outcome: Outcome
    places: frozenset[str]
    is_due: bool
    """Something is left to do."""


async def play(
    name: str, folder: Path, private_key: str, fault: Fault | None = None, place: str = ""
) -> Played:
    scene = SCENES[name]
    clock, hook = ManualClock(), Hook()
    stage = Stage(
        now=clock.now,
        private_key=private_key,
        hook_client=httpx.AsyncClient(transport=hook),
        jwt_now=time.time,
    )
    github, depot = stage.github, stage.depot
    github.repository(REPO, FILES, internal=True)
    for login, role in (("maya", "maintain"), ("alice", "write")):
        github.role(REPO, login, role)
    github.pull_request(REPO, "alice", files={"change.txt": "one\n"})
    async with AsyncExitStack() as stack:
        services = await stack.enter_async_context(bot_on(stage, clock, hook, folder / "ledger.db"))
        pr = Conversation(clock, stage, services, REPO, 1)
        await pr.passes(CONFIG_TIME)
        await scene.before(pr)
        await pr.passes(scene.rest)
        before = said(pr)
        github.requests.clear()
        depot.calls.clear()
        if fault is not None:
            fault(github, depot, place)
        await scene.happens(pr)
        places = {place_of(one.method, one.path) for one in github.requests}
        places |= {f"depot {call.method}" for call in depot.calls}
        outcome = await _outcome(pr, [c for c in said(pr) if c not in before])
        left = await services.ledger.queue.until_due()
        hears_all(pr)
    return Played(outcome, frozenset(places), left is not None)


async def _outcome(pr: Conversation, replies: list[Comment]) -> Outcome:
    rows = await pr.services.store.transact(
        lambda db: db.exec_driver_sql(
            "select c.reason from commands c join work_items w on w.id = c.work_item_id"
            " order by w.received_at, c.id"
        ).all()
    )
    runs = pr.depot.runs
    return Outcome(
        reasons=tuple(row[0] for row in rows),
        runs=tuple(run.status for run in runs),
        attempts=sum(len(job.attempts) for run in runs for w in run.workflows for job in w.jobs),
        replies=len(replies),
        last=_normal(visible(replies[-1].body)) if replies else "",
    )


def _normal(text: str) -> str:
    # That a call was made twice may be said, and what took how long differs.
    text = re.sub(r"(?m)^Depot's answer to .*$\n*", "", text)
    text = re.sub(r"( in |\| )(\d+ (h|min|s) ?)+", r"\1TIME", text)
    text = re.sub(r"ic-\d+(\.\d+)?", "ic-N", text)
    text = re.sub(r"\b[0-9a-f]{7}\b", "SHA", text)
    return re.sub(r"\b(?=[a-z]*\d)[a-z0-9]{10}\b", "RUN", text)


CLEAN: dict[str, Played] = {}


async def clean(name: str, folder: Path, private_key: str) -> Played:
    """A scene without trouble; played once by each process."""
    if name not in CLEAN:
        own = folder / f"clean {name}"
        own.mkdir()
        CLEAN[name] = await play(name, own, private_key)
    return CLEAN[name]


async def own_places(name: str, folder: Path, private_key: str) -> list[str]:
    """The places that no scene before this one has."""
    before: set[str] = set()
    for other in SCENES:
        if other == name:
            break
        before |= (await clean(other, folder, private_key)).places
    return sorted((await clean(name, folder, private_key)).places - before)


async def differences(
    name: str,
    answers: Mapping[str, Mapping[str, Fault]],
    is_right: Callable[[Played, Outcome], bool],
    folder: Path,
    private_key: str,
    service: str = "",
) -> list[str]:
    """For each place of a scene and each answer: what came of it that is not right."""
    wanted = (await clean(name, folder, private_key)).outcome
    wrong = []
    for place in await own_places(name, folder, private_key):
        if not place.startswith(service):
            continue
        for what, fault in answers[place.split(" ")[0]].items():
            if (place, what) in UNDETECTABLE:
                continue
            own = folder / re.sub(r"\W+", "-", f"{place} {what}")
            own.mkdir()
            got = await play(name, own, private_key, fault, place)
            if not is_right(got, wanted):
                wrong.append(f"{place}: {what}: {got.outcome}")
    return wrong


# --- the tests -----------------------------------------------------------------------------------


async def test_the_scenes_make_each_call_of_the_table(tmp_path: Path, private_key: str) -> None:
    seen: set[str] = set()
    for name in SCENES:
        seen |= (await clean(name, tmp_path, private_key)).places
    assert seen == CALLS


def test_each_call_in_the_code_is_in_the_table() -> None:
    """A new call needs a scene, or a test elsewhere."""
    found = {f"depot {name}" for name in _depot_calls()} | {
        f"github {path}" for path in _github_paths()
    }
    known = {
        place if place.startswith("depot") else _without_method(place)
        for place in CALLS | ELSEWHERE.keys()
    }
    assert found == known


@pytest.mark.parametrize("service", ["github GET", "github P", "depot"])
@pytest.mark.parametrize("name", SCENES)
async def test_after_trouble_all_is_as_if_it_had_not_been(
    name: str, service: str, tmp_path: Path, private_key: str
) -> None:
    def is_same(got: Played, wanted: Outcome) -> bool:
        return got.outcome == wanted and not got.is_due

    assert await differences(name, NOT_NOW, is_same, tmp_path, private_key, service) == []


@pytest.mark.parametrize("name", SCENES)
async def test_a_no_is_said_and_does_nothing_twice(
    name: str, tmp_path: Path, private_key: str
) -> None:
    def is_said(played: Played, wanted: Outcome) -> bool:
        got = played.outcome
        is_decided = "" not in got.reasons and len(got.reasons) == len(wanted.reasons)
        is_no_more = len(got.runs) <= len(wanted.runs) and got.attempts <= wanted.attempts
        return is_decided and is_no_more and got.replies == wanted.replies and got.last != ""

    assert await differences(name, NO, is_said, tmp_path, private_key) == []


# --- the calls in the code -----------------------------------------------------------------------


def _depot_calls() -> set[str]:
    """The methods that Depot's client calls."""
    tree = ast.parse(inspect.getsource(client))
    return {
        str(node.args[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"_call", "_pages"}
        and isinstance(node.args[0], ast.Constant)
    }


def _github_paths() -> set[str]:
    """The paths that the code asks of GitHub, as `place_of` writes them, and what gidgethub asks
    for us."""
    paths = {"/app/installations/N/access_tokens"}
    for module in (api, repository, session):
        nodes = list(ast.walk(ast.parse(inspect.getsource(module))))
        parts = {
            id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values
        }
        for node in nodes:
            text = _text(node) if id(node) not in parts else ""
            if re.match(r"/(repos|app|user)(/|$)", text):
                paths.add(_template(text))
    return paths


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        parts = node.values
        return "".join(_text(part) if isinstance(part, ast.Constant) else "{x}" for part in parts)
    return ""


def _template(text: str) -> str:
    text = re.sub(r"\{\?.*?\}|\?.*", "", text).replace("{/path*}", "/P")
    text = re.sub(r"/repos/(\{owner\}/\{repo\}|\{x\}(?=/installation))", "/repos/R", text)
    text = (
        text.replace("{login}", "L").replace("{sha}", "S").replace("/{x}/comments", "/K/comments")
    )
    return re.sub(r"\{(number|id|x)\}", "N", text)


def _without_method(place: str) -> str:
    service, _, path = place.split(" ")
    path = re.sub(r"/contents/.*", "/contents/P", path)
    return f"{service} " + re.sub(r"/issues(?=/comments/N/reactions)", "/K", path)
