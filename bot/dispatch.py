"""One request, one step: acknowledge, decide its commands in order, look at its runs, answer.

The order of decisions, the place where errors become words, and the one mouth are here. What each
command does is in `bot.commands`; who may is in `bot.policy`; the sentences are in `bot.replies`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot import automations, follow, policy, replies, start
from bot.clock import Clock
from bot.commands.base import Answer, Command, Follow, Said, Wait
from bot.config import Config
from bot.depot import Depot, DepotError, DepotRefused, DepotUnavailable
from bot.errors import Misreading, Refused
from bot.github import Forbidden, GitHub, GitHubError, GitHubUnavailable, NotFound, Repository
from bot.grammar import MAX_COMMANDS, read
from bot.here import PullRequestHere, Visit
from bot.ledger import LeaseLost, Ledger
from bot.records import Claim, FollowedRun, Request
from bot.records import Command as Row
from bot.settings import Operator
from bot.start import Starter
from bot.store import LedgerUnavailable
from bot.types import CommandLine, Permission

TROUBLE_SECONDS = 15 * 60.0
"""How long a command is tried while GitHub or Depot does not answer."""

EDIT_SECONDS = 10.0
"""Pause between two edits of a reply whose runs are still under way."""

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
    board: follow.Board
    clock: Clock
    commands: Mapping[str, Command]
    internal: Mapping[str, Command]
    """What follows on happenings only."""
    operator: Operator

    async def step(self, claim: Claim) -> None:
        """Do whatever is due for this request, and say when to come back."""
        request = await self.ledger.load(claim.request_id)
        if self._is_hopeless(request):
            log.error("given up for good", failures=request.failures)
            return await self.ledger.rest(claim, None)
        repository = self.github.at(request.comment.repo, request.comment.installation)
        try:
            wait = await self._advance(claim, request, repository)
        except (GitHubUnavailable, DepotUnavailable) as trouble:
            log.warning("upstream trouble", error=str(trouble))
            return await self.ledger.fail(claim, _backoff(request.failures, trouble.retry_after))
        await self.ledger.rest(claim, wait)

    def _is_hopeless(self, request: Request) -> bool:
        since = request.failing_since
        return since is not None and self.clock.now() - since > ABANDON_SECONDS

    async def _advance(
        self, claim: Claim, request: Request, repository: Repository
    ) -> float | None:
        """All that can be done now; seconds until there is more, or none when all is done."""
        verbs = {verb: command.words for verb, command in self.commands.items()}
        async with Visit(request, repository, self.ledger, verbs) as visit:
            if not await self._is_for_us(visit):
                await self._drop(claim, request)
                return None
            if request.comment.happening is not None and not request.commands:
                await self.ledger.add_commands(claim, await self._following(visit))
                visit.request = request = await self.ledger.load(claim.request_id)
            acknowledging = asyncio.create_task(self._acknowledge(claim, visit))
            try:
                wait = await self._decide(claim, visit)
            finally:
                await acknowledging
            request = await self._follow(claim)
            if start.is_watched(request, self.clock.now()):
                wait = _sooner(wait, WATCH_SECONDS)
            if await self._is_silenced(visit):
                return _sooner(wait, self._until_next_look(request))
            return _sooner(wait, await self._reply(claim, request, repository))

    async def _is_for_us(self, visit: Visit) -> bool:
        """Our own comments are not; those of other bots only where the repository names them,
        and not without end: two bots could keep each other talking."""
        comment = visit.request.comment
        if comment.happening is not None:
            return True
        if not comment.author.is_bot:
            return comment.author.login != await self.github.login()
        try:
            named = {login.lower() for login in (await visit.config()).bots}
        except Refused:
            return False
        if comment.author.login.lower() not in named:
            return False
        since = self.clock.now() - policy.LIMIT_SECONDS
        said = await self.ledger.count_commands(
            comment.repo, since, author=comment.author.login, number=comment.number
        )
        return said <= BOT_LIMIT

    async def _drop(self, claim: Claim, request: Request) -> None:
        for command in request.commands:
            await self.ledger.decided(claim, command.command_id, "bot-not-allowed", "")

    async def _following(self, visit: Visit) -> list[CommandLine]:
        """The command lines that follow on what happened."""
        happening = visit.request.comment.happening
        assert happening is not None
        try:
            config = await visit.config()
        except Refused as no:
            log.warning("automations passed over", reason=no.reason)
            return []
        changed: list[str] = []
        if automations.needs_paths(config, happening):
            changed = await visit.repository.changed_paths(visit.request.comment.number)
        return automations.lines(config, happening, changed)

    async def _acknowledge(self, claim: Claim, visit: Visit) -> None:
        """Put 👀 on the comment. Only a courtesy: no failure of it stops anything."""
        request = visit.request
        if request.acknowledged or request.comment.happening is not None:
            return
        try:
            if "reactions" not in await self._silence(visit):
                await visit.repository.react(request.comment.source, request.comment.comment_id)
        except GitHubError as error:
            log.warning("no reaction", error=str(error))
        await self.ledger.acknowledged(claim)

    async def _silence(self, visit: Visit) -> Sequence[str]:
        """What the repository does not want to be posted; a broken config silences nothing."""
        try:
            return (await visit.config()).silence
        except Refused:
            return ()

    async def _is_silenced(self, visit: Visit) -> bool:
        is_automation = visit.request.comment.happening is not None
        return is_automation and "automations" in await self._silence(visit)

    # --- deciding --------------------------------------------------------------------------------

    async def _decide(self, claim: Claim, visit: Visit) -> float | None:
        """Decide the commands in order, up to the first that has to wait."""
        starter = Starter(self.depot, self.ledger, self.clock, claim)
        for row in visit.request.commands:
            if not row.decided:
                answer = await self._answer(row, visit, starter)
                if isinstance(answer, Wait):
                    await self.ledger.undecided(
                        claim, row.command_id, answer.text, answer.troubled_since
                    )
                    return answer.seconds
                await self._store(claim, row, answer)
        return None

    async def _store(self, claim: Claim, row: Row, answer: Said | Follow) -> None:
        text = answer.text if isinstance(answer, Said) else ""
        runs = answer.runs if isinstance(answer, Follow) else ()
        await self.ledger.decided(claim, row.command_id, answer.reason, text, runs, answer.closes)
        log.info("decided", command=row.command_id, reason=answer.reason)

    async def _answer(self, row: Row, visit: Visit, starter: Starter) -> Answer:
        """What a command comes to: the one place where its errors become words."""
        try:
            return await self._attempt(row, visit, starter)
        except Refused as no:
            is_silent = await self._is_silent(no.reason, visit)
            return Said("" if is_silent else no.text, reason=no.reason)
        except (NotFound, Forbidden) as error:
            log.warning("github refuses", error=str(error), command=row.command_id)
            return Said(replies.github_refused(row.command_id), reason="github-refused")
        except DepotRefused as no:
            return Said(replies.depot_refused(no.code, no.message), reason=f"depot-{no.code}")
        except (GitHubError, DepotError) as trouble:
            return await self._in_trouble(row, visit.request, trouble)
        except (LeaseLost, LedgerUnavailable):
            raise
        except Exception:
            log.exception("command failed", command=row.command_id)
            return Said(replies.internal_error(row.command_id), reason="internal-error")

    async def _is_silent(self, reason: str, visit: Visit) -> bool:
        """Whether a refusal is kept to ourselves."""
        if visit.request.comment.happening is not None and reason in automations.QUIET:
            return True
        return reason.startswith("not-") and "refusals" in await self._silence(visit)

    async def _attempt(self, row: Row, visit: Visit, starter: Starter) -> Answer:
        """The order of decisions (design.md, "Who may start what")."""
        request = visit.request
        comment = request.comment
        if (intent := request.open_intent(row.command_id)) is not None:
            # A call may have been made already: what it did comes before any other question.
            return await starter.resume(intent, is_second=request.has_lost_start(row.command_id))
        if len(request.commands) > MAX_COMMANDS:
            raise Refused("too-many-commands", replies.too_many_commands())
        config, verb, command, typed = await self._parsed(row, visit)
        if command.reads_nothing:
            here = PullRequestHere(
                visit, self.commands, starter, row, verb, typed, config, Permission.NONE
            )
            return await command.act(typed, here)
        policy.check_repository(comment.repo, self.operator.repositories)
        policy.check_limits(await self._usage(request))
        needs = config.needs(verb, command.needs)
        if command.needs_for is not None:
            needs = max(needs, command.needs_for(typed, row.line))
        if needs is not Permission.NONE:
            policy.check_age(comment.written_at, request.received_at)
        has = await visit.permission()
        may = [v for v, known in self.commands.items() if config.needs(v, known.needs) <= has]
        policy.check_permission(verb, needs, has, may)
        here = PullRequestHere(visit, self.commands, starter, row, verb, typed, config, has)
        return await command.act(typed, here)

    async def _parsed(self, row: Row, visit: Visit) -> tuple[Config, str, Command, Any]:
        """What a line says, with the repository's aliases; the config they are from."""
        known = dict(self.commands)
        if visit.request.comment.happening is not None:
            known.update(self.internal)
        verbs = {verb: command.words for verb, command in known.items()}
        typed = read(row.line.text, verbs)
        config = Config()
        if isinstance(typed, Misreading) or not known[_verb(typed, verbs)].reads_nothing:
            visit.begin()
            config = await visit.config()
            typed = read(config.expand(row.line.text), verbs)
        if isinstance(typed, Misreading):
            shown = {verb: command.words for verb, command in self.commands.items()}
            raise Refused("misread", replies.misreading(typed, shown))
        verb = _verb(typed, verbs)
        return config, verb, known[verb], typed

    async def _usage(self, request: Request) -> policy.Usage:
        """How many commands there were in the last hour; automations are not counted."""
        comment, limits = request.comment, self.operator.limits
        if comment.happening is not None:
            return policy.Usage(0, 0, limits.per_person, limits.per_repository)
        since = self.clock.now() - policy.LIMIT_SECONDS
        return policy.Usage(
            by_person=await self.ledger.count_commands(
                comment.repo, since, author=comment.author.login
            ),
            in_repository=await self.ledger.count_commands(comment.repo, since),
            per_person=limits.per_person,
            per_repository=limits.per_repository,
        )

    async def _in_trouble(
        self, row: Row, request: Request, trouble: GitHubError | DepotError
    ) -> Answer:
        """GitHub or Depot does not answer: try for a while, and say so."""
        log.warning("upstream trouble", error=str(trouble), command=row.command_id)
        who = "Depot" if isinstance(trouble, DepotError) else "GitHub"
        now = self.clock.now()
        since = row.troubled_since or now
        if now - since < TROUBLE_SECONDS:
            pause = min(max((now - since) / 2, 2.0), 60.0)  # grows with the trouble
            asked = getattr(trouble, "retry_after", None) or 0.0
            return Wait(max(pause, asked), replies.trying(who), since)
        request = await self.ledger.load(request.request_id)
        if (intent := request.open_intent(row.command_id)) is not None:
            lost = replace(intent, outcome="lost")
            return Said(replies.start_unknown(), reason="start-unknown", closes=lost)
        minutes = int(TROUBLE_SECONDS // 60)
        return Said(replies.gave_up(who, minutes, row.command_id), reason="could-not-ask")

    # --- following and answering -----------------------------------------------------------------

    async def _follow(self, claim: Claim) -> Request:
        """Look at the runs that are due, side by side; the request as it is after that."""
        request = await self.ledger.load(claim.request_id)
        starter = Starter(self.depot, self.ledger, self.clock, claim)
        if start.is_watched(request, self.clock.now()):
            await self.ledger.add_runs(claim, await starter.late(request))
        now = self.clock.now()
        due = [
            run for run in request.runs if run.next_look_at is not None and run.next_look_at <= now
        ]
        for looked in await asyncio.gather(*(self._look(run) for run in due)):
            await self.ledger.looked(claim, looked)
        return await self.ledger.load(claim.request_id)

    async def _look(self, run: FollowedRun) -> FollowedRun:
        return await follow.look(self.depot, self.board, self.clock, run)

    def _until_next_look(self, request: Request) -> float | None:
        """Seconds until the next of a request's runs is looked at; none when none is followed."""
        looks = [run.next_look_at for run in request.runs if run.next_look_at is not None]
        return max(0.0, min(looks) - self.clock.now()) if looks else None

    async def _reply(self, claim: Claim, request: Request, repository: Repository) -> float | None:
        """Make the reply say how things stand; seconds until there may be more to say."""
        now = self.clock.now()
        wait = self._until_next_look(request)
        text = replies.reply(request)
        if text in {"", request.reply.text}:
            return wait
        if request.reply.comment_id is None:
            await self._post(claim, request, repository, text)
            return wait
        is_last = wait is None and all(command.decided for command in request.commands)
        is_news = replies.decided(text) != replies.decided(request.reply.text)
        since_last = now - (request.reply.written_at or 0.0)
        if not is_last and not is_news and since_last < EDIT_SECONDS:
            return _sooner(wait, EDIT_SECONDS - since_last)
        try:
            await repository.edit_comment(request.reply.comment_id, text)
        except (NotFound, Forbidden) as error:
            # Somebody deleted the reply, or locked the thread: not written a second time.
            log.warning("the reply cannot be edited", error=str(error))
        await self.ledger.replied(claim, request.reply.comment_id, text)
        return wait

    async def _post(
        self, claim: Claim, request: Request, repository: Repository, text: str
    ) -> None:
        """Post the reply, once: after a crash or a lost answer it is looked for first."""
        if request.reply.tried:
            # `since` is by GitHub's clock; a reply cannot be older than what it answers.
            async for comment in repository.own_comments(
                request.comment.number, since=request.comment.written_at - 1
            ):
                if replies.answers(comment.body) == request.request_id:
                    return await self.ledger.replied(claim, comment.comment_id, comment.body)
        else:
            await self.ledger.replying(claim)
        try:
            comment_id = await repository.comment(request.comment.number, text)
        except (NotFound, Forbidden) as error:
            log.warning("the reply cannot be posted", error=str(error))
            return
        await self.ledger.replied(claim, comment_id, text)


def _verb(typed: Any, verbs: Mapping[str, type]) -> str:
    return next(verb for verb, words in verbs.items() if isinstance(typed, words))


def _is_due(run: FollowedRun, now: float) -> bool:
    return run.next_look_at is not None and run.next_look_at <= now


def _sooner(one: float | None, other: float | None) -> float | None:
    waits = [wait for wait in (one, other) if wait is not None]
    return min(waits, default=None)


def _backoff(failures: int, retry_after: float | None) -> float:
    return max(min(2.0**failures, 60.0), retry_after or 0.0)
