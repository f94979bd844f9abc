"""`/depot dispatch`: start a workflow by its `workflow_dispatch`, with inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.commands.base import CommandSpec, Handled, StartReader, StartRun
from bot.core.errors import Refused
from bot.core.events import CommandLine
from bot.core.models import StartRequest
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import refusals
from bot.parsing.arguments import argument, closest_match, remaining
from bot.parsing.workflow_file import Outline
from bot.rules.policy import StartTarget


@dataclass(frozen=True, slots=True)
class DispatchArguments:
    workflow: str = argument("workflow file in .depot/workflows")
    inputs: dict[str, str] = remaining("inputs of the workflow")

    def target(self, line: CommandLine) -> StartTarget:
        return StartTarget(self.workflow, is_dispatch=True)


async def dispatch(command: DispatchArguments, reader: StartReader) -> Handled:
    head, name = reader.checked_head, reader.workflow
    _check_inputs(name, await reader.outline(head.sha, name), command.inputs)
    start = StartRequest(
        repo=head.base,
        sha=head.sha,
        workflow=name,
        branch=head.branch,
        inputs=dict(command.inputs),
    )
    return StartRun(start, force=True)


def _check_inputs(workflow: str, file: Outline, inputs: Mapping[str, str]) -> None:
    if file.inputs is None:
        raise Refused(Reason.NOT_DISPATCHABLE, refusals.not_dispatchable(workflow))
    for name in inputs:
        if name not in file.inputs:
            closest = closest_match(name, file.inputs)
            raise Refused(
                Reason.UNKNOWN_INPUT,
                refusals.unknown_input(name, workflow, file.inputs, closest),
            )


DISPATCH = CommandSpec(
    DispatchArguments,
    dispatch,
    required_permission=Permission.WRITE,
    summary="Start a workflow on the head branch by `workflow_dispatch`, with inputs.",
    examples=("dispatch deploy.yml environment=staging",),
    start_target=DispatchArguments.target,
)
