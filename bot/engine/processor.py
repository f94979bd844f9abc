"""One step of one work item, top to bottom: load, work on its commands, poll, render, publish,
save.

This is the only file that knows all parts. A command goes from its line to its outcome in
`bot.engine.command_step`; what it may do is decided in `bot.rules.policy`, what it does in
`bot.commands`, and what trouble comes to in `bot.engine.trouble`.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import structlog

from bot.commands.base import (
    Answer,
    Command,
    Outcome,
    RetryLater,
    TrackRuns,
    arguments_by_verb,
)
from bot.core import models, series
from bot.core.backoff import FAILED_STEP
from bot.core.clock import Clock
from bot.core.models import Claim, Progress, Series, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.types import CommandId, Detail, Permission
from bot.depot.client import Depot, DepotError, DepotUnavailable
from bot.engine import events, run_poller, trouble
from bot.engine.active_runs import ActiveRuns
from bot.engine.command_log import CommandLog
from bot.engine.command_step import CommandStep
from bot.engine.facts import FactReader, in_turns
from bot.engine.known_failures import KnownFailures
from bot.engine.publisher import Publisher, Writing, account, is_complete, sooner
from bot.engine.runs import Runs, is_watched
from bot.github.api import GitHub
from bot.github.errors import (
    Forbidden,
    GitHubError,
    GitHubUnavailable,
    NotFound,
)
from bot.github.repository import Repository
from bot.messages import reply as reply_message
from bot.ops import audit
from bot.ops.metrics import Metrics
from bot.ops.settings import Operator
from bot.parsing.comments import find_command_lines
from bot.rules import announcements, policy
from bot.rules.announcements import Announcement
from bot.rules.facts import Facts
from bot.rules.policy import Bounds
from bot.storage.ledger import Ledger
from bot.storage.queue import NO_PROGRESS

WATCH_SECONDS = 10.0
"""Pause between two searches for a run of a lost start that comes to light late."""

BOT_LIMIT = 10
"""Commands of one bot under one pull request in an hour."""

ABANDON_SECONDS = 24 * 3600.0
"""A work item whose steps fail for so long is set aside."""

HOUR = 3600.0
"""Seconds; the longest pause that a step makes because it is asked for."""

REACTION_SECONDS = 2.0
"""How long a step waits for the reaction when all else is done."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StepDone:
    """What a step came to."""

    wait: float | None = None
    """Seconds until there is more to do; none when all is done."""
    progress: Progress = NO_PROGRESS
    trouble: GitHubError | DepotUnavailable | None = None
    """Why the step ended early and is repeated."""


@dataclass(frozen=True, slots=True)
class Processor:
    """Works on claimed work items."""

    ledger: Ledger
    github: GitHub
    depot: Depot
    active_runs: ActiveRuns
    publisher: Publisher
    clock: Clock
    commands: Mapping[str, Command]
    internal: Mapping[str, Command]
    """What only events set off."""
    operator: Operator
    metrics: Metrics
    parsing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def step(self, claim: Claim) -> None:
        """Do whatever is due for this work item, and say when to come back."""
        item = await self.ledger.items.load(claim.work_item_id)
        structlog.contextvars.bind_contextvars(**audit.of_step(item))
        if claim.fencing_token == 1:  # the first step of all
            self._log.received(item)
        if self._is_hopeless(item):
            log.error("work_item_set_aside", failures=item.failures)
            return await self.ledger.queue.set_aside(claim)
        repository = self.github.at(
            item.comment.repo,
            item.comment.installation,
            absent=item.absent(trouble.ABSENCE_SECONDS, self.clock.now()),
        )
        reader = FactReader(
            item.comment, repository, self.depot, self.ledger, self.clock, self._verbs
        )
        try:
            done = await self._advance(claim, item, reader)
        except (GitHubError, DepotUnavailable) as error:
            done = StepDone(trouble=error)
        await self._release(claim, item, done)
        if repository.was_redirected:
            await self._keep_name(item, repository)

    async def _release(self, claim: Claim, item: WorkItem, done: StepDone) -> None:
        """Let go of a work item after a step, and pause where GitHub asks for that."""
        if done.trouble is None:
            return await self.ledger.queue.release(claim, done.wait, done.progress)
        log.warning("upstream_unavailable", error=str(done.trouble))
        asked = getattr(done.trouble, "retry_after", None)
        if isinstance(done.trouble, GitHubUnavailable) and asked:
            # GitHub's limits are for an hour.
            await self.ledger.write_budget.pause_writes(account(item), min(asked, HOUR))
        pause = FAILED_STEP.pause(item.failures, min(asked or 0.0, HOUR))
        await self.ledger.queue.release_failed(claim, pause, done.progress)

    async def _keep_name(self, item: WorkItem, repository: Repository) -> None:
        """Store what a repository is called that was renamed or transferred."""
        try:
            found = await repository.identity()
        except GitHubError as error:  # the next step is redirected, too
            log.warning("new_name_unknown", error=str(error))
            return
        # Another repository may have the name meanwhile.
        if item.comment.repo_id in {None, found.repo_id} and found.name != item.comment.repo:
            log.info("repository_renamed", was=item.comment.repo, repo=found.name)
            now = self.github.server_clock.now()
            await self.ledger.inbox.rename(found.repo_id, found.name, now)

    async def _advance(self, claim: Claim, item: WorkItem, reader: FactReader) -> StepDone:
        """All that can be done now. Raises GitHubError or DepotUnavailable when it is not even
        known whether there is something to do."""
        if item.comment.text:
            # In a thread, since somebody else wrote the Markdown.
            # One at a time: several would keep each other, and the event loop, from the processor.
            async with self.parsing:
                found = await asyncio.to_thread(find_command_lines, item.comment.text)
            is_its_turn = await self.ledger.items.add_commands(claim, found)
            if not found:
                return StepDone()
            item = await self.ledger.items.load(claim.work_item_id)
            self._log.received(item)
            if not is_its_turn:
                return StepDone(wait=0.0)
        facts = Facts.none()
        if item.is_undecided or item.goes_on:
            facts = await reader.known(self.operator.limits)
        refused = policy.decide_before_reading(item.comment, facts, self._bounds)
        is_begun = bool(item.start_attempts or item.pending_changes)
        if item.is_undecided and not is_begun and refused is not None and not refused.text:
            # Nothing is asked of anybody, and nothing said.
            await self._drop(claim, item, refused.reason)
            return StepDone()
        if not item.acknowledged:
            is_for_us, facts = await self._is_for_us(item, facts, reader)
            if not is_for_us:
                await self._drop(claim, item, Reason.BOT_NOT_ALLOWED)
                return StepDone()
        if item.comment.event is not None and not item.commands and item.is_undecided:
            lines, facts = await events.lines_set_off(
                item, facts, reader, is_new=self._is_new(item)
            )
            lines = await events.with_config_check_apart(self.ledger, item, lines)
            await self.ledger.items.add_commands(claim, lines)
            item = await self.ledger.items.load(claim.work_item_id)
            self._log.received(item)
        is_greeted = refused is None and item.is_undecided
        reacts = is_greeted and await self.publisher.reserve_reaction(item)
        reacting: asyncio.Task[None] | None = None
        if reacts:
            reacting = asyncio.create_task(
                self.publisher.react(item, reader.repository, reader.allows_reactions)
            )
        try:
            done = await self._carry_on(claim, item, facts, reader, has_reacted=reacts)
        except (GitHubUnavailable, DepotUnavailable) as error:
            done = StepDone(trouble=error)
        finally:
            if reacting is not None:
                await _finish(reacting)
        return replace(done, progress=replace(done.progress, acknowledged=True))

    async def _carry_on(
        self,
        claim: Claim,
        item: WorkItem,
        facts: Facts,
        reader: FactReader,
        *,
        has_reacted: bool,
    ) -> StepDone:
        """Decide, poll, render, publish."""
        was_undecided = item.is_undecided
        item, facts, wait = await self._decide(claim, item, facts, reader)
        item, polled = await self._poll(claim, item, facts, reader)
        if not was_undecided:
            item, again = await self._go_on(claim, item, facts, reader, polled)
            wait = sooner(wait, again)
        elif item.goes_on:
            wait = 0.0  # the first word of them does not wait for the second run
        wait = sooner(wait, _until(item.next_poll_at, self.clock.now()))
        if is_watched(item, self.clock.now()):
            wait = sooner(wait, WATCH_SECONDS)
        done = StepDone(wait, Progress(runs=tuple(polled)))
        text = reply_message.render(item)
        if item.comment.event is not None and not is_complete(item, text):
            try:
                facts = await reader.with_rules(facts)
            except GitHubError as error:  # whether anything may be said is not known
                return replace(done, trouble=error)
        if events.is_silenced(item, facts):
            return done
        return await self._publish(claim, item, text, facts, reader, done, has_reacted=has_reacted)

    async def _publish(
        self,
        claim: Claim,
        item: WorkItem,
        text: str,
        facts: Facts,
        reader: FactReader,
        done: StepDone,
        *,
        has_reacted: bool,
    ) -> StepDone:
        """Publish the reply that says *text*: the step with what came of that."""
        if text and events.is_config_check(item) and item.reply.comment_id is None:
            reply = await events.config_reply(self.ledger, item)
            if reply is None:
                return done
            item = replace(item, reply=reply) if reply.comment_id is not None else item
        role = policy.acting_role(item.comment, facts)

        async def may_write() -> bool:
            nonlocal role
            if role is None:
                try:
                    role = await reader.role()
                except (NotFound, Forbidden):
                    role = Permission.NONE
            return role >= Permission.WRITE

        if role is not None and await may_write():
            item = replace(item, author_may_write=True)
        if announcements.is_due(item):
            facts = await reader.with_rules_if_there(facts)
        is_reaction_next = bool(self._announced(item, facts).reaction)
        try:
            writing = Writing(
                claim, reader.repository, text, may_write, has_reacted, is_reaction_next
            )
            published = await self.publisher.publish(item, writing)
        except GitHubUnavailable as error:
            return replace(done, trouble=error)
        if item.reply.comment_id is None and published.reply.comment_id is not None:
            self.metrics.count_reply(audit.since_webhook(item, self.clock.now()))
        is_known = role is not None and role >= Permission.WRITE
        progress = replace(done.progress, author_may_write=is_known)
        if published.reply != item.reply:
            progress = replace(progress, reply=published.reply)
        done = StepDone(sooner(done.wait, published.wait), progress)
        item = replace(item, reply=published.reply)
        if item.reply.is_gone or not (
            reply_message.says(item.reply.text, text) or is_complete(item, text)
        ):
            return done
        if not announcements.is_due(item):
            awaits_end = any(run.awaited_end == "" for run in item.runs)
            return replace(done, progress=replace(done.progress, awaits_end=awaits_end))
        return await self._announce(claim, item, facts, reader, done, may_react=published.may_react)

    async def _announce(
        self,
        claim: Claim,
        item: WorkItem,
        facts: Facts,
        reader: FactReader,
        done: StepDone,
        *,
        may_react: bool,
    ) -> StepDone:
        """Have the author hear how the runs ended, once the reply says it."""
        try:
            facts = await reader.with_rules(facts)
            announced = self._announced(item, facts)
            wait = await self.publisher.announce(
                claim, item, reader.repository, announced, may_react=may_react
            )
        except GitHubError as error:
            return replace(done, trouble=error)
        if wait is not None:
            return replace(done, wait=sooner(done.wait, wait))
        return replace(done, progress=replace(done.progress, end_announced=True))

    def _announced(self, item: WorkItem, facts: Facts) -> Announcement:
        """What the author is to hear once the reply says how the runs ended."""
        if not announcements.is_due(item):
            return Announcement()
        seen = (run.read_at for run in item.runs if run.read_at is not None)
        ended_at = max(seen, default=self.clock.now()) - self._ahead
        return announcements.announcement(item, facts.config, ended_at)

    # --- whose comment it is ---------------------------------------------------------------------

    async def _is_for_us(
        self, item: WorkItem, facts: Facts, reader: FactReader
    ) -> tuple[bool, Facts]:
        """Not our own comments; those of other bots only where the repository names them, and not
        without end: two bots could keep each other talking."""
        comment = item.comment
        if comment.event is not None:
            return True, facts
        is_person = not comment.author.is_bot
        if is_person and self.github.is_app:
            return True, facts  # an App's own account is a bot, whatever it is called
        if comment.author.login == await self.github.login():
            return False, facts
        if is_person:
            return True, facts
        try:
            facts = await reader.with_rules(facts)
        except GitHubError as error:
            if self._is_new(item):
                raise
            log.warning("rules_unavailable", error=str(error))
            return False, facts
        if not facts.config.lets(comment.author.login):
            return False, facts
        count = await self.ledger.pull_requests.count_commands(
            comment.repo, policy.LIMIT_SECONDS, author=comment.author.login, number=comment.number
        )
        return count <= BOT_LIMIT, facts

    # --- deciding --------------------------------------------------------------------------------

    async def _decide(
        self, claim: Claim, item: WorkItem, facts: Facts, reader: FactReader
    ) -> tuple[WorkItem, Facts, float | None]:
        """Decide the commands in order, up to the first that has to wait; seconds until then."""
        was_searching = any(attempt.outcome == "open" for attempt in item.start_attempts)
        for command in item.commands:
            if command.decided:
                continue
            with structlog.contextvars.bound_contextvars(
                **audit.of_command(item, command.command_id)
            ):
                outcome, facts = await self._outcome(claim, item, command, facts, reader)
            if isinstance(outcome, RetryLater):
                await self._postpone(claim, command.command_id, outcome)
                postponed = replace(
                    command,
                    answer=outcome.text,
                    troubled_since=outcome.troubled_since,
                    absence=outcome.absence,
                )
                if facts.started_several:
                    item = await self.ledger.items.load(claim.work_item_id)
                return item.with_command(postponed), facts, outcome.seconds
            text = outcome.text if isinstance(outcome, Answer) else ""
            runs = outcome.runs if isinstance(outcome, TrackRuns) else ()
            await self.ledger.items.save_decision(
                claim,
                command.command_id,
                outcome.reason,
                text,
                runs,
                outcome.settles,
                outcome.times if isinstance(outcome, TrackRuns) else 1,
            )
            self._log.decided(item, command.command_id, outcome.reason, runs)
            decided = replace(command, decided=True, reason=outcome.reason, answer=text)
            if isinstance(outcome, TrackRuns) and outcome.times > 1:
                decided = replace(decided, series=Series(outcome.times))
            item = item.with_command(decided, runs)
        if was_searching or facts.started_several:
            item = await self.ledger.items.load(claim.work_item_id)
        return item, facts, None

    @property
    def _ahead(self) -> float:
        """Seconds by which our clock is ahead of GitHub's."""
        return self.clock.now() - self.github.server_clock.now()

    def _latest_start(self, item: WorkItem, command: models.Command | None = None) -> float:
        """Until when, by our clock, a run may be started for it, or for a command of it: of several
        runs of the same that binds the first, and none is started once that has ended."""
        if command is not None and command.series is not None:
            return math.inf if item.may_start_more(command) else 0.0
        return item.comment.written_at + self._ahead + policy.LATE_SECONDS

    def _is_new(self, item: WorkItem) -> bool:
        """Whether something may still be started for it."""
        return self.clock.now() <= self._latest_start(item)

    def _is_hopeless(self, item: WorkItem) -> bool:
        since = item.failing_since
        return since is not None and self.clock.now() - since > ABANDON_SECONDS

    async def _drop(self, claim: Claim, item: WorkItem, reason: Reason) -> None:
        """Decide, without a word, what is not decided yet."""
        for command in item.commands:
            if not command.decided:
                await self.ledger.items.save_decision(claim, command.command_id, reason, "")
                self._log.decided(item, command.command_id, reason)
        if not item.commands:
            await self.ledger.items.add_commands(claim, [])

    # --- several runs of the same ----------------------------------------------------------------

    async def _go_on(
        self,
        claim: Claim,
        item: WorkItem,
        facts: Facts,
        reader: FactReader,
        polled: Sequence[TrackedRun],
    ) -> tuple[WorkItem, float | None]:
        """Start one more run for each command that wants several of the same, where there is room:
        it is decided like the first. Seconds until there is more to do; *polled* are the runs as
        this step has seen them."""
        due = [command for command in item.commands if series.wants_another(item, command)]
        facts = facts.of_a_counted_command()
        wait: float | None = None
        for command in due:
            command_id = command.command_id
            with structlog.contextvars.bound_contextvars(**audit.of_command(item, command_id)):
                outcome, facts = await self._outcome(claim, item, command, facts, reader)
                match outcome:
                    case TrackRuns():
                        await self.ledger.items.save_next_start(
                            claim, command_id, outcome.runs, outcome.settles
                        )
                        if await self.ledger.items.is_stopped(command_id):
                            await self._runs(claim, item).cancel_late(outcome.runs)
                        wait = 0.0
                    case RetryLater():
                        await self._postpone(claim, command_id, outcome)
                        wait = sooner(wait, outcome.seconds)
                    case Answer():
                        log.info("series_stopped", reason=outcome.reason)
                        await self.ledger.items.save_stop(
                            claim, command_id, outcome.reason, outcome.text, outcome.settles
                        )
        if due:
            item = (await self.ledger.items.load(item.work_item_id)).with_runs(polled)
        is_full = not any(series.wants_another(item, command) for command in item.commands)
        return item, None if is_full else wait

    # --- one command -----------------------------------------------------------------------------

    async def _outcome(
        self,
        claim: Claim,
        item: WorkItem,
        command: models.Command,
        facts: Facts,
        reader: FactReader,
    ) -> tuple[Outcome, Facts]:
        """What a command comes to in this step, and what is known after it."""
        step = CommandStep(
            claim,
            command,
            self._runs(claim, item, command),
            self._latest_start,
            reader,
            self.github,
            self.commands,
            self.internal,
            self._bounds,
        )
        return await step.outcome(item, facts)

    async def _postpone(self, claim: Claim, command_id: CommandId, outcome: RetryLater) -> None:
        await self.ledger.items.save_postponement(
            claim,
            command_id,
            outcome.text,
            outcome.troubled_since,
            outcome.absence,
            keeps_turn=outcome.keeps_turn,
        )

    # --- polling ---------------------------------------------------------------------------------

    async def _poll(
        self, claim: Claim, item: WorkItem, facts: Facts, reader: FactReader
    ) -> tuple[WorkItem, Sequence[TrackedRun]]:
        """Poll the runs that are due, side by side: the work item after that, and these runs."""
        if is_watched(item, self.clock.now()):
            runs = self._runs(claim, item)
            try:
                await self.ledger.items.track_runs(claim, await runs.late(item))
                item = await self.ledger.items.load(claim.work_item_id)
            except DepotError as error:  # tried again at the next search
                log.warning("lost_start_lookup_failed", error=str(error))

        async def quotable() -> frozenset[Detail]:
            found, _ = await in_turns(
                lambda known: policy.quotable(item.comment, known, self._bounds), facts, reader
            )
            return found

        known = KnownFailures(item.comment, reader.repository, self.depot, self.ledger)
        now = self.clock.now()
        due = [run for run in item.runs if run.poll_due_at is not None and run.poll_due_at <= now]
        polled = await asyncio.gather(
            *(
                run_poller.poll(self.depot, self.active_runs, self.clock, run, quotable, known.look)
                for run in due
            )
        )
        polls = list(zip(due, polled, strict=True))
        for run in (after for before, after in polls if _has_ended(before, after)):
            self._log.ended(item, run)
        await self._keep_flaky(item.with_runs(polled), polled)
        failed = [after for before, after in polls if _has_failed(before, after)]
        again = await self._retried_by_rule(claim, item, failed, facts, reader)
        read = [after for before, after in polls if after.read_at != before.read_at]
        late = series.outliving_cancel(item, read)
        again += await self._runs(claim, item).cancel_late(late)
        if again:
            item = await self.ledger.items.load(claim.work_item_id)
            polled = [run for run in polled if run not in again]
        return item.with_runs(polled), polled

    async def _keep_flaky(self, item: WorkItem, polled: Sequence[TrackedRun]) -> None:
        """Keep what failed in some of several runs of the same, and passed in others."""
        for command_id in {run.command_id for run in polled if run.number and run.is_over}:
            runs = item.runs_of(command_id)
            count = series.tally(runs)
            if count.passed and count.failed:
                failed = [run.run.run_id for run in runs if run.run.status == "failed"]
                await self.ledger.job_failures.save_passed(failed)

    async def _retried_by_rule(
        self,
        claim: Claim,
        item: WorkItem,
        failed: Sequence[TrackedRun],
        facts: Facts,
        reader: FactReader,
    ) -> list[TrackedRun]:
        """Those of the runs that have just failed that go again by themselves."""
        if not failed:
            return []
        try:
            facts = await reader.with_rules(facts)
        except GitHubError as error:
            log.warning("rules_unavailable", error=str(error))
            return []
        runs = self._runs(claim, item)
        return [run for run in failed if await runs.retry_by_rule(item, run, facts.config)]

    def _runs(self, claim: Claim, item: WorkItem, command: models.Command | None = None) -> Runs:
        """What starts and changes runs for a work item, or a command of it."""
        latest, started = self._latest_start(item, command), partial(self._log.started, item)
        return Runs(self.depot, self.ledger, self.clock, claim, latest, started)

    @property
    def _log(self) -> CommandLog:
        return CommandLog(self.metrics, self.clock)

    @property
    def _verbs(self) -> dict[str, type]:
        return arguments_by_verb(self.commands)

    @property
    def _bounds(self) -> Bounds:
        permissions = {verb: known.required_permission for verb, known in self.commands.items()}
        return Bounds(self.operator.repositories, permissions)


async def _finish(reacting: asyncio.Task[None]) -> None:
    """Wait for a reaction that is on its way, but not for long: the run is to be followed."""
    await asyncio.wait({reacting}, timeout=REACTION_SECONDS)
    if reacting.cancel():
        log.warning("reaction_failed", error="GitHub does not answer")
    await asyncio.gather(reacting, return_exceptions=True)


def _has_ended(before: TrackedRun, after: TrackedRun) -> bool:
    """Whether a poll showed the end of a run, or of another attempt of it."""
    return bool(after.end) and (not before.end or len(after.attempts) > len(before.attempts))


def _has_failed(before: TrackedRun, after: TrackedRun) -> bool:
    """Whether a poll showed a failure that a rule may try again. Of several runs of the same none
    is: how often they fail is to be seen."""
    is_new = after.is_over and not before.run.is_over
    return is_new and after.run.status == "failed" and not after.number


def _until(moment: float | None, now: float) -> float | None:
    return None if moment is None else max(0.0, moment - now)
