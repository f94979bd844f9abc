"""One request, one step: acknowledge, decide its commands in order, look at its runs, answer.

The order of decisions, the place where errors become words, and the one mouth are here. What each
command does is in `bot.commands`; who may is in `bot.policy`; the sentences are in `bot.replies`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

import structlog

from bot import follow, policy, replies, start
from bot.clock import Clock
from bot.commands.base import Answer, Command, Follow, Said, Wait
from bot.depot import Depot, DepotError, DepotRefused, DepotUnavailable
from bot.errors import Misreading, Refused
from bot.github import Forbidden, GitHub, GitHubError, GitHubUnavailable, NotFound, Repository
from bot.grammar import MAX_COMMANDS, read
from bot.here import PullRequestHere, Visit
from bot.ledger import Ledger
from bot.records import Claim, FollowedRun, Request
from bot.records import Command as Row
from bot.start import Starter
from bot.types import Permission

TROUBLE_SECONDS = 15 * 60.0
"""How long a command is tried while GitHub or Depot does not answer."""

EDIT_SECONDS = 10.0
"""Pause between two edits of a reply whose runs are still under way."""

WATCH_SECONDS = 10.0
"""Pause between two looks for a run of a lost start that comes to light late."""

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
    allowed_repositories: tuple[str, ...]

    async def step(self, claim: Claim) -> None:
        """Do whatever is due for this request, and say when to come back."""
        request = await self.ledger.load(claim.request_id)
        if self._is_hopeless(request):
            log.error("given up for good", failures=request.failures)
            return await self.ledger.rest(claim, None)
        repository = self.github.at(request.comment.repo, request.comment.installation)
        try:
            if not await self._is_for_us(request):
                return await self._drop(claim, request)
            wait = await self._advance(claim, repository)
        except (GitHubUnavailable, DepotUnavailable) as trouble:
            log.warning("upstream trouble", error=str(trouble))
            return await self.ledger.fail(claim, _backoff(request.failures, trouble.retry_after))
        await self.ledger.rest(claim, wait)

    def _is_hopeless(self, request: Request) -> bool:
        since = request.failing_since
        return since is not None and self.clock.now() - since > ABANDON_SECONDS

    async def _is_for_us(self, request: Request) -> bool:
        """Bots are not answered, and neither are we."""
        author = request.comment.author
        return not author.is_bot and author.login != await self.github.login()

    async def _drop(self, claim: Claim, request: Request) -> None:
        for command in request.commands:
            await self.ledger.decided(claim, command.command_id, "bot-not-allowed", "")
        await self.ledger.rest(claim, None)

    async def _advance(self, claim: Claim, repository: Repository) -> float | None:
        """All that can be done now; seconds until there is more, or none when all is done."""
        request = await self.ledger.load(claim.request_id)
        acknowledging = asyncio.create_task(self._acknowledge(claim, request, repository))
        try:
            wait = await self._decide(claim, request, repository)
        finally:
            await acknowledging
        request = await self._follow(claim)
        if start.is_watched(request, self.clock.now()):
            wait = _sooner(wait, WATCH_SECONDS)
        return _sooner(wait, await self._reply(claim, request, repository))

    async def _acknowledge(self, claim: Claim, request: Request, repository: Repository) -> None:
        """Put 👀 on the comment. Only a courtesy: no failure of it stops anything."""
        if request.acknowledged:
            return
        try:
            await repository.react(request.comment.source, request.comment.comment_id)
        except GitHubError as error:
            log.warning("no reaction", error=str(error))
        await self.ledger.acknowledged(claim)

    # --- deciding --------------------------------------------------------------------------------

    async def _decide(self, claim: Claim, request: Request, repository: Repository) -> float | None:
        """Decide the commands in order, up to the first that has to wait."""
        visit = Visit(request, repository)
        starter = Starter(self.depot, self.ledger, self.clock, claim)
        for row in request.commands:
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
            return Said(no.text, reason=no.reason)
        except (NotFound, Forbidden) as error:
            log.warning("github refuses", error=str(error), command=row.command_id)
            return Said(replies.github_refused(row.command_id), reason="github-refused")
        except DepotRefused as no:
            return Said(replies.depot_refused(no.code, no.message), reason=f"depot-{no.code}")
        except (GitHubError, DepotError) as trouble:
            return await self._in_trouble(row, visit.request, trouble)
        except Exception:
            log.exception("command failed", command=row.command_id)
            return Said(replies.internal_error(row.command_id), reason="internal-error")

    async def _attempt(self, row: Row, visit: Visit, starter: Starter) -> Answer:
        """The order of decisions (design.md, "Who may start what")."""
        request = visit.request
        if (intent := request.open_intent(row.command_id)) is not None:
            # A call may have been made already: what it did comes before any other question.
            return await starter.resume(intent, is_second=request.has_lost_start(row.command_id))
        if len(request.commands) > MAX_COMMANDS:
            raise Refused("too-many-commands", replies.too_many_commands())
        verbs = {verb: command.words for verb, command in self.commands.items()}
        typed = read(row.line.text, verbs)
        if isinstance(typed, Misreading):
            raise Refused("misread", replies.misreading(typed, verbs))
        verb = next(verb for verb, words in verbs.items() if isinstance(typed, words))
        command = self.commands[verb]
        policy.check_repository(request.comment.repo, self.allowed_repositories)
        needs = command.needs_for(typed, row.line) if command.needs_for else command.needs
        if needs is not Permission.NONE:
            policy.check_age(request.comment.written_at, request.received_at)
            has = await visit.permission()
            may = [name for name, known in self.commands.items() if known.needs <= has]
            policy.check_permission(verb, needs, has, may)
        here = PullRequestHere(visit, self.commands, starter, row, verb, typed)
        return await command.act(typed, here)

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

    async def _reply(self, claim: Claim, request: Request, repository: Repository) -> float | None:
        """Make the reply say how things stand; seconds until there may be more to say."""
        next_look = min(
            (run.next_look_at for run in request.runs if run.next_look_at is not None),
            default=None,
        )
        now = self.clock.now()
        wait = None if next_look is None else max(0.0, next_look - now)
        text = replies.reply(request)
        if text == request.reply.text:
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


def _is_due(run: FollowedRun, now: float) -> bool:
    return run.next_look_at is not None and run.next_look_at <= now


def _sooner(one: float | None, other: float | None) -> float | None:
    waits = [wait for wait in (one, other) if wait is not None]
    return min(waits, default=None)


def _backoff(failures: int, retry_after: float | None) -> float:
    return max(min(2.0**failures, 60.0), retry_after or 0.0)
