"""The streams of the simulated Depot: logs while they grow and as a file, in JSON frames."""

from __future__ import annotations

import asyncio
import base64
import gzip
import json
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from bot.demo.servers import serving
from bot.demo.simulators.depot import SERVICE, Line, SimulatedDepot, Switches
from tests.contracts.depot.scene import CI, REPO, SHA, Clock, forge
from tests.simulators.depot import WholeDepot
from tests.simulators.depot.http2 import serving_http2

pytestmark = pytest.mark.anyio

STREAM, EXPORT = "StreamJobAttemptLogs", "ExportJobAttemptLogs"
JSON = "application/connect+json"


@dataclass
class Streamed:
    """The messages of a stream, and what it closed with; None when it did not."""

    messages: list[dict[str, Any]] = field(default_factory=list)
    end: dict[str, Any] | None = None

    @property
    def bodies(self) -> list[str]:
        return [message["line"]["body"] for message in self.messages if "line" in message]

    @property
    def states(self) -> list[str]:
        return [message["attemptStatus"] for message in self.messages]

    def read(self, body: bytes) -> Streamed:
        while body:
            flags, length = struct.unpack_from(">BI", body)
            message, body = json.loads(body[5 : 5 + length]), body[5 + length :]
            assert self.end is None
            if flags & 2:
                self.end = message
            else:
                self.messages.append(message)
        return self


@dataclass
class Streams:
    """A client of streams in JSON."""

    http: httpx.AsyncClient
    token: str

    async def post(self, method: str, body: bytes, **headers: str) -> httpx.Response:
        sent = {"authorization": f"Bearer {self.token}", "content-type": JSON}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(SERVICE + method, content=body, headers=sent)

    async def all(self, method: str, **fields: object) -> Streamed:
        response = await self.post(method, framed(fields))
        assert (response.status_code, response.headers["content-type"]) == (200, JSON)
        return Streamed().read(response.content)

    async def refused(self, method: str, **fields: object) -> tuple[str, str]:
        answer = await self.all(method, **fields)
        assert answer.messages == []
        assert answer.end is not None
        return answer.end["error"]["code"], answer.end["error"]["message"]


def framed(fields: object, flags: int = 0) -> bytes:
    message = json.dumps(fields).encode()
    if flags:
        message = gzip.compress(message)
    return struct.pack(">BI", flags, len(message)) + message


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def depot(clock: Clock) -> SimulatedDepot:
    depot = WholeDepot(now=clock, forge=forge(), switches=Switches(extra_keys=False))
    depot.plan(log=["one", Line("two", stderr=True), "three"], seconds=30)
    return depot


@pytest.fixture
async def http(depot: SimulatedDepot) -> AsyncIterator[httpx.AsyncClient]:
    transport = depot.transport()
    async with httpx.AsyncClient(transport=transport, base_url="https://depot.test") as http:
        yield http


@pytest.fixture
def api(http: httpx.AsyncClient, depot: SimulatedDepot) -> Streams:
    return Streams(http, depot.token)


def attempt(depot: SimulatedDepot, clock: Clock, seconds: float = 60) -> str:
    """An attempt at a job that started 1 s after its run; it takes 30 s."""
    run = depot.foreign_run(REPO, SHA, CI, job="test")
    clock.tick(seconds)
    return depot.run(run.run_id).jobs[1].attempts[0].attempt_id


async def called(depot: SimulatedDepot) -> None:
    """Wait until the first call has come in."""
    async with asyncio.timeout(5):
        while not depot.calls:  # noqa: ASYNC110 - the simulator has no event for it
            await asyncio.sleep(0.01)


async def test_a_log_from_its_beginning(api: Streams, depot: SimulatedDepot, clock: Clock) -> None:
    key = attempt(depot, clock)
    answer = await api.all(STREAM, attemptId=key)
    first = answer.messages[0]["line"]
    assert first["timestampMs"] == "1795493412000"
    assert (first["lineNumber"], first["stepName"]) == (1, "Run the tests")
    assert answer.messages[1]["line"]["stream"] == 1
    assert answer.bodies == ["one", "two", "three"]
    assert "line" not in answer.messages[3]
    assert answer.states == ["finished"] * 4
    assert answer.end == {}
    job = depot.runs[0].jobs[1].job_id
    assert await api.all(STREAM, jobId=job) == answer
    call = depot.calls[-1]
    assert (call.status, call.code, call.request) == (200, "", {"jobId": job})


async def test_a_cursor_says_where_to_go_on(
    api: Streams, depot: SimulatedDepot, clock: Clock
) -> None:
    key = attempt(depot, clock)
    answer = await api.all(STREAM, attemptId=key)
    for number, message in enumerate(answer.messages, 1):
        rest = await api.all(STREAM, attemptId=key, cursor=message["nextCursor"])
        assert rest.bodies == answer.bodies[number:]
    assert (await api.refused(STREAM, attemptId=key, cursor="?"))[0] == "invalid_argument"


async def test_a_log_while_it_grows(depot: SimulatedDepot, clock: Clock) -> None:
    run = depot.foreign_run(REPO, SHA, CI, job="test")
    depot.plan(queued=5)
    clock.tick(1)
    [key] = [each.attempt_id for each in depot.run(run.run_id).jobs[1].attempts]
    headers = {"authorization": f"Bearer {depot.token}", "content-type": JSON}
    seen = Streamed()
    async with (
        serving(depot.app) as url,
        httpx.AsyncClient(base_url=url, headers=headers, trust_env=False) as http,
        http.stream("POST", SERVICE + STREAM, content=framed({"attemptId": key})) as response,
    ):
        async for chunk in response.aiter_raw():
            seen.read(chunk)
            clock.tick(10)
    assert seen.bodies == ["one", "two", "three"]
    assert seen.states[0] == "queued"
    assert "line" not in seen.messages[0]
    assert list(dict.fromkeys(seen.states)) == ["queued", "running", "finished"]
    assert seen.end == {}


@pytest.mark.parametrize("method", [STREAM, EXPORT])
async def test_what_is_refused(
    api: Streams, depot: SimulatedDepot, clock: Clock, method: str
) -> None:
    key = attempt(depot, clock)
    one = "exactly one of attempt_id and job_id is required"
    assert await api.refused(method) == ("invalid_argument", one)
    assert await api.refused(method, attemptId=key, jobId="x") == ("invalid_argument", one)
    assert await api.refused(method, attemptId="x") == ("not_found", "Attempt not found")
    assert await api.refused(method, jobId=key) == ("not_found", "Job not found")
    depot.add_organisation("other00000", "theirs")
    api.token = "theirs"
    assert (await api.refused(method, attemptId=key))[0] == "not_found"
    api.token = "nonsense"
    assert await api.refused(method, attemptId=key) == ("unauthenticated", "Invalid token")
    assert {call.status for call in depot.calls} == {200}


async def test_what_is_no_request_for_a_stream(
    api: Streams, depot: SimulatedDepot, clock: Clock
) -> None:
    request = {"attemptId": attempt(depot, clock)}
    for body in (b"", b"{}", framed(request) * 2, framed([])):
        answer = Streamed().read((await api.post(STREAM, body)).content)
        assert answer.end is not None
        assert answer.end["error"]["code"] == "invalid_argument"
    response = await api.post(STREAM, b"{}", content_type="application/json")
    assert (response.status_code, response.content) == (415, b"")
    kinds = "application/connect+json, application/connect+proto"
    assert response.headers["accept-post"] == kinds
    body = framed(request, flags=1)
    compressed = await api.post(STREAM, body, connect_content_encoding="gzip")
    assert len(Streamed().read(compressed.content).messages) == 4


async def test_bounds_of_streams(api: Streams, depot: SimulatedDepot, clock: Clock) -> None:
    depot.switches = replace(depot.switches, log_streams_at_once=1, log_stream_seconds=5)
    key = attempt(depot, clock, seconds=2)
    first = asyncio.create_task(api.all(STREAM, attemptId=key))
    await called(depot)
    assert (await api.refused(STREAM, attemptId=key))[0] == "resource_exhausted"
    clock.tick(5)
    answer = await first
    assert (answer.bodies, answer.states[-1]) == (["one"], "running")
    assert answer.end is not None
    assert answer.end["error"]["code"] == "resource_exhausted"
    assert depot.calls[0].code == "resource_exhausted"
    clock.tick(60)
    # The first one has made room.
    assert (await api.all(STREAM, attemptId=key)).end == {}


async def test_a_run_that_disappears(api: Streams, depot: SimulatedDepot, clock: Clock) -> None:
    key = attempt(depot, clock, seconds=2)
    stream = asyncio.create_task(api.all(STREAM, attemptId=key))
    await called(depot)
    depot.forget(depot.runs[0].run_id)
    answer = await stream
    assert answer.bodies == ["one"]
    assert answer.end == {"error": {"code": "not_found", "message": "Attempt not found"}}


async def test_an_export(api: Streams, depot: SimulatedDepot, clock: Clock) -> None:
    depot.plan(log=[f"{number} {'x' * 100}" for number in range(100)])
    key = attempt(depot, clock)
    text = await api.all(EXPORT, attemptId=key)
    assert text.messages[0] == {
        "metadata": {
            "filename": f"{key}.log",
            "contentType": "text/plain; charset=utf-8",
            "format": "JOB_ATTEMPT_LOG_EXPORT_FORMAT_TEXT",
        }
    }
    assert len(text.messages) > 2
    lines = _content(text).splitlines()
    assert lines[0] == f"2026-11-24T04:10:12Z 0 {'x' * 100}"
    assert len(lines) == 100
    for jsonl in ("JOB_ATTEMPT_LOG_EXPORT_FORMAT_JSONL", 2):
        answer = await api.all(EXPORT, jobId=depot.runs[0].jobs[1].job_id, format=jsonl)
        assert answer.messages[0]["metadata"]["filename"] == f"{key}.jsonl"
        assert json.loads(_content(answer).splitlines()[99])["lineNumber"] == 100


async def test_a_log_that_goes_on_is_not_exported(
    api: Streams, depot: SimulatedDepot, clock: Clock
) -> None:
    key = attempt(depot, clock, seconds=2)
    refused = await api.refused(EXPORT, attemptId=key)
    assert refused == ("failed_precondition", "attempt is still running")


def _content(answer: Streamed) -> str:
    return b"".join(base64.b64decode(each["chunk"]) for each in answer.messages[1:]).decode()


async def test_faults(api: Streams, depot: SimulatedDepot, clock: Clock) -> None:
    key = attempt(depot, clock)
    depot.faults.refuse(STREAM, "resource_exhausted", retry_after=3)
    response = await api.post(STREAM, framed({"attemptId": key}))
    assert (response.status_code, response.headers["retry-after"]) == (200, "3")
    assert Streamed().read(response.content).end == {
        "error": {"code": "resource_exhausted", "message": "resource exhausted"}
    }
    depot.faults.cut(STREAM)
    answer = await api.all(STREAM, attemptId=key)
    assert (answer.bodies, answer.end) == (["one", "two", "three"], None)
    depot.faults.leave_out(STREAM, "nextCursor")
    answer = await api.all(STREAM, attemptId=key)
    assert {"nextCursor"} & {name for message in answer.messages for name in message} == set()
    depot.faults.html(STREAM)
    assert (await api.post(STREAM, framed({"attemptId": key}))).status_code == 502
    depot.faults.late(STREAM, seconds=0)
    assert (await api.all(STREAM, attemptId=key)).end == {}


@pytest.mark.parametrize("serve", [serving, serving_http2])
async def test_a_connection_that_breaks(depot: SimulatedDepot, clock: Clock, serve: Any) -> None:
    key = attempt(depot, clock)
    async with serve(depot.app) as url, httpx.AsyncClient(base_url=url, trust_env=False) as http:
        api = Streams(http, depot.token)
        depot.faults.drop(STREAM)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await api.all(STREAM, attemptId=key)
        assert depot.calls[-1].status is None
        depot.faults.drop(STREAM)
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await api.all(STREAM, attemptId="x")
        assert (await api.all(STREAM, attemptId=key)).end == {}


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_server_ends_also_when_somebody_waits(
    depot: SimulatedDepot, clock: Clock, is_late: bool
) -> None:
    key = attempt(depot, clock, seconds=2)
    if is_late:
        depot.faults.late(STREAM, until=asyncio.Event())
    async with httpx.AsyncClient(trust_env=False) as http:
        api = Streams(http, depot.token)
        async with serving_http2(depot.app) as url:
            http.base_url = httpx.URL(url)
            await api.http.get("/artifacts/x")  # leaves a connection without work
            waiting = asyncio.create_task(api.all(STREAM, attemptId=key))
            await called(depot)
            began = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - began < 3
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await waiting
