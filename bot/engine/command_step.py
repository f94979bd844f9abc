"""One command in one step of its work item: parse, gather and decide in turns, act, perform.

What it comes to is a value; here, and only here, trouble becomes one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import structlog

from bot.commands.base import (
    Answer,
    Change,
    ChangeRuns,
    Command,
    Handled,
    Outcome,
    ParsedCommand,
    RetryLater,
    StartRuns,
    TrackRuns,
    parse_line,
)
from bot.core import models
from bot.core.errors import Misreading, Refused
from bot.core.models import Claim, WorkItem
from bot.core.reasons import Reason
from bot.core.types import CANCEL_OUTDATED
from bot.depot.client import DepotError, DepotRefused
from bot.engine import series, trouble
from bot.engine.facts import FactReader, in_turns
from bot.engine.handling import Handling
from bot.engine.runs import Runs
from bot.github.api import GitHub
from bot.github.errors import Forbidden, GitHubError, NotFound
from bot.messages import refusals
from bot.messages import runs as run_messages
from bot.parsing.comments import MAX_COMMANDS
from bot.rules import automations, policy
from bot.rules.facts import Facts
from bot.rules.policy import Allowed, Bounds, CommandNeeds, Decision
from bot.rules.repository_config import Config
from bot.storage.database import LedgerUnavailable
from bot.storage.part import LeaseLost

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CommandStep:
    """Works on one command that is to be decided, or to start another of several runs."""

    claim: Claim
    command: models.Command
    runs: Runs
    latest_start: Callable[[WorkItem, models.Command], float]
    """Until when a run may be started for it."""
    reader: FactReader
    github: GitHub
    commands: Mapping[str, Command]
    internal: Mapping[str, Command]
    """What only events set off."""
    bounds: Bounds

    async def outcome(self, item: WorkItem, facts: Facts) -> tuple[Outcome, Facts]:
        """What the command comes to, and what is known after it. Raises LeaseLost and
        LedgerUnavailable."""
        command, command_id = self.command, self.command.command_id
        try:
            outcome, facts = await self._attempt(item, facts)
        except (NotFound, Forbidden) as error:
            log.warning("github_refused", error=str(error))
            # What was absent at the same moment is no evidence that there are no rules.
            self.github.forget_rules(item.comment.repo)
            item = await self.reader.ledger.items.load(item.work_item_id)
            outcome = trouble.in_absence(item, command, error, self.reader.clock.now())
        except DepotRefused as no:
            log.warning("depot_refused", error=str(no))
            if await self._may_have_started(item):
                outcome = Answer(run_messages.start_unknown(), reason=Reason.START_UNKNOWN)
            else:
                text = refusals.depot_refused(no.code, no.message)
                outcome = Answer(text, reason=Reason.from_depot(no.code))
        except (GitHubError, DepotError) as error:
            log.warning("upstream_unavailable", error=str(error))
            item = await self.reader.ledger.items.load(item.work_item_id)
            latest = self.latest_start(item, command)
            outcome = trouble.in_trouble(item, command, error, self.reader.clock.now(), latest)
            if isinstance(outcome, RetryLater) and item.is_stopped(command_id):
                outcome = replace(outcome, text="")  # nobody waits for it any more
        except (LeaseLost, LedgerUnavailable):
            raise
        except Exception:
            log.exception("command_failed")
            outcome = Answer(refusals.internal_error(command_id), reason=Reason.INTERNAL_ERROR)
        if isinstance(outcome, Refused):
            if outcome.reason is Reason.RATE_LIMITED:
                facts = facts.after_a_limit()
            # Why no more runs of the same are started stands in the reply that shows the others.
            is_silent = command.series is None and _is_silent(outcome.reason, item, facts)
            outcome = Answer("" if is_silent else outcome.text, reason=outcome.reason)
        if item.comment.event is not None and command.line.text == CANCEL_OUTDATED:
            outcome = replace(outcome, text="") if not isinstance(outcome, TrackRuns) else outcome
        return outcome, facts

    async def _attempt(self, item: WorkItem, facts: Facts) -> tuple[Outcome | Refused, Facts]:
        """Parse, gather and decide in turns, act, perform."""
        command = self.command
        if (attempt := item.open_start_attempt(command.command_id)) is not None:
            # A call may have been made already: what it did comes before any other question.
            is_second = item.has_lost_start(command.command_id, attempt.start)
            resumed = await self.runs.resume(attempt, is_second=is_second)
            if attempt.start.is_last or not isinstance(resumed, TrackRuns):
                return resumed, facts
            await self.reader.ledger.items.save_start(self.claim, resumed.runs, resumed.settles)
            item = await self.reader.ledger.items.load(item.work_item_id)
        if (ended := series.refused(item, command)) is not None:
            return ended, facts
        if command.line.is_near_miss:
            return await self._hint(item, facts)
        if len(item.commands) > MAX_COMMANDS:
            return Refused(Reason.TOO_MANY_COMMANDS, refusals.too_many_commands()), facts
        parsed, facts = await self._parse(item, facts)
        if isinstance(parsed, Refused):
            return parsed, facts
        needs = parsed.needs
        if (event := item.comment.event) is not None:
            instead = automations.required_role(facts.config, event, command.line.text)
            needs = replace(needs, instead=instead)
        needs = replace(needs, is_begun=item.has_begun(command.command_id))
        decision, facts = await self._decision(item, needs, facts)
        if isinstance(decision, Refused):
            return decision, facts
        handling = Handling(self.commands, item, command, parsed.needs, facts, self.reader)
        try:
            handled = await parsed.handle(handling.reader(decision))
            series.check_same(item, command, handled)
            return await self._perform(item, handled, handling)
        except Refused as no:
            return no, handling.facts

    async def _hint(self, item: WorkItem, facts: Facts) -> tuple[Answer | Refused, Facts]:
        """What a command looks like, for a line that was probably meant as one; once for each
        person and pull request, and only where the word is one of our commands."""
        comment, line = item.comment, self.command.line
        word = line.text.split(maxsplit=1)[0].lower()
        if policy.decide_before_reading(comment, facts, self.bounds) is not None:
            return Refused(Reason.HINTED, ""), facts
        facts = await self.reader.with_rules_if_there(facts)
        if word.strip("*_`") not in {*self.reader.verbs, *facts.config.aliases}:
            return Refused(Reason.HINTED, ""), facts
        has_hint = await self.reader.ledger.pull_requests.has_hint(
            comment.repo, comment.number, comment.author.login
        )
        text = "" if has_hint else refusals.hint(line.text)
        return Answer(text, reason=Reason.HINTED), facts

    async def _parse(self, item: WorkItem, facts: Facts) -> tuple[ParsedCommand | Refused, Facts]:
        """What its line says, with the repository's aliases."""
        refused = policy.decide_before_reading(item.comment, facts, self.bounds)
        if refused is not None:
            return refused, facts
        known = dict(self.commands)
        if item.comment.event is not None:
            known.update(self.internal)
        parsed = parse_line(self.command.line, Config(), known)
        if isinstance(parsed, ParsedCommand) and parsed.needs.is_always_answered:
            return parsed, await self.reader.with_rules_if_there(facts)
        if facts.rules is None:
            facts = await self.reader.gather(facts, policy.first_reads(item.comment, facts).facts)
        refused = policy.decide_rules(facts)
        if refused is not None:
            return refused, facts
        parsed = parse_line(self.command.line, facts.config, known)
        if isinstance(parsed, Misreading):
            return Refused(
                Reason.MISREAD,
                refusals.misread(parsed, self.reader.verbs, list(facts.config.aliases)),
            ), facts
        return parsed, facts

    async def _decision(
        self, item: WorkItem, needs: CommandNeeds, facts: Facts
    ) -> tuple[Allowed | Refused, Facts]:
        """Whether the command may be carried out."""

        def decide(facts: Facts) -> Decision:
            now = self.reader.clock.now()
            ahead = now - self.github.server_clock.now()
            return policy.decide(item.comment, needs, facts, self.bounds, now, ahead)

        return await in_turns(decide, facts, self.reader, needs.target)

    async def _perform(
        self, item: WorkItem, handled: Handled, handling: Handling
    ) -> tuple[Outcome, Facts]:
        """Start or change a run, as the handler wants."""
        command_id = self.command.command_id
        try:
            handled = trouble.in_time(item, command_id, handled, self.github.server_clock.now())
        except Refused as late:
            return Answer(late.text, reason=late.reason), handling.facts
        starts = 0
        match handled:
            case StartRuns():
                await handling.look_at_the_head_again(handled.requests[0].sha)
                starts = series.runs_wanted(item, command_id, handled)
                policy.check_runs(handling.facts.usage, starts)
                before = handling.facts.runs
                if before is None:
                    raise TypeError("the runs at the head were not read")
                outcome = await self.runs.start(item, command_id, handled, before)
            case ChangeRuns():
                if not handled.is_quiet and not item.changes_of(command_id):
                    for change in handled.changes:
                        is_cancelled = change.change is Change.CANCEL
                        handling.check_workflows(change.run, but_inline=is_cancelled)
                outcome = await self.runs.change(item, command_id, handled)
            case Answer():
                return handled, handling.facts
        return outcome, handling.facts.after_a_change(starts)

    async def _may_have_started(self, item: WorkItem) -> bool:
        """Whether a run may have been started for the command without our knowing."""
        item = await self.reader.ledger.items.load(item.work_item_id)
        return item.open_start_attempt(self.command.command_id) is not None


def _is_silent(reason: Reason, item: WorkItem, facts: Facts) -> bool:
    """Whether a refusal is kept to ourselves."""
    if item.comment.event is not None and reason in automations.QUIET | policy.LACKING:
        return True
    return reason in policy.ROLE_REASONS and "refusals" in facts.config.silence
