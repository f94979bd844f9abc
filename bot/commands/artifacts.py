"""`/depot artifacts`: the files that a run kept."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here, Said
from bot.core.types import Permission
from bot.messages import answers
from bot.parsing.arguments import run_id, word


@dataclass(frozen=True, slots=True)
class Artifacts:
    run: str | None = word("a run's id; the newest without it", default=None, convert=run_id)


async def artifacts(command: Artifacts, here: Here) -> Answer:
    run = await here.run(command.run)
    # The link goes to Depot's page: a signed address would let everybody who reads it download.
    return Said(answers.artifact_list(run, await here.depot.artifacts(run.run.run_id)))


ARTIFACTS = Command(
    Artifacts,
    artifacts,
    needs=Permission.TRIAGE,
    summary="List a run's artifacts, with a link to Depot.",
    examples=("artifacts",),
)
