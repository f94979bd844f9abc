"""`/depot dispatch`: start a workflow by its `workflow_dispatch`, with inputs."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here
from bot.core.types import Permission
from bot.parsing.arguments import rest, word


@dataclass(frozen=True, slots=True)
class Dispatch:
    workflow: str = word("workflow file in .depot/workflows")
    inputs: dict[str, str] = rest("inputs of the workflow")


async def dispatch(command: Dispatch, here: Here) -> Answer:
    return await here.dispatch(command.workflow, command.inputs)


DISPATCH = Command(
    Dispatch,
    dispatch,
    needs=Permission.WRITE,
    summary="Start a workflow on the head branch by `workflow_dispatch`, with inputs.",
    examples=("dispatch deploy.yml environment=staging",),
)
