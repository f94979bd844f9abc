"""Connect's own Python library as a client. It knows the API from Depot's CLI, not from us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from connectrpc.client import ConnectClient
from connectrpc.code import Code
from connectrpc.codec import Codec
from connectrpc.compat import google_protobuf_binary_codec, google_protobuf_json_codec
from connectrpc.errors import ConnectError
from connectrpc.method import IdempotencyLevel, MethodInfo, StreamType
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.unknown_fields import UnknownFieldSet
from pyqwest import Client as HTTPClient
from pyqwest import HTTPTransport, HTTPVersion

from bot.demo.simulators.depot import SimulatedDepot
from tests.contracts.depot.cli import descriptor
from tests.contracts.depot.scene import CI, OTHER, REPO, SHA, Clock, forge
from tests.simulators.depot import WholeDepot
from tests.simulators.depot.descriptor import EXTRA_NUMBER
from tests.simulators.depot.http2 import serving_http2

pytestmark = pytest.mark.anyio

SERVICE = "depot.ci.v1.CIService"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Client:
    """The library, with the messages that stand in Depot's CLI."""

    connect: ConnectClient
    pool: DescriptorPool
    token: str

    async def call(self, name: str, **fields: object) -> Any:
        """A unary call."""
        method = self._method(name)
        return await self.connect.execute_unary(
            request=GetMessageClass(method.input_type)(**fields),
            method=_info(method, StreamType.UNARY),
            headers=self._headers,
        )

    def stream(self, name: str, **fields: object) -> AsyncIterator[Any]:
        """A call that is answered by a stream."""
        method = self._method(name)
        return self.connect.execute_server_stream(
            request=GetMessageClass(method.input_type)(**fields),
            method=_info(method, StreamType.SERVER_STREAM),
            headers=self._headers,
        )

    @property
    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    def _method(self, name: str) -> MethodDescriptor:
        return self.pool.FindServiceByName(SERVICE).methods_by_name[name]


def _info(method: MethodDescriptor, kind: StreamType) -> MethodInfo[Any, Any]:
    return MethodInfo(
        name=method.name,
        service_name=SERVICE,
        input=GetMessageClass(method.input_type),
        output=GetMessageClass(method.output_type),
        idempotency_level=IdempotencyLevel.UNKNOWN,
        stream_type=kind,
    )


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def depot(clock: Clock) -> SimulatedDepot:
    return WholeDepot(now=clock, forge=forge())


@pytest.fixture(params=[HTTPVersion.HTTP1, HTTPVersion.HTTP2], ids=["HTTP/1.1", "HTTP/2"])
async def http(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> HTTPClient:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    # No pool: a connection that is kept would outlive the server.
    transport = HTTPTransport(http_version=request.param, pool_max_idle_per_host=0)
    return HTTPClient(transport)


@pytest.fixture(params=[google_protobuf_json_codec(), google_protobuf_binary_codec()])
def codec(request: pytest.FixtureRequest) -> Codec:
    chosen: Codec = request.param
    return chosen


@pytest.fixture
async def client(depot: SimulatedDepot, http: HTTPClient, codec: Codec) -> AsyncIterator[Client]:
    pool = DescriptorPool()
    pool.Add(descriptor())
    async with (
        serving_http2(depot.app) as url,
        ConnectClient(url, codec=codec, http_client=http) as connect,
    ):
        yield Client(connect, pool, depot.token)


async def test_calls(client: Client, depot: SimulatedDepot, clock: Clock, codec: Codec) -> None:
    depot.plan(job="test", outcome="failed")
    started = await client.call("Run", repo=REPO, sha=SHA, workflow=CI, job="test")
    clock.tick(60)
    answer = await client.call("GetRunStatus", run_id=started.run_id)
    assert (answer.org_id, answer.status) == (depot.org_id, "failed")
    [workflow] = answer.workflows
    assert [(job.job_key, job.status) for job in workflow.jobs] == [
        ("ci.yml:build", "skipped"),
        ("ci.yml:test", "failed"),
    ]
    diagnosis = await client.call("GetFailureDiagnosis", target_id=started.run_id, target_type=1)
    assert diagnosis.state == 3
    assert diagnosis.representative_attempts[0].job_conclusion == 2
    metrics = await client.call("GetRunMetrics", run_id=started.run_id)
    [attempt] = metrics.workflows[0].jobs[1].attempts
    assert (attempt.availability.code, attempt.stats.peak_memory_usage_bytes) == (1, 4 * 1024**3)
    dispatched = await client.call(
        "DispatchWorkflow",
        repo=REPO,
        workflow="deploy.yml",
        ref="main",
        inputs={"where": "staging"},
    )
    assert depot.run(dispatched.run_id).trigger == "workflow_dispatch"
    assert {call.headers["content-type"] for call in depot.calls} == {f"application/{codec.name()}"}


async def test_what_depot_added_later_is_tolerated(client: Client, codec: Codec) -> None:
    answer = await client.call("Run", repo=REPO, sha=SHA)
    unknown = UnknownFieldSet(answer)
    kept = {unknown[index].field_number for index in range(len(unknown))}
    assert kept == ({EXTRA_NUMBER} if codec.name() == "proto" else set())


async def test_an_error(client: Client, depot: SimulatedDepot) -> None:
    with pytest.raises(ConnectError) as caught:
        await client.call("GetRun", run_id="nobody")
    assert (caught.value.code, caught.value.message) == (Code.NOT_FOUND, "Run not found")
    with pytest.raises(ConnectError) as caught:
        await client.call("Run", repo=REPO, sha=OTHER)
    assert caught.value.code is Code.NOT_FOUND
    client.token = "nonsense"
    with pytest.raises(ConnectError) as caught:
        await client.call("ListRuns")
    assert (caught.value.code, caught.value.message) == (Code.UNAUTHENTICATED, "Invalid token")
    assert [call.status for call in depot.calls] == [404, 404, 401]


async def test_a_stream(client: Client, depot: SimulatedDepot, clock: Clock) -> None:
    depot.plan(job="test", log=["one", "two"])
    run = depot.foreign_run(REPO, SHA, CI, job="test")
    clock.tick(60)
    attempt = depot.run(run.run_id).jobs[1].attempts[0].attempt_id
    streamed = [each async for each in client.stream("StreamJobAttemptLogs", attempt_id=attempt)]
    assert [each.line.body for each in streamed] == ["one", "two", ""]
    assert [each.HasField("line") for each in streamed] == [True, True, False]
    assert streamed[-1].attempt_status == "finished"
    rest = client.stream("StreamJobAttemptLogs", attempt_id=attempt, cursor=streamed[0].next_cursor)
    assert [each.line.body async for each in rest] == ["two", ""]
    exported = [each async for each in client.stream("ExportJobAttemptLogs", attempt_id=attempt)]
    assert exported[0].metadata.content_type == "text/plain; charset=utf-8"
    assert b"".join(each.chunk for each in exported).endswith(b" two\n")


async def test_a_stream_that_fails(client: Client, depot: SimulatedDepot) -> None:
    with pytest.raises(ConnectError) as caught:
        _ = [each async for each in client.stream("StreamJobAttemptLogs", attempt_id="nobody")]
    assert caught.value.code is Code.NOT_FOUND
    assert (depot.calls[-1].status, depot.calls[-1].code) == (200, "not_found")


async def test_lost_answers(client: Client, depot: SimulatedDepot, clock: Clock) -> None:
    depot.faults.drop("Run")
    with pytest.raises(ConnectError) as caught:
        await client.call("Run", repo=REPO, sha=SHA, workflow=CI, job="test")
    assert caught.value.code in (Code.UNAVAILABLE, Code.UNKNOWN, Code.INTERNAL)
    assert len(depot.runs) == 1
    clock.tick(60)
    attempt = depot.runs[0].jobs[1].attempts[0].attempt_id
    for arrange in (depot.faults.drop, depot.faults.cut):
        arrange("StreamJobAttemptLogs")
        stream = client.stream("StreamJobAttemptLogs", attempt_id=attempt)
        assert (await anext(stream)).line.body == "$ pytest -v"
        with pytest.raises(ConnectError):
            _ = [each async for each in stream]
