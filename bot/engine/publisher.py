"""The only code that writes to GitHub: reactions, the one reply, which is posted once and edited,
and the comment that mentions whoever asked when all is over."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial

import structlog

from bot.core.backoff import REPLY_REFUSED
from bot.core.clock import Clock
from bot.core.models import Claim, Reply, WorkItem
from bot.core.rate_limit import LONGEST_WAIT, WriteKind
from bot.engine.stored import store_anew
from bot.github.errors import Forbidden, GitHubError, NotDone, NotFound, Unprocessable
from bot.github.repository import PostedComment, Repository
from bot.messages import reply as reply_message
from bot.messages.mentions import announces, can_mention, mention
from bot.ops import audit
from bot.rules.announcements import Announcement
from bot.storage.ledger import Ledger
from bot.storage.write_budget import Reserved

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
    """What is to be written so that the reply says *text*. Empty text: nothing to say yet.

    It is looked for twins only while there is nothing to edit: their list may be away for long.
    """
    write = _next_of_reply(item, text, now)
    twins_at = item.reply.twins_at if item.reply.comment_id is not None else None
    if twins_at is not None and twins_at <= now and not _is_needed(write):
        write = FindTwins()
    reactions: tuple[Write, ...] = (React(),) if _reacts(item) else ()
    return reactions if write is None else (*reactions, write)


def _is_needed(write: Write | None) -> bool:
    """Whether it is an edit that is made sooner or later."""
    return isinstance(write, Edit) and not write.kind.is_optional


def is_complete(item: WorkItem, text: str) -> bool:
    """Whether all is over and its reply says *text*, or all of it but that the head has moved
    on."""
    is_last = item.is_over and all(command.decided for command in item.commands)
    return is_last and reply_message.says_but_for_head(item.reply.text, text)


def _next_of_reply(item: WorkItem, text: str, now: float) -> Write | None:
    reply = item.reply
    if text == "" or reply_message.says(reply.text, text) or reply.is_gone:
        return None
    if reply.refused_since is not None and now - reply.refused_since >= OWED_SECONDS:
        return None  # it was tried for long enough
    if reply.retry_at is not None and reply.retry_at > now:
        return Wait(reply.retry_at - now)
    if reply.comment_id is None:
        return Find() if reply.attempted else Post(text)
    if is_complete(item, text):
        return Edit(reply.comment_id, text, WriteKind.AFTERTHOUGHT)
    is_last = item.is_over and all(command.decided for command in item.commands)
    is_news = reply_message.decided(text) != reply_message.decided(reply.text)
    since_last = now - (reply.written_at or 0.0)
    if not is_last and not is_news and since_last < EDIT_SECONDS:
        return Wait(EDIT_SECONDS - since_last)
    kind = WriteKind.RESULT if is_last or is_news else WriteKind.PASSING_EDIT
    return Edit(reply.comment_id, text, kind)


@dataclass(frozen=True, slots=True)
class Published:
    """How the reply stands, and in how many seconds there is more to write; none when all is."""

    reply: Reply
    wait: float | None
    may_react: bool = False
    """The reaction was reserved that is to follow."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What a step writes of a work item, and how."""

    claim: Claim
    repository: Repository
    text: str
    """What the reply is to say."""
    may_write: Callable[[], Awaitable[bool]]
    """Reads whether the comment's author has the write role, when that decides whether there is a
    reply at all."""
    has_reacted: bool = False
    """The step has put a reaction on the comment."""
    is_reaction_next: bool = False
    """A reaction on the comment is to follow once the reply says how the runs ended."""


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

    async def publish(self, item: WorkItem, writing: Writing) -> Published:
        """Make the reply say what is wanted, and look for twins of it once it does; raises
        GitHubUnavailable."""
        published = await self._write_next(item, writing)
        reply = published.reply
        if reply.comment_id is None or reply.twins_at is None:
            return published
        twins = max(0.0, reply.twins_at - self.clock.now())
        return replace(published, wait=sooner(published.wait, twins))

    async def announce(
        self,
        claim: Claim,
        item: WorkItem,
        repository: Repository,
        announced: Announcement,
        *,
        may_react: bool,
    ) -> float | None:
        """Have its author hear how the runs of a comment ended: seconds until that is to be tried
        again, none when it is done. Both are a courtesy: what GitHub refuses is let be. *may_react*
        says that the reaction was reserved. Raises GitHubUnavailable."""
        if announced.mentions and can_mention(item.comment.author.login):
            pause = await self._mention(claim, item, repository)
            if pause is not None:
                return pause
        if announced.reaction and (may_react or not await self._reserve(item, WriteKind.REACTION)):
            try:
                await repository.react(
                    item.comment.source, item.comment.comment_id, announced.reaction
                )
            except GitHubError as error:
                log.warning("reaction_failed", error=str(error))
        return None

    async def _mention(self, claim: Claim, item: WorkItem, repository: Repository) -> float | None:
        """Post the comment that mentions the author, once."""
        now, attempted_at = self.clock.now(), item.mention_attempted_at
        try:
            if attempted_at is not None:
                if await self._has_mentioned(item, repository):
                    return None
                if now - attempted_at < LOOK_SECONDS:
                    return LOOK_PAUSE
            pause = await self._reserve(item, WriteKind.MENTION)
            if pause == math.inf:
                return None
            if pause:
                return min(pause, LONGEST_WAIT)
            await store_anew(
                self.clock,
                lambda: self.ledger.items.save_mention_attempt(claim, self.clock.now()),
            )
            comment_id = await repository.comment(item.comment.number, mention(item))
            log.info("mention_posted", reply_id=comment_id)
        except NotDone:
            await self.ledger.items.save_mention_attempt(claim, attempted_at)
            raise
        except (NotFound, Forbidden, Unprocessable) as error:
            log.warning("mention_refused", error=str(error))
        return None

    async def _has_mentioned(self, item: WorkItem, repository: Repository) -> bool:
        """Whether the comment is there, whose posting was not answered. Raises GitHubError."""
        comments = repository.own_comments(item.comment.number, since=item.comment.written_at - 1)
        async for comment in comments:
            if announces(comment.body) == item.work_item_id:
                return True
        return False

    async def _write_next(self, item: WorkItem, writing: Writing) -> Published:
        for write in next_writes(item, writing.text, self.clock.now()):
            match write:
                case Find():
                    return await self._find_or_post(item, writing)
                case FindTwins():
                    return await self._find_twins(item, writing.repository)
                case Post():
                    return await self._post(item, writing)
                case Edit(kind=WriteKind.AFTERTHOUGHT):
                    return await self._add(item, writing.repository, write)
                case Edit():
                    return await self._edit(item, writing, write)
                case Wait():
                    return Published(item.reply, write.seconds)
                case React():
                    continue  # on its way beside the decision
        return Published(item.reply, None)

    async def _find_or_post(self, item: WorkItem, writing: Writing) -> Published:
        """Look for the reply that may have been posted. When it does not show in time it is posted,
        right after the last look: a pause between them could bring it to light."""
        now, reply = self.clock.now(), item.reply
        is_last_look = now - (reply.attempted_at or 0.0) >= LOOK_SECONDS
        if is_last_look and (pause := await self._reserve_first(item, writing)):
            return Published(reply, None if pause == math.inf else pause)
        try:
            found = await self._find(item, writing.repository)
        except (NotFound, Forbidden) as error:
            # Without a look it could be posted twice.
            return self._refused(item, error, attempted=True)
        if found is not None and found.comment_id is not None:
            log.info("reply_posted", **audit.of_reply(item, found.comment_id, self.clock.now()))
            return await self._write_next(replace(item, reply=found), writing)
        if not is_last_look:
            return Published(reply, LOOK_PAUSE)
        item = replace(item, reply=replace(reply, twins_at=now + TWIN_LOOKS[0]))
        return await self._send(item, writing)

    async def _reserve(
        self, item: WorkItem, kind: WriteKind, *, has_reacted: bool = False
    ) -> float:
        """0 when it may be written now; else in how many seconds to ask again; infinite when it is
        not to be written."""
        return (await self._ask(item, kind, has_reacted=has_reacted)).wait

    async def _ask(
        self,
        item: WorkItem,
        kind: WriteKind,
        *,
        has_reacted: bool = False,
        wants_reaction: bool = False,
    ) -> Reserved:
        return await self.ledger.write_budget.reserve_write(
            account(item),
            item.comment.repo,
            item.work_item_id,
            kind,
            is_privileged=item.author_may_write,
            has_reacted=has_reacted,
            wants_reaction=wants_reaction,
        )

    async def _find(self, item: WorkItem, repository: Repository) -> Reply | None:
        """The reply that was posted before a crash, or whose answer was lost; none when there is
        none to be seen. Raises GitHubError."""
        async for comment in self._replies(item, repository):
            return replace(
                item.reply, comment_id=comment.comment_id, attempted=True, text=comment.body
            )
        return None

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
        if pause := await self._reserve(item, WriteKind.RESULT):
            return Published(replace(reply, twins_at=now + min(pause, LONGEST_WAIT)), None)
        since = reply.attempted_at or now
        later = next((since + after for after in TWIN_LOOKS if since + after > now), None)
        kept = replace(reply, twins_at=later)
        try:
            found = [comment async for comment in self._replies(item, repository)]
            found.sort(key=lambda comment: comment.comment_id)
            if len(found) > 1:
                older, newest = found[0], found[-1]
                text = reply_message.pointer(item.comment.url, newest.comment_id)
                await repository.edit_comment(older.comment_id, text)
                log.info("reply_twin_found", older=older.comment_id, newer=newest.comment_id)
                # There may be more: each look points one of them on, and is given time to show.
                kept = replace(
                    reply,
                    comment_id=newest.comment_id,
                    text=newest.body,
                    twins_at=now + LOOK_PAUSE,
                )
        except (NotFound, Forbidden, Unprocessable) as error:
            log.warning("reply_twins_unknown", error=str(error))
        return Published(kept, None)

    async def _post(self, item: WorkItem, writing: Writing) -> Published:
        """Post the reply for the first time."""
        if pause := await self._reserve_first(item, writing):
            return Published(item.reply, None if pause == math.inf else pause)
        return await self._send(item, writing)

    async def _reserve_first(self, item: WorkItem, writing: Writing) -> float:
        """As `_reserve`, for the first reply."""
        reserve = partial(
            self._reserve, kind=WriteKind.FIRST_REPLY, has_reacted=writing.has_reacted
        )
        pause = await reserve(item)
        if pause == math.inf and await writing.may_write():
            pause = await reserve(replace(item, author_may_write=True))
        if pause == math.inf:
            log.warning("reply_dropped", reason="persons without the write role had their share")
        return pause

    async def _send(self, item: WorkItem, writing: Writing) -> Published:
        """Post the reply; from now on it is looked for before it is posted again."""
        was_in_doubt = item.reply.attempted
        items, twins_at = self.ledger.items, item.reply.twins_at
        await store_anew(self.clock, lambda: items.save_reply_attempt(writing.claim, twins_at))
        try:
            comment_id = await writing.repository.comment(item.comment.number, writing.text)
        except NotDone:
            if not was_in_doubt:
                await self.ledger.items.withdraw_reply_attempt(writing.claim)
            raise
        except (NotFound, Forbidden, Unprocessable) as error:
            # A refusal is an answer: there is no reply to be looked for, unless of an earlier try.
            return self._refused(item, error, attempted=was_in_doubt)
        log.info("reply_posted", **audit.of_reply(item, comment_id, self.clock.now()))
        return Published(self._written(item, comment_id, writing.text), None)

    async def _edit(self, item: WorkItem, writing: Writing, edit: Edit) -> Published:
        reserved = await self._ask(item, edit.kind, wants_reaction=writing.is_reaction_next)
        if reserved.wait:
            # What changes until then goes into the same edit. What was begun is not dropped.
            return Published(item.reply, min(reserved.wait, LONGEST_WAIT))
        try:
            await writing.repository.edit_comment(edit.comment_id, edit.text)
        except (NotFound, Forbidden, Unprocessable) as error:
            missing = item.reply.missing + 1 if isinstance(error, NotFound) else 0
            reply = replace(item.reply, missing=missing)
            if not reply.is_gone:
                return self._refused(replace(item, reply=reply), error, attempted=True)
            log.warning("reply_deleted", error=str(error))
            return Published(replace(reply, twins_at=None), None)
        log.info("reply_edited", **audit.of_reply(item, edit.comment_id, self.clock.now()))
        written = self._written(item, edit.comment_id, edit.text)
        return Published(written, None, reserved.has_reaction)

    async def _add(self, item: WorkItem, repository: Repository, edit: Edit) -> Published:
        """Edit a reply that is complete, now or never: nothing of it is owed to anybody."""
        if not await self._reserve(item, edit.kind):
            try:
                await repository.edit_comment(edit.comment_id, edit.text)
            except GitHubError as error:
                log.warning("afterthought_failed", error=str(error))
            else:
                log.info("reply_edited", **audit.of_reply(item, edit.comment_id, self.clock.now()))
                return Published(self._written(item, edit.comment_id, edit.text), None)
        return Published(item.reply, None)

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
