"""All methods of `depot.ci.v1.CIService`, in all content types that Depot takes for them."""

from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, get_args, get_type_hints

from bot.demo.simulators.depot import methods
from bot.demo.simulators.depot.calls import Caller
from bot.demo.simulators.depot.forms import Json, Unary
from bot.demo.simulators.depot.messages.base import Message
from bot.demo.simulators.depot.methods import Method, unary
from bot.demo.simulators.depot.world import World
from tests.simulators.depot import downloads, metrics, streams, summary
from tests.simulators.depot import messages as m
from tests.simulators.depot.codecs import Binary
from tests.simulators.depot.descriptor import describe
from tests.simulators.depot.forms import Streaming
from tests.simulators.depot.views import Views


def get_workflow(
    world: World, caller: Caller, request: m.GetWorkflowRequest
) -> m.GetWorkflowResponse:
    """`GetWorkflow`."""
    return Views(world).workflow(*world.find_workflow(caller.org_id, request.workflow_id))


def get_job(world: World, caller: Caller, request: m.GetJobRequest) -> m.GetJobResponse:
    """`GetJob`."""
    return Views(world).job(*world.find_job(caller.org_id, request.job_id))


def get_attempt(world: World, caller: Caller, request: m.GetAttemptRequest) -> m.GetAttemptResponse:
    """`GetAttempt`."""
    return Views(world).attempt(*world.find_attempt(caller.org_id, request.attempt_id))


def _stream(work: Callable[[World, Caller, Any], AsyncGenerator[Any]]) -> Method:
    """A method that answers with a stream in JSON."""
    hints = get_type_hints(work)
    request: type[Message] = hints["request"]
    answer: type[Message] = get_args(hints["return"])[0]
    form = Streaming("application/connect+json", Json(), request, answer)
    return Method(work, request, answer, (form,))


STREAMING = frozenset({"StreamJobAttemptLogs", "ExportJobAttemptLogs"})

UNNUMBERED = frozenset({"GetJob", "GetAttempt"})
"""Published as JSON only. The numbers of their messages' fields, which the binary form needs, are
not known, and the answer to it is 415, as Connect has it for a form that a server does not speak.
"""

_IN_JSON: Mapping[str, Method] = {
    **methods.METHODS,
    "GetWorkflow": unary(get_workflow),
    "GetJob": unary(get_job),
    "GetAttempt": unary(get_attempt),
    "StreamJobAttemptLogs": _stream(streams.stream_logs),
    "ExportJobAttemptLogs": _stream(streams.export_logs),
    "GetJobSummary": unary(summary.get_summary),
    "GetArtifactDownloadURL": unary(downloads.download_url),
    "GetJobMetrics": unary(metrics.job_metrics),
    "GetJobAttemptMetrics": unary(metrics.attempt_metrics),
}

DESCRIBED = describe(
    {name: method for name, method in _IN_JSON.items() if name not in UNNUMBERED}, STREAMING
)
"""What a `.proto` file would say of them."""

BINARY = Binary(DESCRIBED)


def _with_binary(name: str, method: Method) -> Method:
    if name in UNNUMBERED:
        return method
    kinds = method.request, method.answer
    added = (
        Streaming("application/connect+proto", BINARY, *kinds)
        if name in STREAMING
        else Unary("application/proto", BINARY, *kinds)
    )
    return replace(method, forms=(*method.forms, added))


METHODS: Mapping[str, Method] = MappingProxyType(
    {name: _with_binary(name, method) for name, method in _IN_JSON.items()}
)
