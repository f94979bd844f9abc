"""`/depot artifacts`: the files that a run kept."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, CommandSpec, RunReader
from bot.core.types import Permission
from bot.messages import answers
from bot.parsing.arguments import run_argument


@dataclass(frozen=True, slots=True)
class ArtifactsArguments:
    run: str | None = run_argument("a run's id, or a workflow; the newest run without it")


async def artifacts(command: ArtifactsArguments, reader: RunReader) -> Answer:
    run = await reader.run(command.run)
    # The link goes to Depot's page: a signed address would let everybody who reads it download.
    return Answer(answers.artifact_list(run, await reader.artifacts(run.run.run_id)))


ARTIFACTS = CommandSpec(
    ArtifactsArguments,
    artifacts,
    required_permission=Permission.TRIAGE,
    summary="List a run's artifacts, with a link to Depot.",
    examples=("artifacts",),
)
