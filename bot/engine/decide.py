"""What becomes of each command of a request: the order of the questions, and errors into words.

What each command does is in `bot.commands`; who may is in `bot.rules.policy`; the sentences are in
`bot.messages.refusals`. This is the one place that catches what they raise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from bot.commands.base import Answer, CommandSpec, Outcome, RetryLater, TrackRuns
from bot.core.backoff import UPSTREAM_TROUBLE
from bot.core.clock import Clock
from bot.core.errors import Misreading, Refused
from bot.core.models import Claim, WorkItem
from bot.core.models import Command as Row
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.depot.client import Depot, DepotError, DepotRefused
from bot.engine.here import PullRequestHere
from bot.engine.start import Starter
from bot.engine.visit import Visit
from bot.github.errors import Forbidden, GitHubError, NotFound
from bot.messages import refusals
from bot.messages import runs as run_messages
from bot.ops.settings import Operator
from bot.parsing.arguments import parse_command
from bot.parsing.comments import MAX_COMMANDS
from bot.rules import automations, policy
from bot.rules.repository_config import Config
from bot.storage.database import LedgerUnavailable
from bot.storage.ledger import LeaseLost, Ledger

TROUBLE_SECONDS = 15 * 60.0
"""How long a command is tried while GitHub or Depot does not answer."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Decider:
    """Decides commands."""

    ledger: Ledger
    depot: Depot
    clock: Clock
    commands: Mapping[str, CommandSpec]
    internal: Mapping[str, CommandSpec]
    """What follows on happenings only."""
    operator: Operator
    count: Callable[[Reason], None]
    """Told the reason of each decision."""

    @property
    def verbs(self) -> dict[str, type]:
        """The words of each command that can be typed."""
        return {verb: command.arguments for verb, command in self.commands.items()}

    async def decide(self, claim: Claim, visit: Visit) -> float | None:
        """Decide the commands in order, up to the first that has to wait; seconds until it is
        tried again."""
        starter = Starter(self.depot, self.ledger, self.clock, claim)
        for row in visit.request.commands:
            if not row.decided:
                answer = await self._answer(row, visit, starter)
                if isinstance(answer, RetryLater):
                    await self.ledger.save_postponement(
                        claim, row.command_id, answer.text, answer.troubled_since
                    )
                    return answer.seconds
                await self._store(claim, row, answer)
        return None

    async def _store(self, claim: Claim, row: Row, answer: Answer | TrackRuns) -> None:
        text = answer.text if isinstance(answer, Answer) else ""
        runs = answer.runs if isinstance(answer, TrackRuns) else ()
        await self.ledger.save_decision(
            claim, row.command_id, answer.reason, text, runs, answer.settles
        )
        self.count(answer.reason)
        log.info("decided", command=row.command_id, reason=answer.reason)

    async def _answer(self, row: Row, visit: Visit, starter: Starter) -> Outcome:
        """What a command comes to: the one place where its errors become words."""
        try:
            return await self._attempt(row, visit, starter)
        except Refused as no:
            is_silent = await self._is_silent(no.reason, visit)
            return Answer("" if is_silent else no.text, reason=no.reason)
        except (NotFound, Forbidden) as error:
            log.warning("github refuses", error=str(error), command=row.command_id)
            return Answer(refusals.github_refused(row.command_id), reason=Reason.GITHUB_REFUSED)
        except DepotRefused as no:
            log.warning("depot refuses", error=str(no), command=row.command_id)
            if await self._has_open_intent(row, visit.request):
                return Answer(run_messages.start_unknown(), reason=Reason.START_UNKNOWN)
            return Answer(
                refusals.depot_refused(no.code, no.message), reason=Reason.from_depot(no.code)
            )
        except (GitHubError, DepotError) as trouble:
            return await self._in_trouble(row, visit.request, trouble)
        except (LeaseLost, LedgerUnavailable):
            raise
        except Exception:
            log.exception("command failed", command=row.command_id)
            return Answer(refusals.internal_error(row.command_id), reason=Reason.INTERNAL_ERROR)

    async def _is_silent(self, reason: Reason, visit: Visit) -> bool:
        """Whether a refusal is kept to ourselves."""
        if visit.request.comment.event is not None and reason in automations.QUIET:
            return True
        return reason in policy.ROLE_REASONS and "refusals" in await visit.silence()

    async def _attempt(self, row: Row, visit: Visit, starter: Starter) -> Outcome:
        """The order of decisions: what is cheap and local comes first."""
        request = visit.request
        comment = request.comment
        if (intent := request.open_start_attempt(row.command_id)) is not None:
            # A call may have been made already: what it did comes before any other question.
            return await starter.resume(intent, is_second=request.has_lost_start(row.command_id))
        if len(request.commands) > MAX_COMMANDS:
            raise Refused(Reason.TOO_MANY_COMMANDS, refusals.too_many_commands())
        config, verb, command, typed = await self._parsed(row, visit, starter)
        if command.is_always_answered:
            here = PullRequestHere(
                visit, self.commands, starter, row, verb, typed, config, Permission.NONE
            )
            return await command.handler(typed, here)
        policy.check_repository(comment.repo, self.operator.repositories)
        policy.check_limits(await self._usage(request))
        needs = config.needs(verb, command.required_permission)
        if command.required_permission_for is not None:
            needs = max(needs, command.required_permission_for(typed, row.line))
        if max(needs, command.required_permission) is not Permission.NONE:
            policy.check_age(comment.written_at, request.received_at)
        has = await visit.permission()
        may = [
            v
            for v, known in self.commands.items()
            if config.needs(v, known.required_permission) <= has
        ]
        policy.check_permission(verb, needs, has, may)
        here = PullRequestHere(visit, self.commands, starter, row, verb, typed, config, has)
        return await command.handler(typed, here)

    async def _parsed(
        self, row: Row, visit: Visit, starter: Starter
    ) -> tuple[Config, str, CommandSpec, Any]:
        """What a line says, with the repository's aliases; the config they are from."""
        known = dict(self.commands)
        if visit.request.comment.event is not None:
            known.update(self.internal)
        verbs = {verb: command.arguments for verb, command in known.items()}
        typed = parse_command(row.line.text, verbs)
        config = Config()
        if isinstance(typed, Misreading) or not known[_verb(typed, verbs)].is_always_answered:
            visit.begin()
            if not isinstance(typed, Misreading) and known[_verb(typed, verbs)].starts_run:
                visit.read_ahead(starter, row.command_id, typed)
            config = await visit.config()
            typed = parse_command(config.expand(row.line.text), verbs)
        if isinstance(typed, Misreading):
            raise Refused(Reason.MISREAD, refusals.misreading(typed, self.verbs))
        verb = _verb(typed, verbs)
        return config, verb, known[verb], typed

    async def _usage(self, request: WorkItem) -> policy.Usage:
        """How many commands there were in the last hour; automations are not counted."""
        comment, limits = request.comment, self.operator.limits
        if comment.event is not None:
            return policy.Usage(0, 0, limits.per_person, limits.per_repository)
        within = policy.LIMIT_SECONDS
        return policy.Usage(
            by_person=await self.ledger.count_commands(
                comment.repo, within, author=comment.author.login
            ),
            # What strangers are refused must not use up what others may do.
            in_repository=await self.ledger.count_commands(
                comment.repo, within, but=policy.UNCOUNTED
            ),
            per_person=limits.per_person,
            per_repository=limits.per_repository,
        )

    async def _in_trouble(
        self, row: Row, request: WorkItem, trouble: GitHubError | DepotError
    ) -> Outcome:
        """GitHub or Depot does not answer: try for a while, and say so."""
        log.warning("upstream trouble", error=str(trouble), command=row.command_id)
        who = "Depot" if isinstance(trouble, DepotError) else "GitHub"
        now = self.clock.now()
        since = row.troubled_since or now
        if now - since < TROUBLE_SECONDS:
            asked = getattr(trouble, "retry_after", None)
            pause = UPSTREAM_TROUBLE.pause_after(now - since, asked)
            return RetryLater(pause, refusals.trying(who), since)
        if await self._has_open_intent(row, request):
            return Answer(run_messages.start_unknown(), reason=Reason.START_UNKNOWN)
        minutes = int(TROUBLE_SECONDS // 60)
        request = await self.ledger.load(request.work_item_id)
        say = (
            refusals.gave_up
            if request.pending_change(row.command_id) is None
            else refusals.gave_up_in_doubt
        )
        return Answer(say(who, minutes, row.command_id), reason=Reason.COULD_NOT_ASK)

    async def _has_open_intent(self, row: Row, request: WorkItem) -> bool:
        """Whether a run may have been started for a command without our knowing."""
        request = await self.ledger.load(request.work_item_id)
        return request.open_start_attempt(row.command_id) is not None


def _verb(typed: Any, verbs: Mapping[str, type]) -> str:
    return next(verb for verb, words in verbs.items() if isinstance(typed, words))
