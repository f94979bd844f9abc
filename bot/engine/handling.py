"""One command while its handler runs: what it may read, and what is looked at once more before a
run is started or changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import structlog

from bot.commands.base import Asked, Command, run_at
from bot.core import models
from bot.core.errors import Refused
from bot.core.models import TrackedRun, WorkItem
from bot.core.types import Head, Permission, Sha
from bot.engine.facts import FactReader, in_turns
from bot.engine.reader import CommandReader
from bot.github.errors import GitHubError
from bot.rules import policy
from bot.rules.facts import Fact, Facts
from bot.rules.policy import Allowed, CommandNeeds, Needs, NotYet, StartTarget
from bot.rules.repository_config import INLINE

LOOK_SECONDS = 3.0
"""How old the last look at the head may be when a run is started; it is looked at again then."""

log = structlog.get_logger()


class Handling:
    """One command while its handler runs: the facts grow with what it asks for."""

    def __init__(
        self,
        commands: Mapping[str, Command],
        item: WorkItem,
        command: models.Command,
        needs: CommandNeeds,
        facts: Facts,
        reader: FactReader,
    ) -> None:
        self.facts = facts
        self._commands = commands
        self._item = item
        self._command = command
        self._needs = needs
        self._reader = reader
        self._role = Permission.NONE
        self._is_recognised = True
        """GitHub has not failed to say whether its author is one of those that the config names."""

    def reader(self, allowed: Allowed) -> CommandReader:
        self._role = allowed.role
        asked = Asked(
            line=self._command.line,
            author=self._item.comment.author.login,
            role=allowed.role,
            config=self.facts.config,
            is_public=self._item.comment.is_public,
            now=self._reader.clock.now(),
            commands=self._commands,
        )
        return CommandReader(
            asked=asked,
            allowed=allowed,
            item=self._item,
            command=self._command,
            verb=self._needs.verb,
            repository=self._reader.repository,
            depot=self._reader.depot,
            ledger=self._reader.ledger,
            now=self._reader.clock.now(),
            seen_head=self._seen_head,
            why_no_start=self._why_no_start,
            why_no_access=self._why_no_access,
            may_tell_access=lambda: self._is_recognised,
        )

    async def _seen_head(self) -> Head:
        if self.facts.seen is None:
            self.facts = await self._reader.gather(self.facts, frozenset({Fact.HEAD}))
        if self.facts.seen is None:
            raise TypeError("the head was not read")
        return self.facts.seen.head

    async def _why_no_start(self) -> str:
        """Why `/depot run` would be refused now for what the head is; empty when it would not."""
        needs = replace(self._needs, target=StartTarget(), again=run_at, pin=run_at)

        def decide(facts: Facts) -> Head | Refused | Needs | NotYet:
            try:
                return policy.decide_head(
                    self._item.comment, needs, None, facts, self._reader.clock.now()
                )
            except Refused as no:
                return no

        decision, self.facts = await in_turns(decide, self.facts, self._reader)
        return decision.text if isinstance(decision, Refused) else ""

    async def _why_no_access(self, shown: str, key: str, by_default: Permission) -> str:
        """Why the author may not use what a key of `permissions` guards; empty where they may.
        GitHub is asked once. When it does not answer, the role alone counts."""

        def decide(facts: Facts) -> Refused | Needs | None:
            comment = self._item.comment
            return policy.access_refusal(shown, key, by_default, comment, self._role, facts)

        decision = decide(self.facts)
        if isinstance(decision, Needs) and self._is_recognised:
            try:
                decision, self.facts = await in_turns(decide, self.facts, self._reader)
            except GitHubError as error:
                log.warning("author_not_recognised", error=str(error))
                self._is_recognised = False
        if isinstance(decision, Needs):
            decision = policy.role_refusal(shown, key, by_default, self._role, self.facts.config)
        return decision.text if decision is not None else ""

    async def look_at_the_head_again(self, sha: str) -> None:
        """Right before a start: raises Refused when the head has moved."""
        seen = self.facts.seen
        if seen is None or self._reader.clock.now() - seen.read_at > LOOK_SECONDS:
            self.facts = await self._reader.gather(self.facts, frozenset({Fact.HEAD}))
            seen = self.facts.seen
        if seen is not None:
            again = self._needs.again(seen.head.sha)
            policy.check_not_moved(Sha(sha), seen.head, seen.is_open, again)

    def check_workflows(self, run: TrackedRun, *, but_inline: bool) -> None:
        """Before a run is changed: raises Refused when one of its workflows is not allowed."""
        names = [workflow.file_name or INLINE for workflow in run.run.workflows]
        names = [name for name in names if name != INLINE or not but_inline]
        policy.check_workflows(self.facts.config, names, self._role)
