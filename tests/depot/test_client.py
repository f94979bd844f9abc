"""What is sent to Depot, and what each answer becomes."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from bot import __version__
from bot.core.runs import Attempt, Job, Run, Workflow
from bot.core.types import RepoName, RunId, Sha
from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.stage import Stage
from bot.depot.client import (
    MAX_PAGES,
    RUN_STATES,
    Depot,
    DepotError,
    DepotNotReached,
    DepotRefused,
    DepotUnavailable,
)
from tests.support.conversation import REPO, ManualClock

pytestmark = pytest.mark.anyio

HELLO = RepoName("octo/hello")
SHA = Sha("3f2c1d09b8a7e6f5d4c3b2a1908f7e6d5c4b3a29")
RUN = RunId("07qwbk1s76")
TOKEN = "depot-s3cret"


@dataclass
class Wire:
    """A server that answers what it was told, and keeps what it was asked."""

    answers: list[httpx.Response] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def client(self, url: str = "https://api.depot.dev", org_id: str = "") -> Depot:
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        return Depot(client, url=url, token=TOKEN, org_id=org_id)

    @property
    def bodies(self) -> list[Any]:
        return [json.loads(request.content) for request in self.requests]


def wire(*answers: object, status: int = 200) -> Wire:
    return Wire([httpx.Response(status, json=answer) for answer in answers])


# --- what is sent --------------------------------------------------------------------------------

STARTED = {"orgId": "k3v9c0t1xa", "runId": "07qwbk1s76"}
STATES = json.dumps(list(RUN_STATES), separators=(",", ":"))
ON_COMMIT = f'"repo":"octo/hello","sha":"{SHA}"'

SENT: list[tuple[str, Callable[[Depot], Awaitable[object]], str]] = [
    ("Run", lambda ci: ci.run(HELLO, SHA), f"{{{ON_COMMIT}}}"),
    (
        "Run",
        lambda ci: ci.run(HELLO, SHA, workflow=".depot/workflows/ci.yml", job="test"),
        f'{{{ON_COMMIT},"workflow":".depot/workflows/ci.yml","job":"test"}}',
    ),
    (
        "Run",
        lambda ci: ci.run(HELLO, SHA, content=("jobs: {é: {}}\n",), job="é"),
        f'{{{ON_COMMIT},"workflowContent":["jobs: {{é: {{}}}}\\n"],"job":"é"}}',
    ),
    ("GetRunStatus", lambda ci: ci.run_status(RUN), '{"runId":"07qwbk1s76"}'),
    ("GetRunMetrics", lambda ci: ci.times(RUN), '{"runId":"07qwbk1s76"}'),
    (
        "ListRuns",
        lambda ci: ci.runs(HELLO, SHA, trigger="api"),
        f'{{{ON_COMMIT},"status":{STATES},"trigger":"api","pageSize":100}}',
    ),
    (
        "ListRuns",
        lambda ci: ci.runs(HELLO, SHA),
        f'{{{ON_COMMIT},"status":{STATES},"pageSize":100}}',
    ),
    (
        "DispatchWorkflow",
        lambda ci: ci.dispatch(HELLO, "deploy.yml", "feature", {"to": "staging"}),
        '{"repo":"octo/hello","workflow":"deploy.yml","ref":"feature","inputs":{"to":"staging"}}',
    ),
    (
        "DispatchWorkflow",
        lambda ci: ci.dispatch(HELLO, "deploy.yml", "feature", {}),
        '{"repo":"octo/hello","workflow":"deploy.yml","ref":"feature"}',
    ),
    ("RetryJob", lambda ci: ci.retry_job("w1", "j1"), '{"workflowId":"w1","jobId":"j1"}'),
    ("RetryFailedJobs", lambda ci: ci.retry_failed_jobs("w1"), '{"workflowId":"w1"}'),
    ("RerunWorkflow", lambda ci: ci.rerun_workflow("w1"), '{"workflowId":"w1"}'),
    ("CancelRun", lambda ci: ci.cancel_run(RUN), '{"runId":"07qwbk1s76"}'),
    ("CancelJob", lambda ci: ci.cancel_job("w1", "j1"), '{"workflowId":"w1","jobId":"j1"}'),
    ("GetRun", lambda ci: ci.listed_run(RUN), '{"runId":"07qwbk1s76"}'),
    (
        "ListArtifacts",
        lambda ci: ci.artifacts(RUN),
        '{"runId":"07qwbk1s76","pageSize":500}',
    ),
    ("GetJobAttemptLogs", lambda ci: ci.log_tail("a1", 5), '{"attemptId":"a1"}'),
]


@pytest.mark.parametrize(("method", "call", "body"), SENT)
async def test_what_is_sent(
    method: str, call: Callable[[Depot], Awaitable[object]], body: str
) -> None:
    server = wire(STARTED)
    await call(server.client())
    (request,) = server.requests
    assert request.method == "POST"
    assert str(request.url) == f"https://api.depot.dev/depot.ci.v1.CIService/{method}"
    assert request.content == body.encode()
    assert request.headers["authorization"] == f"Bearer {TOKEN}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["connect-protocol-version"] == "1"
    assert request.headers["user-agent"] == f"depot-bot/{__version__}"
    assert "x-depot-org" not in request.headers


async def test_the_organisation_and_another_address() -> None:
    server = wire(STARTED)
    await server.client("http://127.0.0.1:9000/", org_id="k3v9c0t1xa").run(HELLO, SHA)
    (request,) = server.requests
    assert str(request.url) == "http://127.0.0.1:9000/depot.ci.v1.CIService/Run"
    assert request.headers["x-depot-org"] == "k3v9c0t1xa"


# --- errors, as Depot says them ------------------------------------------------------------------

# bot/depot/README.md, "What may be sent again": code, the statuses it may come with, and whether a
# mutation needs a second look.
CODES: list[tuple[str, tuple[int, ...], type[DepotError]]] = [
    ("invalid_argument", (400,), DepotRefused),
    ("unauthenticated", (401,), DepotNotReached),
    ("permission_denied", (403,), DepotRefused),
    ("not_found", (404,), DepotRefused),
    ("failed_precondition", (400, 412), DepotRefused),
    ("resource_exhausted", (429,), DepotUnavailable),
    ("unavailable", (503,), DepotUnavailable),
    ("internal", (500,), DepotUnavailable),
    ("deadline_exceeded", (504,), DepotUnavailable),
    ("aborted", (409,), DepotUnavailable),
    ("canceled", (499,), DepotUnavailable),
    ("unknown", (500,), DepotUnavailable),
    ("already_exists", (409,), DepotRefused),
    ("out_of_range", (400,), DepotRefused),
    ("unimplemented", (501,), DepotRefused),
    ("a_code_of_the_future", (400,), DepotUnavailable),
]


@pytest.mark.parametrize(
    ("code", "status", "kind"),
    [(code, status, kind) for code, statuses, kind in CODES for status in statuses],
)
async def test_an_error_is_known_by_its_code(
    code: str, status: int, kind: type[DepotError]
) -> None:
    server = wire({"code": code, "message": "the text", "details": [{"type": "x"}]}, status=status)
    with pytest.raises(DepotError) as caught:
        await server.client().run(HELLO, SHA)
    error = caught.value
    assert (type(error), error.code, error.message) == (kind, code, "the text")
    assert error.retry_after is None
    assert len(server.requests) == 1  # nothing is repeated here


@pytest.mark.parametrize("number", [201, 302, 400, 429, 500])
async def test_the_status_does_not_matter_when_there_is_a_code(number: int) -> None:
    server = wire({"code": "not_found"}, status=number)
    with pytest.raises(DepotRefused) as caught:
        await server.client().run(HELLO, SHA)
    assert (caught.value.code, caught.value.message) == ("not_found", "")


# --- answers that are not Depot's ----------------------------------------------------------------

BARE: list[tuple[int, str, type[DepotError]]] = [
    (301, "unknown", DepotUnavailable),
    (400, "internal", DepotUnavailable),
    (401, "unauthenticated", DepotUnavailable),
    (403, "permission_denied", DepotUnavailable),
    (404, "unimplemented", DepotUnavailable),
    (405, "unknown", DepotUnavailable),
    (408, "unknown", DepotUnavailable),
    (415, "unknown", DepotUnavailable),
    (429, "unavailable", DepotUnavailable),
    (500, "unknown", DepotUnavailable),
    (502, "unavailable", DepotUnavailable),
    (503, "unavailable", DepotUnavailable),
    (504, "unavailable", DepotUnavailable),
    (520, "unknown", DepotUnavailable),
    (204, "unknown", DepotUnavailable),
]
PAGE = b"<html><h1>502</h1>proxy-7.internal depot-s3cret</html>"


@pytest.mark.parametrize("body", [b"", PAGE, b"[]", b'"x"', b"\xff\xfe", b'{"code": 7}', b"{}"])
@pytest.mark.parametrize(("status", "code", "kind"), BARE)
async def test_without_a_code_the_status_counts_and_the_text_does_not(
    status: int, code: str, kind: type[DepotError], body: bytes
) -> None:
    server = Wire([httpx.Response(status, content=body)])
    with pytest.raises(DepotError) as caught:
        await server.client().run(HELLO, SHA)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert caught.value.message == ""
    assert str(caught.value) == code
    assert "html" not in repr(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30", 30.0),
        ("0", 0.0),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ],
)
async def test_how_long_depot_asks_to_wait(value: str, expected: float | None) -> None:
    headers = {"retry-after": value}
    server = Wire([httpx.Response(429, json={"code": "resource_exhausted"}, headers=headers)])
    with pytest.raises(DepotUnavailable) as caught:
        await server.client().run_status(RUN)
    assert caught.value.retry_after == expected


@pytest.mark.parametrize(
    "body", [b"", b'{"runId": "07q', b"[]", b"null", b'"x"', b"\xff", b'{"runId": {}}', PAGE]
)
async def test_an_answer_to_run_that_cannot_be_read_leaves_it_open(body: bytes) -> None:
    server = Wire([httpx.Response(200, content=body)])
    with pytest.raises(DepotUnavailable) as caught:
        await server.client().run(HELLO, SHA)
    assert type(caught.value) is DepotUnavailable  # not DepotNotReached: it may have started
    assert "html" not in repr(caught.value)
    assert TOKEN not in repr(caught.value)


@pytest.mark.parametrize("answer", [{}, {"orgId": "k3v9c0t1xa"}, {"runId": ""}, {"run_id": "x"}])
async def test_an_answer_to_run_without_an_id_leaves_it_open(answer: object) -> None:
    with pytest.raises(DepotUnavailable) as caught:
        await wire(answer).client().run(HELLO, SHA)
    assert type(caught.value) is DepotUnavailable


async def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    # Port 1 of this machine: nobody listens there, and a real socket says so.
    async with httpx.AsyncClient() as client:
        ci = Depot(client, url="http://127.0.0.1:1", token=TOKEN)
        with pytest.raises(DepotNotReached) as caught:
            await ci.run(HELLO, SHA)
    assert caught.value.code == "unavailable"
    assert TOKEN not in repr(caught.value)


# --- what is read --------------------------------------------------------------------------------


async def test_the_status_of_a_run() -> None:
    # bot/depot/README.md, "GetRunStatus", with keys of the future, another order, and numbers as
    # strings.
    answer = {
        "aNewField": {"x": [1]},
        "workflows": [
            {
                "jobs": [
                    {"jobId": "b1", "jobKey": "ci.yml:build", "status": "skipped"},
                    {
                        "jobId": "q0",
                        "jobKey": "ci.yml:test",
                        "jobDisplayName": "Unit tests",
                        "status": "running",
                        "attempts": [
                            {"attemptId": "f2", "attempt": "2", "status": "running", "new": 1},
                            {"attemptId": "f1", "attempt": 1, "status": "failed"},
                        ],
                    },
                ],
                "workflowId": "x1",
                "workflowPath": ".depot/workflows/ci.yml",
                "name": "CI",
                "status": "running",
                "sizeBytes": "18231",
            }
        ],
        "status": "running",
        "orgId": "k3",
        "runId": "07",
    }
    assert await wire(answer).client().run_status(RUN) == Run(
        RUN,
        "k3",
        "running",
        (
            Workflow(
                *("x1", ".depot/workflows/ci.yml", "running", "CI", ""),
                (
                    Job("b1", "ci.yml:build", "skipped"),
                    Job(
                        *("q0", "ci.yml:test", "running", "Unit tests"),
                        (Attempt("f2", 2, "running"), Attempt("f1", 1, "failed")),
                    ),
                ),
            ),
        ),
    )


async def test_everything_may_be_missing() -> None:
    assert await wire({}).client().run_status(RUN) == Run(RUN, "", "unknown")
    answer = {"status": "failed", "workflows": [{"errorMessage": "no", "jobs": [{}]}]}
    got = await wire(answer).client().run_status(RUN)
    assert got.workflows == (Workflow("", "", "unknown", "", "no", (Job("", "", "unknown"),)),)
    assert got.is_over


async def test_a_state_nobody_knows_is_kept_as_it_is_and_not_over() -> None:
    got = await wire({"status": "paused"}).client().run_status(RUN)
    assert (got.status, got.is_over) == ("paused", False)


async def test_64_bit_numbers_are_strings() -> None:
    answer = {
        "artifacts": [
            {"name": "report", "jobKey": "ci.yml:test", "sizeBytes": "9007199254740993"},
            {"name": "small", "jobKey": "ci.yml:test", "sizeBytes": 1},
            {"name": "empty", "jobKey": "ci.yml:test"},
        ]
    }
    got = await wire(answer).client().artifacts(RUN)
    assert [artifact.size for artifact in got] == [9007199254740993, 1, 0]


async def test_how_long_things_took() -> None:
    def span(seconds: int, **more: str) -> dict[str, Any]:
        start = "2026-11-24T04:10:00Z"
        return {"startedAt": start, "finishedAt": f"2026-11-24T04:10:{seconds:02}Z", **more}

    # The newest by its number, wherever it stands.
    retried = [
        {"attempt": {**span(9), "attempt": 1}},
        {"attempt": {**span(4), "attempt": 3}},
        {"attempt": {**span(7), "attempt": 2}},
    ]
    answer = {
        "run": span(50),
        "workflows": [
            {
                "jobs": [
                    {
                        "job": span(40, jobId="a"),
                        "attempts": retried,
                    },
                    {"job": span(30, jobId="b")},
                    {"job": {"jobId": "c", "startedAt": "2026-11-24T04:10:00Z"}},
                    {"job": {"jobId": "d", "startedAt": "soon", "finishedAt": "later"}},
                ]
            }
        ],
    }
    got = await wire(answer).client().times(RUN)
    assert got.run == 50.0
    assert got.jobs == {"a": 4.0, "b": 30.0}


def _rows(*ids: str) -> list[dict[str, str]]:
    return [{"runId": run_id, "repo": "octo/hello", "sha": SHA} for run_id in ids]


async def test_all_pages_of_a_listing_are_read() -> None:
    server = wire(
        {"runs": _rows("a", "b"), "nextPageToken": "p1"},
        {"nextPageToken": "p2"},  # a page may be empty
        {"runs": _rows("c")},
    )
    got = await server.client().runs(HELLO, SHA)
    assert [run.run_id for run in got] == ["a", "b", "c"]
    assert [body.get("pageToken") for body in server.bodies] == [None, "p1", "p2"]
    for body in server.bodies:
        assert body["status"] == list(RUN_STATES)
        assert body["pageSize"] == 100


async def test_a_listing_without_end_is_read_so_far_and_no_further() -> None:
    server = wire({"runs": _rows("a"), "nextPageToken": "again"})
    assert len(await server.client().runs(HELLO, SHA)) == MAX_PAGES
    assert len(server.requests) == MAX_PAGES


@pytest.mark.parametrize(
    ("created", "expected"),
    [
        ("2026-11-24T04:10:11Z", 1795493411.0),
        ("2026-11-24T04:10:11.250Z", 1795493411.25),
        ("2026-11-24T05:10:11+01:00", 1795493411.0),
        ("2026-11-24T04:10:11", None),  # of no zone
        ("yesterday", None),
        ("", None),
    ],
)
async def test_when_a_listed_run_was_made(created: str, expected: float | None) -> None:
    (run,) = await wire({"runs": [{"createdAt": created}]}).client().runs(HELLO, SHA)
    assert run.created == expected


async def test_the_head_commit_of_a_listed_run() -> None:
    rows = [{"sha": "a" * 40, "headSha": "b" * 40}, {"sha": "c" * 40}]
    got = await wire({"runs": rows}).client().runs(HELLO, SHA)
    assert [run.sha for run in got] == ["b" * 40, "c" * 40]


async def texts(depot: Depot, attempt_id: str, lines: int) -> list[str]:
    return [line.text for line in await depot.log_tail(attempt_id, lines)]


async def test_the_end_of_a_log_of_many_pages() -> None:
    server = wire(
        {"lines": [{"body": "1"}, {"body": "2"}], "nextPageToken": "p"},
        {"lines": [{"body": "3", "timestampMs": "1795493413000"}, {}]},
    )
    assert await texts(server.client(), "a1", 3) == ["2", "3", ""]


# --- against the simulated Depot -----------------------------------------------------------------


@pytest.fixture
async def ci(stage: Stage) -> AsyncIterator[Depot]:
    async with httpx.AsyncClient(transport=stage.depot.transport(), timeout=5) as client:
        yield Depot(client, url="https://api.depot.dev", token=stage.depot.token)


@pytest.fixture
def head(stage: Stage) -> Sha:
    return Sha(stage.github.pull(REPO, 1).head_sha)


async def test_a_run_from_start_to_end(
    ci: Depot, head: Sha, depot: SimulatedDepot, clock: ManualClock
) -> None:
    run = await ci.run(HELLO, head, workflow=".depot/workflows/ci.yml", job="test")
    assert run == Run(RunId(depot.runs[0].run_id), depot.org_id, "queued")
    assert [one.run_id for one in await ci.runs(HELLO, head, trigger="api")] == [run.run_id]
    clock.time += 1
    depot.finish(run.run_id)
    over = await ci.run_status(run.run_id)
    assert over.is_over
    assert {job.key.rpartition(":")[2]: job.status for job in over.jobs} == {
        **{"build": "skipped", "lint": "skipped", "test": "finished"}
    }
    assert (await ci.times(run.run_id)).run is not None


async def test_more_runs_than_a_page_holds(ci: Depot, head: Sha, depot: SimulatedDepot) -> None:
    made = [depot.foreign_run(REPO, head).run_id for _ in range(205)]
    assert sorted(run.run_id for run in await ci.runs(HELLO, head)) == sorted(made)
    assert len(depot.calls_of("ListRuns")) == 3


@pytest.mark.parametrize("what", ["drop", "cut", "fail_after", "html", "leave_out"])
async def test_trouble_with_run_leaves_it_open(
    what: str, ci: Depot, head: Sha, depot: SimulatedDepot
) -> None:
    if what == "leave_out":
        depot.faults.leave_out("Run", "runId")
    else:
        getattr(depot.faults, what)("Run")
    with pytest.raises(DepotUnavailable) as caught:
        await ci.run(HELLO, head)
    assert type(caught.value) is DepotUnavailable
    assert len(depot.calls_of("Run")) == 1
    assert depot.token not in repr(caught.value)
    assert "<" not in str(caught.value)


async def test_a_wrong_token(stage: Stage, head: Sha) -> None:
    async with httpx.AsyncClient(transport=stage.depot.transport()) as client:
        ci = Depot(client, url="https://api.depot.dev", token=TOKEN)
        with pytest.raises(DepotNotReached) as caught:
            await ci.run(HELLO, head)
    assert (caught.value.code, caught.value.message) == ("unauthenticated", "Invalid token")


HALF = [
    (b'{"status": "running", "workflows": [{"name": "a\\ud83d b"}]}', "a\ufffd b"),
    (b'{"status": "running", "workflows": [{"name": "\\\\ud83d"}]}', "\\ud83d"),
    (
        b'{"status": "running", "workflows": [{"name": "\\ud83d\\ude00 \\ude00"}]}',
        "\U0001f600 \ufffd",
    ),
    (b'{"status": "running", "workflows": [{"name": "\xff"}]}', "\ufffd"),
    (b'{"status": "running", "workflows": [{"name": "n", "jobs": null}, null]}', "n"),
    (b'{"status": "running", "orgId": null, "workflows": [{"name": "n", "status": null}]}', "n"),
]


@pytest.mark.parametrize(("body", "name"), HALF)
async def test_what_cannot_be_decoded_is_read_as_far_as_it_can_be(body: bytes, name: str) -> None:
    server = Wire([httpx.Response(200, content=body)])
    run = await server.client().run_status(RunId("r"))
    assert (run.status, run.workflows[0].name, run.workflows[0].jobs) == ("running", name, ())
    assert name.encode()


async def test_a_log_with_half_a_character_and_no_page() -> None:
    body = b'{"lines": [{"body": "one \\ud83d"}, null, {"body": null}], "nextPageToken": null}'
    server = Wire([httpx.Response(200, content=body)])
    assert await texts(server.client(), "a", 5) == ["one \ufffd", ""]


async def test_a_wrong_address_is_not_taken_for_an_unknown_run(stage: Stage) -> None:
    async with httpx.AsyncClient(transport=stage.depot.transport()) as client:
        ci = Depot(client, url="https://api.depot.dev/v2", token=stage.depot.token)
        with pytest.raises(DepotUnavailable) as caught:
            await ci.run_status(RUN)
    assert caught.value.code == "unimplemented"


async def test_an_unknown_run(ci: Depot) -> None:
    with pytest.raises(DepotRefused) as caught:
        await ci.run_status(RUN)
    assert caught.value.code == "not_found"


async def test_keys_in_another_order(ci: Depot, head: Sha, depot: SimulatedDepot) -> None:
    depot.faults.reorder()
    run = await ci.run(HELLO, head)
    assert run.run_id == depot.runs[0].run_id
    assert (await ci.run_status(run.run_id)).org_id == depot.org_id
