"""The simulated Depot in protobuf's binary form: as in JSON, with numbers for names."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from bot.demo.simulators.depot import SERVICE, SimulatedDepot, Switches
from tests.contracts.depot.scene import CI, REPO, SHA, Api, Clock, forge
from tests.simulators.depot import WholeDepot
from tests.simulators.depot.methods import BINARY, METHODS, STREAMING, UNNUMBERED

pytestmark = pytest.mark.anyio

RUN = {"repo": REPO, "sha": SHA, "workflow": CI, "job": "test"}


@dataclass
class BinaryApi:
    """A client of the binary form."""

    http: httpx.AsyncClient
    token: str

    async def post(self, method: str, body: bytes, **headers: str) -> httpx.Response:
        sent = {
            "authorization": f"Bearer {self.token}",
            "content-type": "application/proto",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.http.post(SERVICE + method, content=body, headers=sent)

    async def get(self, method: str, **fields: object) -> dict[str, Any]:
        """A call that succeeds."""
        response = await self.post(method, BINARY.write(fields, METHODS[method].request))
        assert (response.status_code, response.headers["content-type"]) == (
            200,
            "application/proto",
        )
        return BINARY.read(response.content, METHODS[method].answer)

    async def refused(self, method: str, body: bytes, **headers: str) -> tuple[int, str, str]:
        """A call that does not; its error is JSON."""
        response = await self.post(method, body, **headers)
        assert response.headers["content-type"] == "application/json"
        answer = response.json()
        return response.status_code, answer["code"], answer["message"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def depot(clock: Clock) -> SimulatedDepot:
    return WholeDepot(now=clock, forge=forge(), switches=Switches(extra_keys=False))


@pytest.fixture
async def http(depot: SimulatedDepot) -> AsyncIterator[httpx.AsyncClient]:
    transport = depot.transport()
    async with httpx.AsyncClient(transport=transport, base_url="https://depot.test") as http:
        yield http


@pytest.fixture
def api(http: httpx.AsyncClient, depot: SimulatedDepot) -> BinaryApi:
    return BinaryApi(http, depot.token)


async def test_it_says_the_same_as_json(
    api: BinaryApi, http: httpx.AsyncClient, depot: SimulatedDepot, clock: Clock
) -> None:
    depot.plan(job="test", outcome="failed", log=["one"], summary="# Tests", artifacts={"a": b"x"})
    run_id = (await api.get("Run", **RUN))["runId"]
    clock.tick(60)
    run = depot.run(run_id)
    json = Api(http, depot.token)
    [artifact] = (await json.get("ListArtifacts", runId=run_id))["artifacts"]
    keys = {
        "runId": run_id,
        "workflowId": run.workflows[0].workflow_id,
        "jobId": run.jobs[1].job_id,
        "attemptId": run.jobs[1].attempts[0].attempt_id,
        "artifactId": artifact["artifactId"],
        "targetId": run_id,
        "targetType": "FAILURE_DIAGNOSIS_TARGET_TYPE_RUN",
        "status": ["failed"],
    }
    asked = 0
    for name, method in METHODS.items():
        if name not in UNNUMBERED | STREAMING and name.startswith(("Get", "List")):
            names = set(method.request.__struct_encode_fields__)
            if name == "GetJobAttemptLogs":
                names.remove("jobId")
            fields = {key: value for key, value in keys.items() if key in names}
            assert await api.get(name, **fields) == await json.get(name, **fields), name
            asked += 1
    assert asked == 13


async def test_a_request_is_kept_as_its_bytes_and_as_what_it_says(
    api: BinaryApi, depot: SimulatedDepot
) -> None:
    await api.get("Run", **RUN)
    [call] = depot.calls_of("Run")
    assert call.request == RUN
    # Field 1, of 10 bytes: `repo`.
    assert call.body.startswith(b"\x0a\x0aocto/hello")


async def test_errors_are_json(api: BinaryApi, depot: SimulatedDepot) -> None:
    assert await api.refused("GetRun", b"") == (404, "not_found", "Run not found")
    cut_off = (400, "invalid_argument", "cannot decode message")
    assert await api.refused("GetRun", b"\x0a\xff") == cut_off
    # Enums are open: a number that is not known arrives.
    run_id = (await api.get("Run", **RUN))["runId"]
    body = BINARY.write({"targetId": run_id}, METHODS["GetFailureDiagnosis"].request)
    unset = (400, "invalid_argument", "target_type is required")
    assert await api.refused("GetFailureDiagnosis", body) == unset
    unknown = (400, "invalid_argument", "Unsupported target_type: 5")
    assert await api.refused("GetFailureDiagnosis", body + b"\x10\x05") == unknown


@pytest.mark.parametrize("method", ["GetJob", "GetAttempt"])
async def test_what_has_no_published_numbers_is_spoken_in_json_only(
    api: BinaryApi, method: str
) -> None:
    response = await api.post(method, b"")
    assert (response.status_code, response.content) == (415, b"")
    assert response.headers["accept-post"] == "application/json"
    response = await api.post("GetRun", b"", content_type="application/grpc")
    assert response.status_code == 415
    assert response.headers["accept-post"] == "application/json, application/proto"


async def test_compressed_requests(
    api: BinaryApi, http: httpx.AsyncClient, depot: SimulatedDepot
) -> None:
    body = gzip.compress(BINARY.write(RUN, METHODS["Run"].request))
    assert (await api.post("Run", body, content_encoding="gzip")).status_code == 200
    assert depot.calls[-1].request == RUN
    refused = await api.refused("Run", body, content_encoding="br")
    assert refused[:2] == (501, "unimplemented")
    refused = await api.refused("Run", b"no gzip", content_encoding="gzip")
    assert refused[:2] == (400, "invalid_argument")
    assert len(depot.runs) == 1
    headers = {"authorization": f"Bearer {depot.token}", "content-encoding": "gzip"}
    headers["content-type"] = "application/json"
    body = gzip.compress(b'{"repo": "octo/hello"}')
    assert (await http.post(SERVICE + "Run", content=body, headers=headers)).status_code == 200


async def test_a_field_that_no_client_knows(api: BinaryApi, depot: SimulatedDepot) -> None:
    run_id = (await api.get("Run", **RUN))["runId"]
    depot.switches = replace(depot.switches, extra_keys=True)
    assert (await api.get("GetRun", runId=run_id))["addedLater"] == {"byDepot": True}


async def test_faults_change_it_too(api: BinaryApi, depot: SimulatedDepot) -> None:
    depot.faults.leave_out("Run", "runId")
    assert await api.get("Run", **RUN) == {"orgId": depot.org_id}
    depot.faults.reorder("Run", times=1)
    assert set(await api.get("Run", **RUN)) == {"orgId", "runId"}
    whole = (await api.post("Run", BINARY.write(RUN, METHODS["Run"].request))).content
    depot.faults.cut("Run")
    cut = (await api.post("Run", BINARY.write(RUN, METHODS["Run"].request))).content
    assert len(cut) == len(whole) // 2
    depot.faults.drop("Run")
    with pytest.raises(httpx.RemoteProtocolError):
        await api.get("Run", **RUN)
    assert len(depot.runs) == 5
