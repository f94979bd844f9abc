"""`/depot dispatch`: start a workflow by its `workflow_dispatch`, with inputs."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import CommandSpec, Here, Outcome
from bot.core.types import Permission
from bot.parsing.arguments import argument, remaining


@dataclass(frozen=True, slots=True)
class DispatchArguments:
    workflow: str = argument("workflow file in .depot/workflows")
    inputs: dict[str, str] = remaining("inputs of the workflow")


async def dispatch(command: DispatchArguments, here: Here) -> Outcome:
    return await here.dispatch(command.workflow, command.inputs)


DISPATCH = CommandSpec(
    DispatchArguments,
    dispatch,
    required_permission=Permission.WRITE,
    summary="Start a workflow on the head branch by `workflow_dispatch`, with inputs.",
    examples=("dispatch deploy.yml environment=staging",),
)
