"""`/depot dispatch`: start a workflow by its `workflow_dispatch`, with inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bot.commands.base import CommandSpec, Handled, StartReader, StartRuns
from bot.core.errors import Refused
from bot.core.events import CommandLine
from bot.core.models import StartRequest
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.messages import refusals
from bot.messages import runs as run_messages
from bot.parsing.arguments import argument, closest_match, remaining
from bot.parsing.workflow_file import Outline
from bot.rules.policy import StartTarget


@dataclass(frozen=True, slots=True)
class DispatchArguments:
    workflow: str = argument("workflow file in .depot/workflows")
    inputs: dict[str, str] = remaining("inputs of the workflow")

    def target(self, line: CommandLine) -> StartTarget:
        return StartTarget((self.workflow,), is_dispatch=True)


async def dispatch(command: DispatchArguments, reader: StartReader) -> Handled:
    head, (name,) = reader.checked_head, reader.workflows
    _check_inputs(name, await reader.outline(head.sha, name), command.inputs)
    start = StartRequest(
        repo=head.base,
        sha=head.sha,
        workflow=name,
        branch=head.branch,
        inputs=dict(command.inputs),
        note=run_messages.inputs_sent(command.inputs),
    )
    return StartRuns((start,), force=True)


def _check_inputs(workflow: str, file: Outline, inputs: Mapping[str, str]) -> None:
    if file.inputs is None:
        raise Refused(Reason.NOT_DISPATCHABLE, refusals.not_dispatchable(workflow))
    declared = {one.name: one for one in file.inputs}
    for name, value in inputs.items():
        if name not in declared:
            closest = closest_match(name, declared)
            raise Refused(
                Reason.UNKNOWN_INPUT,
                refusals.unknown_input(name, workflow, list(declared), closest),
            )
        if problem := declared[name].problem_with(value):
            closest = closest_match(value, declared[name].options)
            raise Refused(
                Reason.BAD_INPUT,
                refusals.bad_input(name, value, problem, declared[name].options, closest),
            )
    missing = [one.name for one in file.inputs if one.is_required and one.name not in inputs]
    if missing:
        raise Refused(Reason.BAD_INPUT, refusals.missing_inputs(workflow, missing))


DISPATCH = CommandSpec(
    DispatchArguments,
    dispatch,
    required_permission=Permission.WRITE,
    summary="Dispatch a workflow on the head branch, with inputs.",
    examples=("dispatch deploy.yml environment=staging",),
    start_target=DispatchArguments.target,
)
