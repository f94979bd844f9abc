"""`StreamJobAttemptLogs` and `ExportJobAttemptLogs`: a log while it grows, and as a file."""

import io
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager

import anyio
import msgspec

from bot.demo.simulators.depot import progress
from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.errors import ConnectError
from bot.demo.simulators.depot.lists import read_token, write_token
from bot.demo.simulators.depot.logs import Written, as_message, find_attempt, log_of
from bot.demo.simulators.depot.messages.logs import LogLine
from bot.demo.simulators.depot.model import Attempt, Job, Run, Workflow
from bot.demo.simulators.depot.wire import timestamp
from bot.demo.simulators.depot.world import World
from tests.simulators.depot import messages as m

_Format = m.JobAttemptLogExportFormat

LOOK_SECONDS = 0.05
"""How often an open stream looks what is new, in real seconds: the simulated clock may stand."""

CHUNK_BYTES = 4096

_OVER = ("finished", "failed", "cancelled")


def stream_logs(
    world: World, caller: Caller, request: m.StreamJobAttemptLogsRequest
) -> AsyncGenerator[m.StreamJobAttemptLogsResponse]:
    """`StreamJobAttemptLogs`: line after line, until the attempt is over.

    A message without a line comes first, when the state changes while nothing is written, and at
    the end. How many streams an organisation may have open and for how long is not published.
    """
    place = _one_attempt(world, caller, request.attempt_id, request.job_id)
    start = read_token(request.cursor) or 0
    if world.streams[caller.org_id] >= world.switches.log_streams_at_once:
        raise ConnectError("resource_exhausted", "too many concurrent log streams")
    return _stream(world, caller, place, start)


async def _stream(
    world: World, caller: Caller, place: tuple[Run, Workflow, Job, Attempt], sent: int
) -> AsyncGenerator[m.StreamJobAttemptLogsResponse]:
    attempt = place[-1]
    until = world.time + world.switches.log_stream_seconds
    told = ""
    with _counted(world, caller):
        while True:
            progress.settle(world)
            world.find_attempt(caller.org_id, attempt.attempt_id)  # the run may have disappeared
            for written in list(log_of(world, *place))[sent:]:
                sent += 1
                told = attempt.status
                yield _message(sent, told, as_message(written))
            if told != attempt.status or attempt.status in _OVER:
                told = attempt.status
                yield _message(sent, told)
            if attempt.status in _OVER:
                return
            if world.time >= until:
                raise ConnectError("resource_exhausted", "log stream has reached its time limit")
            await anyio.sleep(LOOK_SECONDS)


@contextmanager
def _counted(world: World, caller: Caller) -> Iterator[None]:
    world.streams[caller.org_id] += 1
    try:
        yield
    finally:
        world.streams[caller.org_id] -= 1


def _message(sent: int, status: str, line: LogLine | None = None) -> m.StreamJobAttemptLogsResponse:
    return m.StreamJobAttemptLogsResponse(
        line=line, next_cursor=write_token(sent), attempt_status=status
    )


def export_logs(
    world: World, caller: Caller, request: m.ExportJobAttemptLogsRequest
) -> AsyncGenerator[m.ExportJobAttemptLogsResponse]:
    """`ExportJobAttemptLogs`: name and type of the file, then the file in pieces.

    Believed: refused while the attempt goes on. The CLI asks only when it has finished.
    """
    place = _one_attempt(world, caller, request.attempt_id, request.job_id)
    attempt = place[-1]
    if attempt.status not in _OVER:
        raise ConnectError("failed_precondition", f"attempt is still {attempt.status}")
    as_json = request.format in (_Format.JSONL, 2)
    content = _as_file(list(log_of(world, *place)), as_json=as_json)
    metadata = m.JobAttemptLogExportMetadata(
        filename=f"{attempt.attempt_id}.{'jsonl' if as_json else 'log'}",
        content_type="application/x-ndjson" if as_json else "text/plain; charset=utf-8",
        format=_Format.JSONL if as_json else _Format.TEXT,
    )
    return _export(metadata, content)


async def _export(
    metadata: m.JobAttemptLogExportMetadata, content: bytes
) -> AsyncGenerator[m.ExportJobAttemptLogsResponse]:
    yield m.ExportJobAttemptLogsResponse(metadata=metadata)
    file = io.BytesIO(content)
    while chunk := file.read(CHUNK_BYTES):
        yield m.ExportJobAttemptLogsResponse(chunk=chunk)


def _as_file(log: list[Written], *, as_json: bool) -> bytes:
    if as_json:
        return b"".join(msgspec.json.encode(as_message(written)) + b"\n" for written in log)
    return "".join(f"{timestamp(written.at)} {written.line.body}\n" for written in log).encode()


def _one_attempt(
    world: World, caller: Caller, attempt_id: str, job_id: str
) -> tuple[Run, Workflow, Job, Attempt]:
    if bool(attempt_id) == bool(job_id):
        raise ConnectError("invalid_argument", "exactly one of attempt_id and job_id is required")
    return find_attempt(world, caller, attempt_id, job_id)
