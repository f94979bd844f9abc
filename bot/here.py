"""What a command may touch: its pull request, the workflow files at the head, and starting runs.

Reads that do not need each other go side by side, so that a run is three round trips away from its
comment: who and which head; files, runs already there and the head again; `Run`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bot import policy, replies
from bot.commands.base import Answer, Command
from bot.errors import Refused
from bot.github import PullRequest, Repository
from bot.grammar import nearest, spell
from bot.records import Command as Row
from bot.records import Request, Start
from bot.start import Starter
from bot.types import Head, Permission, Sha
from bot.workflows import BadWorkflow, Outline, candidates, matches, outline


class Visit:
    """What is read once for all commands of one request, in one step."""

    def __init__(self, request: Request, repository: Repository) -> None:
        self.request = request
        self.repository = repository
        self._pull_request: PullRequest | None = None

    async def pull_request(self) -> PullRequest:
        if self._pull_request is None:
            self._pull_request = await self.fresh_pull_request()
        return self._pull_request

    async def fresh_pull_request(self) -> PullRequest:
        return await self.repository.pull_request(self.request.comment.number)

    async def permission(self) -> Permission:
        """The asker's role; the pull request, which is needed next, is read beside it."""
        permission, _ = await asyncio.gather(
            self.repository.permission(self.request.comment.author.login), self.pull_request()
        )
        return permission


@dataclass(frozen=True, slots=True)
class PullRequestHere:
    """`bot.commands.base.Here` for one command of a request."""

    visit: Visit
    commands: Mapping[str, Command]
    starter: Starter
    row: Row
    verb: str
    typed: Any
    """The command as it was read: an instance of its dataclass."""

    async def head(self, pinned: Sha | None = None) -> Head:
        pull = await self.visit.pull_request()
        policy.check_head(pull.head, pull.is_open, pinned, self._again(pull.head))
        return pull.head

    async def shown_head(self) -> Head:
        return (await self.visit.pull_request()).head

    async def workflow_names(self, sha: Sha) -> tuple[str, ...]:
        names = await self.visit.repository.workflow_names(sha)
        if not names:
            raise Refused("no-workflows", replies.no_workflows(sha))
        return names

    async def outline(self, sha: Sha, workflow: str) -> Outline:
        text = await self.visit.repository.workflow_text(sha, workflow)
        try:
            if text is None:
                raise BadWorkflow("too large, or not there")
            return outline(text)
        except BadWorkflow as wrong:
            raise Refused(
                "bad-workflow", replies.unreadable_workflow(workflow, sha, str(wrong))
            ) from wrong

    async def start(self, head: Head, workflow: str | None, job: str | None) -> Answer:
        start = Start(repo=self.visit.request.comment.repo, sha=head.sha, job=job or "")
        workflow_, before, pull = await asyncio.gather(
            self._workflow(head.sha, workflow, job),
            self.starter.before(start),
            self.visit.fresh_pull_request(),
        )
        policy.check_not_moved(head.sha, pull.head, self._again(pull.head))
        start = replace(start, workflow=workflow_ or "")
        return await self.starter.send(self.row.command_id, start, before)

    async def _workflow(self, sha: Sha, typed: str | None, job: str | None) -> str | None:
        """The file to run, none for all of them; its job is there."""
        names, _ = await asyncio.gather(
            self.workflow_names(sha), self._read_ahead(sha, typed if job else None)
        )
        if typed is None and job is None:
            return None
        name = _the_one(typed, names, sha)
        if job is not None:
            _check_job(job, name, (await self.outline(sha, name)).keys)
        return name

    async def _read_ahead(self, sha: Sha, typed: str | None) -> None:
        """Fetch the file that *typed* probably means, so that it is there when it is wanted."""
        if typed is not None:
            repository = self.visit.repository
            await asyncio.gather(
                *(repository.workflow_text(sha, name) for name in candidates(typed))
            )

    def _again(self, head: Head) -> str:
        """What to type once the head was read."""
        return "/depot " + spell(self.verb, self.typed, sha=head.sha)


def _the_one(typed: str | None, names: Sequence[str], sha: Sha) -> str:
    """The file that was meant."""
    if typed is None:
        if len(names) > 1:
            raise Refused("job-needs-workflow", replies.job_needs_workflow(names))
        return names[0]
    found = matches(typed, names)
    if not found:
        raise Refused(
            "unknown-workflow", replies.unknown_workflow(typed, sha, names, nearest(typed, names))
        )
    if len(found) > 1:
        raise Refused("ambiguous-workflow", replies.ambiguous_workflow(typed, found))
    return found[0]


def _check_job(job: str, workflow: str, keys: Sequence[str]) -> None:
    if job not in keys:
        raise Refused("unknown-job", replies.unknown_job(job, workflow, keys, nearest(job, keys)))
