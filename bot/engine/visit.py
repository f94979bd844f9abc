"""What a step reads for all commands of one request: once, and ahead of where it is used.

Reads that do not need each other go side by side, so that a run is at most three round trips away
from its comment: who and which head; files, runs already there and the head again; `Run`. Where the
ledger knows which commit will be the head, the first two are one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.core.errors import Refused
from bot.core.models import StartRequest, WorkItem
from bot.core.reasons import Reason
from bot.core.runs import ListedRun
from bot.core.types import CommandId, Head, Permission, Sha
from bot.engine.start import Starter
from bot.github.errors import GitHubUnavailable
from bot.github.repository import PullRequest, Repository
from bot.messages import refusals
from bot.parsing.workflow_file import candidates
from bot.rules.repository_config import BadConfig, Config, parse
from bot.storage.ledger import Ledger

LAG_SECONDS = 60.0
"""How long GitHub's API may be behind a webhook that told of a new head."""

LOOK_SECONDS = 3.0
"""How old the last look at the head may be when a run is started; it is looked once more then."""

AUTOMATION_LAG_SECONDS = 900.0
"""The same for what only follows on a happening: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """What the start of a run needs, read before it was known that it will be wanted."""

    sha: Sha
    before: list[ListedRun]
    """The runs that are on the commit already."""
    pull: PullRequest
    looked_at: float
    """When the pull request was asked for."""


class Visit:
    """What is read once for all commands of one request, in one step.

    What every command needs is asked for side by side; each answer is awaited where it is used.
    """

    def __init__(
        self, request: WorkItem, repository: Repository, ledger: Ledger, verbs: Mapping[str, type]
    ) -> None:
        self.request = request
        self.repository = repository
        self._ledger = ledger
        self._verbs = verbs
        self._reads: dict[str, asyncio.Task[Any]] = {}

    async def __aenter__(self) -> Visit:
        return self

    async def __aexit__(self, *_: object) -> None:
        await asyncio.gather(*self._reads.values(), return_exceptions=True)

    def begin(self) -> None:
        """Ask for everything that a decision needs."""
        self._read("config", self._ask_config)
        self._read("permission", self._ask_permission)
        self._read("pull request", self.fresh_pull_request)

    async def config(self) -> Config:
        """The repository's config; raises Refused when it is broken."""
        config: Config = await self._read("config", self._ask_config)
        return config

    async def silence(self) -> Sequence[str]:
        """What the repository does not want to be posted; a broken config silences nothing."""
        try:
            return (await self.config()).silence
        except Refused:
            return ()

    async def permission(self) -> Permission:
        """The asker's role. Automations act for the repository; allowed bots as writers do."""
        if self.request.comment.event is not None:
            return Permission.ADMIN
        if self.request.comment.author.is_bot:
            return Permission.WRITE
        return await self.own_permission()

    async def own_permission(self) -> Permission:
        """The role of the person behind the request, whatever it is."""
        permission: Permission = await self._read("permission", self._ask_permission)
        return permission

    async def pull_request(self) -> PullRequest:
        pull: PullRequest = await self._read("pull request", self.fresh_pull_request)
        return pull

    async def fresh_pull_request(self) -> PullRequest:
        return await self.repository.pull_request(self.request.comment.number)

    async def head_since(self, sha: Sha) -> float | None:
        """Since when *sha* is the head, by GitHub's clock; none when nobody knows.

        While we have not heard of any head of the pull request, it is as old as its oldest check
        suite. Otherwise it must be the newest that we heard of: a check suite may be as old as the
        commit's time on another branch, and a head that came back did so unheard.
        """
        comment = self.request.comment
        newest = await self._ledger.newest_head(comment.repo, comment.number, heard_after=0.0)
        if newest is None:
            return await self.repository.oldest_check_suite(sha)
        return newest[1] if newest[0] == sha else None

    def read_ahead(self, starter: Starter, command_id: CommandId, typed: Any) -> None:
        """Ask for what the start of a run needs of the commit that should be the head, beside what
        tells whether it is and who may. Where it is, that was to be asked for anyway."""
        # An earlier command of the comment has looked at the pull request long ago.
        has_looked = self._read("pull request", self.fresh_pull_request).done()
        look = self.fresh_pull_request if has_looked else self.pull_request
        self._read(f"ahead of {command_id}", lambda: self._ask_ahead(starter, typed, look))

    async def ahead(self, command_id: CommandId, sha: Sha) -> Ahead | None:
        """What was read ahead, if it was read of this commit; raises what kept it from being read:
        who asked for a pause must not be asked again at once."""
        reading = self._reads.get(f"ahead of {command_id}")
        read: Ahead | None = await reading if reading else None
        return read if read is not None and read.sha == sha else None

    async def _ask_ahead(
        self, starter: Starter, typed: Any, look: Callable[[], Awaitable[PullRequest]]
    ) -> Ahead:
        comment = self.request.comment
        looked_at = starter.clock.now()
        sha = typed.sha or comment.reviewed
        if sha is None:
            newest = await self._ledger.newest_head(comment.repo, comment.number, heard_after=0.0)
            if newest is not None:
                sha = newest[0]
            else:
                # It has to be dated first (`head_since`): this goes beside that.
                sha = (await self.pull_request()).head.sha
                looked_at = starter.clock.now()
                look = self.fresh_pull_request
        _, before, pull, _ = await asyncio.gather(
            self.repository.workflow_names(sha),
            starter.before(StartRequest(repo=comment.repo, sha=sha)),
            look(),
            self.read_texts(sha, typed.workflow if typed.job else None),
        )
        return Ahead(sha, before, pull, looked_at)

    async def read_texts(self, sha: Sha, typed: str | None) -> None:
        """Fetch the file that *typed* probably means, so that it is there when it is wanted."""
        if typed is not None:
            names = candidates(typed)
            await asyncio.gather(*(self.repository.workflow_text(sha, name) for name in names))

    def _read(self, name: str, ask: Callable[[], Coroutine[Any, Any, Any]]) -> asyncio.Task[Any]:
        if name not in self._reads:
            self._reads[name] = asyncio.create_task(ask())
        return self._reads[name]

    async def _ask_permission(self) -> Permission:
        return await self.repository.permission(self.request.comment.author.login)

    async def _ask_config(self) -> Config:
        texts = await self.repository.config_texts()
        if not texts:
            return Config()
        path, text = texts[0]
        try:
            if len(texts) > 1:
                raise BadConfig("there is a `.yml` and a `.yaml` of it")
            return parse(text, self._verbs)
        except BadConfig as wrong:
            raise Refused(Reason.BAD_CONFIG, refusals.bad_config(path, str(wrong))) from wrong

    async def check_lag(self, head: Head, now: float) -> None:
        """Raise GitHubUnavailable while GitHub's API may be behind its own webhooks.

        It is when we heard of another head a moment ago, and *head* is older or unknown to us.
        """
        comment = self.request.comment
        lag = AUTOMATION_LAG_SECONDS if comment.event else LAG_SECONDS
        newest = await self._ledger.newest_head(comment.repo, comment.number, now - lag)
        if newest is None or newest[0] == head.sha:
            return
        since = await self._ledger.head_since(comment.repo, comment.number, head.sha)
        if since is None:
            since = await self.repository.oldest_check_suite(head.sha)
        if since is None or since < newest[1]:
            raise GitHubUnavailable("the API does not know the newest head yet")
