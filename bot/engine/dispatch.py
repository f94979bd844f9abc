"""One step of one work item: acknowledge, decide its commands, poll its runs, publish the reply.

Nothing else posts. What is decided, and in which order, is in `bot.engine.decide`; the sentences
are in `bot.messages`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

import structlog

from bot.core.backoff import FAILED_STEP
from bot.core.clock import Clock
from bot.core.errors import Refused
from bot.core.events import CommandLine
from bot.core.models import Claim, Reply, TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.types import Permission
from bot.depot.client import Depot, DepotError, DepotUnavailable
from bot.engine import run_poller, start
from bot.engine.decide import Decider
from bot.engine.start import Starter
from bot.engine.visit import Visit
from bot.github.api import GitHub
from bot.github.errors import Forbidden, GitHubError, GitHubUnavailable, NotFound
from bot.github.repository import Repository
from bot.messages import reply as reply_message
from bot.rules import automations, policy
from bot.rules.repository_config import Config
from bot.storage.ledger import Ledger

EDIT_SECONDS = 10.0
"""Pause between two edits of a reply whose runs are still under way."""

KEEP_FOR_RESULTS = 60
"""Writes of an hour's budget that reactions and passing states leave for replies and results."""

EVENT_TRIES = 8
"""How often it is tried to find out what follows on a happening."""

WATCH_SECONDS = 10.0
"""Pause between two looks for a run of a lost start that comes to light late."""

BOT_LIMIT = 10
"""Commands of one bot under one pull request in an hour."""

ABANDON_SECONDS = 24 * 3600.0
"""A request whose steps fail for so long is left alone."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Dispatcher:
    """Works on claimed requests."""

    ledger: Ledger
    github: GitHub
    depot: Depot
    active_runs: run_poller.ActiveRuns
    clock: Clock
    decider: Decider

    async def step(self, claim: Claim) -> None:
        """Do whatever is due for this request, and say when to come back."""
        request = await self.ledger.load(claim.work_item_id)
        if self._is_hopeless(request):
            log.error("given up for good", failures=request.failures)
            await self._drop(claim, request, Reason.GIVEN_UP)
            return await self.ledger.release(claim, None)
        repository = self.github.at(request.comment.repo, request.comment.installation)
        try:
            wait, looked = await self._advance(claim, request, repository)
        except (GitHubUnavailable, DepotUnavailable) as trouble:
            log.warning("upstream trouble", error=str(trouble))
            if isinstance(trouble, GitHubUnavailable) and trouble.retry_after:
                await self.ledger.pause_writes(_account(request), trouble.retry_after)
            pause = FAILED_STEP.pause(request.failures, trouble.retry_after)
            return await self.ledger.release_failed(claim, pause)
        await self.ledger.release(claim, wait, looked)

    def _is_hopeless(self, request: WorkItem) -> bool:
        since = request.failing_since
        return since is not None and self.clock.now() - since > ABANDON_SECONDS

    async def _advance(
        self, claim: Claim, request: WorkItem, repository: Repository
    ) -> tuple[float | None, Sequence[TrackedRun]]:
        """All that can be done now; seconds until there is more, or none when all is done. And
        the runs that were looked at and have not moved, which is still to be stored."""
        async with Visit(request, repository, self.ledger, self.decider.verbs) as visit:
            is_new = not request.acknowledged
            if is_new and not await self._is_for_us(visit):
                await self._drop(claim, request, Reason.BOT_NOT_ALLOWED)
                return None, ()
            if request.comment.event is not None and not request.commands:
                await self.ledger.add_commands(claim, await self._following(visit))
                visit.request = request = await self.ledger.load(claim.work_item_id)
            acknowledging = asyncio.create_task(self._acknowledge(claim, visit))
            try:
                wait = await self.decider.decide(claim, visit)
            finally:
                await acknowledging
            if any(not command.decided for command in request.commands):
                request = await self.ledger.load(claim.work_item_id)
            request, unmoved = await self._follow(claim, request)
            if start.is_watched(request, self.clock.now()):
                wait = _sooner(wait, WATCH_SECONDS)
            if await self._is_silenced(visit):
                return _sooner(wait, self._until_next_look(request)), unmoved
            return _sooner(wait, await self._reply(claim, request, repository)), unmoved

    async def _is_for_us(self, visit: Visit) -> bool:
        """Our own comments are not; those of other bots only where the repository names them,
        and not without end: two bots could keep each other talking."""
        comment = visit.request.comment
        if comment.event is not None:
            return True
        if comment.author.login == await self.github.login():
            return False
        if not comment.author.is_bot:
            return True
        try:
            named = {login.lower() for login in (await visit.config()).bots}
        except Refused:
            return False
        if comment.author.login.lower() not in named:
            return False
        said = await self.ledger.count_commands(
            comment.repo, policy.LIMIT_SECONDS, author=comment.author.login, number=comment.number
        )
        return said <= BOT_LIMIT

    async def _drop(self, claim: Claim, request: WorkItem, reason: Reason) -> None:
        """Decide, without a word, what is not decided yet."""
        for command in request.commands:
            if not command.decided:
                await self.ledger.save_decision(claim, command.command_id, reason, "")
                self.decider.count(reason)
        if not request.commands:
            await self.ledger.add_commands(claim, [])

    async def _following(self, visit: Visit) -> list[CommandLine]:
        """The command lines that follow on what happened."""
        happening = visit.request.comment.event
        assert happening is not None
        try:
            config = await visit.config()
        except Refused as no:
            log.warning("automations passed over", reason=no.reason)
            config = Config()  # without automations; the file's own verdict is still due
        try:
            if happening.kind == "review_approved" and not await self._may_set_off(visit):
                return []
            changed: list[str] = []
            if automations.needs_paths(config, happening):
                changed = await visit.repository.changed_paths(visit.request.comment.number)
        except GitHubUnavailable:
            if visit.request.failures < EVENT_TRIES:
                raise
            log.warning("automations passed over: GitHub does not answer")
            return []
        except GitHubError as error:
            log.warning("automations passed over", error=str(error))
            return []
        return automations.lines(config, happening, changed)

    async def _may_set_off(self, visit: Visit) -> bool:
        """Everybody who may read may approve; what follows is for those who may write."""
        return await visit.own_permission() >= Permission.WRITE

    async def _acknowledge(self, claim: Claim, visit: Visit) -> None:
        """Put 👀 on the comment. Only a courtesy: no failure of it stops anything."""
        request = visit.request
        if request.acknowledged or request.comment.event is not None:
            return
        try:
            may = not await self.ledger.reserve_write(_account(request), keep=KEEP_FOR_RESULTS)
            if may and "reactions" not in await visit.silence():
                await visit.repository.react(request.comment.source, request.comment.comment_id)
        except GitHubError as error:
            log.warning("no reaction", error=str(error))
        await self.ledger.save_acknowledgement(claim)

    async def _is_silenced(self, visit: Visit) -> bool:
        is_automation = visit.request.comment.event is not None
        return is_automation and "automations" in await visit.silence()

    # --- following and answering -----------------------------------------------------------------

    async def _follow(
        self, claim: Claim, request: WorkItem
    ) -> tuple[WorkItem, Sequence[TrackedRun]]:
        """Look at the runs that are due, side by side; the request as it is after that.

        A run that moved is stored at once, before anybody is told. Those that have not moved are
        returned, to be stored at the end.
        """
        if start.is_watched(request, self.clock.now()):
            starter = Starter(self.depot, self.ledger, self.clock, claim)
            try:
                await self.ledger.track_runs(claim, await starter.late(request))
                request = await self.ledger.load(claim.work_item_id)
            except DepotError as error:  # tried again at the next look
                log.warning("no look for a lost start", error=str(error))
        now = self.clock.now()
        due = [
            run for run in request.runs if run.next_poll_at is not None and run.next_poll_at <= now
        ]
        looked = await asyncio.gather(*(self._look(run) for run in due))
        unmoved = []
        for before, after in zip(due, looked, strict=True):
            if after == replace(before, polls=after.polls, next_poll_at=after.next_poll_at):
                unmoved.append(after)
            else:
                await self.ledger.save_run(claim, after)
        found = {(run.command_id, run.run.run_id): run for run in looked}
        runs = tuple(found.get((run.command_id, run.run.run_id), run) for run in request.runs)
        return replace(request, runs=runs), unmoved

    async def _look(self, run: TrackedRun) -> TrackedRun:
        return await run_poller.poll(self.depot, self.active_runs, self.clock, run)

    def _until_next_look(self, request: WorkItem) -> float | None:
        """Seconds until the next of a request's runs is looked at; none when none is followed."""
        looks = [run.next_poll_at for run in request.runs if run.next_poll_at is not None]
        return max(0.0, min(looks) - self.clock.now()) if looks else None

    async def _reply(self, claim: Claim, request: WorkItem, repository: Repository) -> float | None:
        """Make the reply say how things stand; seconds until there may be more to say."""
        now = self.clock.now()
        wait = self._until_next_look(request)
        text = reply_message.render(request)
        if text in {"", request.reply.text}:
            return wait
        reply = request.reply
        if reply.comment_id is None and reply.attempted:
            try:
                reply = await self._find(claim, request, repository)
            except (NotFound, Forbidden) as error:
                # Without a look it could be posted twice.
                log.warning("the reply cannot be looked for", error=str(error))
                return wait
        if reply.comment_id is None:
            if turn := await self.ledger.reserve_write(_account(request)):
                return _sooner(wait, turn)
            await self._post(claim, request, repository, text)
            return wait
        if text == reply.text:
            return wait
        is_last = wait is None and all(command.decided for command in request.commands)
        is_news = reply_message.decided(text) != reply_message.decided(reply.text)
        since_last = now - (reply.written_at or 0.0)
        if not is_last and not is_news and since_last < EDIT_SECONDS:
            return _sooner(wait, EDIT_SECONDS - since_last)
        keep = 0 if is_last or is_news else KEEP_FOR_RESULTS
        if turn := await self.ledger.reserve_write(_account(request), keep=keep):
            return _sooner(wait, turn)  # what changes until then goes into the same edit
        try:
            await repository.edit_comment(reply.comment_id, text)
        except (NotFound, Forbidden) as error:
            # Somebody deleted the reply, or locked the thread: not written a second time.
            log.warning("the reply cannot be edited", error=str(error))
        await self.ledger.save_reply(claim, reply.comment_id, text)
        return wait

    async def _find(self, claim: Claim, request: WorkItem, repository: Repository) -> Reply:
        """The reply that was posted before a crash, or whose answer was lost, if there is one."""
        # `since` is by GitHub's clock; a reply cannot be older than what it answers.
        async for comment in repository.own_comments(
            request.comment.number, since=request.comment.written_at - 1
        ):
            if reply_message.answers(comment.body) == request.work_item_id:
                await self.ledger.save_reply(claim, comment.comment_id, comment.body)
                return Reply(comment.comment_id, True, comment.body)
        return request.reply

    async def _post(
        self, claim: Claim, request: WorkItem, repository: Repository, text: str
    ) -> None:
        """Post the reply; from now on it is looked for before it is posted again."""
        await self.ledger.save_reply_attempt(claim)
        try:
            comment_id = await repository.comment(request.comment.number, text)
        except (NotFound, Forbidden) as error:
            log.warning("the reply cannot be posted", error=str(error))
            return
        await self.ledger.save_reply(claim, comment_id, text)


def _account(request: WorkItem) -> str:
    """Whose budget of writes at GitHub a request draws on."""
    return f"installation {request.comment.installation or 'unknown'}"


def _sooner(one: float | None, other: float | None) -> float | None:
    waits = [wait for wait in (one, other) if wait is not None]
    return min(waits, default=None)
