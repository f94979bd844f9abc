"""`/depot run`: start a workflow on the head commit of this pull request."""

from __future__ import annotations

from dataclasses import dataclass

from bot.commands.base import Answer, Command, Here
from bot.grammar import full_sha, word
from bot.types import Permission, Sha


@dataclass(frozen=True, slots=True)
class Run:
    workflow: str | None = word("workflow file in .depot/workflows; all without it", default=None)
    job: str | None = word("only this job", default=None, keyword=True)
    sha: str | None = word(
        "the commit you have read; refused when it is no longer the head",
        default=None,
        keyword=True,
        convert=full_sha,
    )


async def run(command: Run, here: Here) -> Answer:
    head = await here.head(pinned=Sha(command.sha) if command.sha else None)
    return await here.start(head, command.workflow, command.job)


RUN = Command(
    Run,
    run,
    needs=Permission.WRITE,
    summary="Start a workflow on this pull request's head commit.",
    examples=("run ci.yml", "run ci.yml job=test"),
)
