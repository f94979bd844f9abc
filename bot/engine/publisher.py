"""The only code that writes to GitHub: the reaction, and the one reply, posted once and edited."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

import structlog

from bot.core.backoff import REPLY_REFUSED
from bot.core.clock import Clock
from bot.core.models import Claim, Reply, WorkItem
from bot.core.rate_limit import LONGEST_WAIT, WriteKind
from bot.github.errors import Forbidden, GitHubError, NotDone, NotFound, Unprocessable
from bot.github.repository import PostedComment, Repository
from bot.messages import reply as reply_message
from bot.storage.ledger import Ledger

EDIT_SECONDS = 10.0
"""Pause between two edits of a reply whose runs are still under way."""

OWED_SECONDS = 24 * 3600.0
"""How long a reply is tried that GitHub refuses, since the conversation may be unlocked."""

LOOK_SECONDS = 10.0
"""How long a reply is looked for whose posting was not answered: GitHub's list may lag behind."""

LOOK_PAUSE = 2.0
"""Seconds between two such looks."""

TWIN_LOOKS = (60.0, 300.0)
"""Seconds after it was posted again at which it is looked for a twin."""

GONE_AFTER = 2
"""Edits that GitHub does not find, one after the other: somebody deleted the reply."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class React:
    """Put 👀 on the comment."""


@dataclass(frozen=True, slots=True)
class Find:
    """Look for the reply: it may have been posted without our knowing."""


@dataclass(frozen=True, slots=True)
class FindTwins:
    """Look for another reply, which came to light only after it was posted again."""


@dataclass(frozen=True, slots=True)
class Post:
    text: str


@dataclass(frozen=True, slots=True)
class Edit:
    comment_id: int
    text: str
    kind: WriteKind


@dataclass(frozen=True, slots=True)
class Wait:
    """There is something to write, in so many seconds."""

    seconds: float


Write = React | Find | FindTwins | Post | Edit | Wait


def next_writes(item: WorkItem, text: str, now: float) -> tuple[Write, ...]:
    """What is to be written so that the reply says *text*. Empty text: nothing to say yet."""
    writes: list[Write] = [React()] if _reacts(item) else []
    reply = item.reply
    if reply.comment_id is not None and reply.twins_at is not None:
        if reply.twins_at <= now:
            return (*writes, FindTwins())
        writes.append(Wait(reply.twins_at - now))
    if text in {"", reply.text}:
        return tuple(writes)
    if reply.refused_since is not None and now - reply.refused_since >= OWED_SECONDS:
        return tuple(writes)  # it was tried for long enough
    if reply.retry_at is not None and reply.retry_at > now:
        writes.append(Wait(reply.retry_at - now))
        return tuple(writes)
    if reply.comment_id is None:
        writes.append(Find() if reply.attempted else Post(text))
        return tuple(writes)
    is_last = item.is_over and all(command.decided for command in item.commands)
    is_news = reply_message.decided(text) != reply_message.decided(reply.text)
    since_last = now - (reply.written_at or 0.0)
    if is_last or is_news or since_last >= EDIT_SECONDS:
        kind = WriteKind.RESULT if is_last or is_news else WriteKind.PASSING_EDIT
        writes.append(Edit(reply.comment_id, text, kind))
    else:
        writes.append(Wait(EDIT_SECONDS - since_last))
    return tuple(writes)


@dataclass(frozen=True, slots=True)
class Published:
    """How the reply stands, and in how many seconds there is more to write; none when all is."""

    reply: Reply
    wait: float | None


@dataclass(frozen=True, slots=True)
class Publisher:
    """Performs writes for claimed work items."""

    ledger: Ledger
    clock: Clock

    async def reserve_reaction(self, item: WorkItem) -> bool:
        """Whether 👀 goes on the comment now: it is a courtesy, and waits for nothing."""
        if React() not in next_writes(item, "", self.clock.now()):
            return False
        return not await self._reserve(item, WriteKind.REACTION)

    async def react(
        self,
        item: WorkItem,
        repository: Repository,
        allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        """Put 👀 on the comment, which was reserved. No failure of it stops anything."""
        try:
            if await allowed():
                await repository.react(item.comment.source, item.comment.comment_id)
        except GitHubError as error:
            log.warning("reaction_failed", error=str(error))

    async def publish(
        self,
        claim: Claim,
        item: WorkItem,
        repository: Repository,
        text: str,
        may_write: Callable[[], Awaitable[bool]],
        *,
        has_reacted: bool = False,
    ) -> Published:
        """Make the reply say *text*; raises GitHubUnavailable.

        *may_write* reads whether its author has the write role, when that decides whether there is
        a reply at all; *has_reacted* says that this step has put a reaction on the comment.
        """
        wait: float | None = None
        for write in next_writes(item, text, self.clock.now()):
            match write:
                case Find():
                    try:
                        found = await self._find(item, repository)
                    except (NotFound, Forbidden) as error:
                        # Without a look it could be posted twice.
                        return self._refused(item, error, attempted=True)
                    if found.attempted and found.comment_id is None:
                        return Published(found, LOOK_PAUSE)
                    # What was found is the reply; without one it is posted now.
                    item = replace(item, reply=found)
                    return await self.publish(
                        claim, item, repository, text, may_write, has_reacted=has_reacted
                    )
                case FindTwins():
                    return await self._find_twins(item, repository)
                case Post():
                    return await self._post(claim, item, repository, text, may_write, has_reacted)
                case Edit():
                    published = await self._edit(item, repository, write)
                    return replace(published, wait=sooner(wait, published.wait))
                case Wait():
                    wait = sooner(wait, write.seconds)
                case React():
                    continue  # on its way beside the decision
        return Published(item.reply, wait)

    async def _reserve(
        self, item: WorkItem, kind: WriteKind, *, has_reacted: bool = False
    ) -> float:
        """0 when it may be written now; else in how many seconds to ask again; infinite when it is
        not to be written."""
        return await self.ledger.write_budget.reserve_write(
            account(item),
            item.comment.repo,
            item.work_item_id,
            kind,
            is_privileged=item.author_may_write,
            has_reacted=has_reacted,
        )

    async def _find(self, item: WorkItem, repository: Repository) -> Reply:
        """The reply that was posted before a crash, or whose answer was lost. One without an id
        when there is none; it is `attempted` as long as it may still show. Raises GitHubError."""
        async for comment in self._replies(item, repository):
            return replace(
                item.reply, comment_id=comment.comment_id, attempted=True, text=comment.body
            )
        now = self.clock.now()
        if now - (item.reply.attempted_at or 0.0) < LOOK_SECONDS:
            return item.reply
        return replace(item.reply, attempted=False, twins_at=now + TWIN_LOOKS[0])

    async def _replies(
        self, item: WorkItem, repository: Repository
    ) -> AsyncIterator[PostedComment]:
        """Our comments that answer a work item, oldest first. Raises GitHubError."""
        # `since` is by GitHub's clock; a reply cannot be older than what it answers.
        async for comment in repository.own_comments(
            item.comment.number, since=item.comment.written_at - 1
        ):
            if reply_message.answers(comment.body) == item.work_item_id:
                yield comment

    async def _find_twins(self, item: WorkItem, repository: Repository) -> Published:
        """Have all replies but the newest point to it; raises GitHubUnavailable."""
        now, reply = self.clock.now(), item.reply
        since = reply.attempted_at or now
        later = next((since + after for after in TWIN_LOOKS if since + after > now), None)
        try:
            found = [comment async for comment in self._replies(item, repository)]
            *older, newest = sorted(found, key=lambda comment: comment.comment_id)
            for comment in older:
                if await self._reserve(item, WriteKind.RESULT):
                    return Published(reply, LOOK_PAUSE)
                text = reply_message.pointer(item.comment.url, newest.comment_id)
                await repository.edit_comment(comment.comment_id, text)
                log.info("reply_twin_found", older=comment.comment_id, newer=newest.comment_id)
        except (ValueError, NotFound, Forbidden, Unprocessable) as error:
            log.warning("reply_twins_unknown", error=str(error))
            return Published(replace(reply, twins_at=later), 0.0)
        kept = replace(reply, comment_id=newest.comment_id, text=newest.body, twins_at=later)
        return Published(kept, 0.0)

    async def _post(
        self,
        claim: Claim,
        item: WorkItem,
        repository: Repository,
        text: str,
        may_write: Callable[[], Awaitable[bool]],
        has_reacted: bool,
    ) -> Published:
        """Post the reply; from now on it is looked for before it is posted again."""
        pause = await self._reserve(item, WriteKind.FIRST_REPLY, has_reacted=has_reacted)
        if pause == math.inf and await may_write():
            item = replace(item, author_may_write=True)
            pause = await self._reserve(item, WriteKind.FIRST_REPLY, has_reacted=has_reacted)
        if pause == math.inf:
            log.warning("reply_dropped", reason="persons without the write role had their share")
            return Published(item.reply, None)
        if pause:
            return Published(item.reply, pause)
        await self.ledger.items.save_reply_attempt(claim, item.reply.twins_at)
        try:
            comment_id = await repository.comment(item.comment.number, text)
        except NotDone:
            await self.ledger.items.withdraw_reply_attempt(claim)
            raise
        except (NotFound, Forbidden, Unprocessable) as error:
            # A refusal is an answer: there is no reply to be looked for.
            return self._refused(item, error, attempted=False)
        return Published(self._written(item, comment_id, text), None)

    async def _edit(self, item: WorkItem, repository: Repository, edit: Edit) -> Published:
        if pause := await self._reserve(item, edit.kind):
            # What changes until then goes into the same edit. What was begun is not dropped.
            return Published(item.reply, min(pause, LONGEST_WAIT))
        try:
            await repository.edit_comment(edit.comment_id, edit.text)
        except (NotFound, Forbidden, Unprocessable) as error:
            is_gone = isinstance(error, NotFound) and item.reply.refusals + 1 >= GONE_AFTER
            if not is_gone:
                return self._refused(item, error, attempted=True)
            log.warning("reply_deleted", error=str(error))  # and it is not posted anew
        return Published(self._written(item, edit.comment_id, edit.text), None)

    def _refused(self, item: WorkItem, error: GitHubError, *, attempted: bool) -> Published:
        """The reply is owed: it is tried again later, and counts as written only when it is.

        *attempted* says that it may be there already.
        """
        log.warning("reply_refused", error=str(error))
        now, reply = self.clock.now(), item.reply
        pause = REPLY_REFUSED.pause(reply.refusals)
        owed = replace(
            reply,
            attempted=attempted,
            refusals=reply.refusals + 1,
            refused_since=now if reply.refused_since is None else reply.refused_since,
            retry_at=now + pause,
        )
        return Published(owed, pause)

    def _written(self, item: WorkItem, comment_id: int, text: str) -> Reply:
        twins_at = item.reply.twins_at
        return Reply(comment_id, True, text, self.clock.now(), twins_at=twins_at)


def _reacts(item: WorkItem) -> bool:
    """Whether a reaction goes on the comment in this step."""
    is_addressed = item.comment.event is None and not item.is_near_miss
    return is_addressed and not item.acknowledged


def account(item: WorkItem) -> str:
    """Whose budget of writes at GitHub a work item draws on."""
    return f"installation {item.comment.installation or 'unknown'}"


def sooner(*waits: float | None) -> float | None:
    """The shortest of some pauses in seconds; none when there is nothing to wait for."""
    return min((wait for wait in waits if wait is not None), default=None)
