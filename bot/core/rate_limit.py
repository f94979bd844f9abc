"""How many writes to GitHub an account has left, and which of those that wait goes first.

Pure. GitHub allows 80 content-creating requests a minute and 500 an hour (bot/github/README.md,
"Rate limits"), counted here over sliding windows. A few less are sent: GitHub's clock, and when a
request reaches it, are not ours to know.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum

from bot.core.types import RepoName, WorkItemId

MINUTE = 60.0
HOUR = 3600.0

PER_MINUTE = 78
PER_HOUR = 490

PACE_SECONDS = 600.0
"""Over which the rest of a busy hour is shared out: an hour's writes are 80 in this time."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How a kind of write is held back, so that first replies have writes left in each hour."""

    busy_from: int
    """Writes of any kind in an hour from which on it is held back."""
    most: int
    """Writes of any kind in PACE_SECONDS above which it waits then."""


EXPECTING_FROM = 120
"""Writes of any kind in an hour from which on others leave room for the first replies to come: as
many in an hour as there were in EXPECTING_MINUTES, of which no more than EXPECTED_A_MINUTE count in
each, since many at once are no sign of as many to come."""

EXPECTING_MINUTES = 5
EXPECTED_A_MINUTE = 8

LEAST_OTHERS = 60
"""Writes of each hour that may be others, however many first replies are expected. First replies
that do come go before them all the same."""

UNPRIVILEGED_PER_HOUR = PER_HOUR // 4
"""Of these, what all persons without the write role are answered with."""

UNPRIVILEGED_PATIENCE = 900.0
"""Seconds that an answer to one of them waits for that; what would wait longer is not written."""

LONGEST_WAIT = 300.0
"""Seconds after which a waiting write asks again in any case: those before it may have gone."""

GRACE = 30.0
"""Seconds after which a waiting write that has not asked again holds up nobody."""


class WriteKind(IntEnum):
    """What is written, the most important first."""

    FIRST_REPLY = 0
    RESULT = 1
    """An edit that says what was decided, or how a run ended."""
    MENTION = 2
    PASSING_EDIT = 3
    """An edit that says how a run stands while it goes on."""
    REACTION = 4
    AFTERTHOUGHT = 5
    """An edit of a reply that is complete, which adds that the head has moved on."""

    @property
    def is_optional(self) -> bool:
        """Whether it is written now or not at all."""
        return self >= WriteKind.REACTION

    @property
    def kept_of_minute(self) -> int:
        """Writes of each minute that are left for more important ones."""
        if self.is_optional:
            return 40
        return 20 if self is WriteKind.PASSING_EDIT else 0

    @property
    def pace(self) -> Pace | None:
        """How it is held back in a busy hour; none for what is never."""
        if self is WriteKind.FIRST_REPLY:
            return None
        return Pace(120, 60) if self >= WriteKind.PASSING_EDIT else Pace(240, 80)

    @property
    def kept_of_hour(self) -> int:
        """Writes of each hour that are left for more important ones."""
        return 100 if self >= WriteKind.PASSING_EDIT else 0


@dataclass(frozen=True, slots=True)
class Budget:
    """The writes of an account; times are seconds since the epoch."""

    written: tuple[float, ...] = ()
    """When something was written in the last hour, oldest first."""
    closed_until: float = 0.0
    """GitHub asked for a pause until then."""
    turn: int = 0
    """The turn of the last waiting write that was let through."""
    unprivileged: tuple[float, ...] = ()
    """When something was written to a person without the write role in the last hour, oldest
    first."""
    others: tuple[float, ...] = ()
    """When something that is no first reply was written in the last hour, oldest first."""

    def wait(self, now: float, kind: WriteKind, ahead: int = 0) -> float:
        """Seconds until a write is possible with so many *ahead* of it; 0 when it is now."""
        waits = [
            self.closed_until - now,
            _until_free(self.written, now, MINUTE, PER_MINUTE - kind.kept_of_minute, ahead),
            _until_free(self.written, now, HOUR, PER_HOUR - kind.kept_of_hour, ahead),
        ]
        pace = kind.pace
        if pace is not None and len(_of_last_hour(self.written, now)) >= pace.busy_from:
            waits.append(_until_free(self.written, now, PACE_SECONDS, pace.most, ahead))
        if pace is not None and len(_of_last_hour(self.written, now)) >= EXPECTING_FROM:
            waits.append(self._until_room(now, ahead))
        # Up to a millisecond later, and never earlier.
        return math.ceil(max(0.0, *waits) * 1000) / 1000

    def _until_room(self, now: float, ahead: int) -> float:
        """Seconds until one more write that is no first reply leaves room for those of an hour, if
        they come as they did lately."""

        def is_room(moment: float) -> bool:
            most = max(LEAST_OTHERS, PER_HOUR - self._expected(moment))
            return _since(self.others, moment - HOUR) + ahead + 1 <= most

        lately = [at for at in self.written if at > now - MINUTE * EXPECTING_MINUTES]
        leaving = (
            *(at + HOUR for at in self.others),
            *(at + MINUTE * (1 + place) for at in lately for place in range(EXPECTING_MINUTES)),
        )
        moments = (now, *sorted(moment for moment in leaving if moment > now))
        return next(filter(is_room, moments), now + HOUR) - now

    def _expected(self, moment: float) -> float:
        """How many first replies there are in an hour, if they come as they did before a moment."""
        privileged = unprivileged = 0
        for place in range(EXPECTING_MINUTES):
            end = moment - MINUTE * place
            replies = _in_minute(self.written, end) - _in_minute(self.others, end)
            replies = min(replies, EXPECTED_A_MINUTE)
            without_role = min(_in_minute(self.unprivileged, end), replies)
            privileged += replies - without_role
            unprivileged += without_role
        an_hour = HOUR / MINUTE / EXPECTING_MINUTES
        return privileged * an_hour + min(unprivileged * an_hour, UNPRIVILEGED_PER_HOUR)

    def left(self, now: float) -> int:
        """How many writes are left of this hour; 0 while there is a pause."""
        if self.closed_until > now:
            return 0
        return max(0, PER_HOUR - len(_of_last_hour(self.written, now)))

    def wait_unprivileged(self, now: float, ahead: int = 0) -> float:
        """Seconds until something may be written to a person without the write role, as far as
        what all of them are answered with is concerned; infinite for too long a time."""
        wait = _until_free(self.unprivileged, now, HOUR, UNPRIVILEGED_PER_HOUR, ahead)
        return wait if wait <= UNPRIVILEGED_PATIENCE else math.inf

    def spent(
        self,
        now: float,
        kind: WriteKind,
        turn: int | None = None,
        *,
        is_privileged: bool = True,
        has_reacted: bool = False,
    ) -> Budget:
        """The budget after one write of a *kind*, of a waiting one with its *turn*.

        *has_reacted* says that a reaction was written before, when nobody knew the author's role.
        """
        recent = _of_last_hour(self.written, now)
        passed = self.turn if turn is None else max(self.turn, turn)
        unprivileged = _of_last_hour(self.unprivileged, now)
        if not is_privileged:
            unprivileged = (*unprivileged, now)
        elif has_reacted and len(unprivileged) < UNPRIVILEGED_PER_HOUR:
            unprivileged = unprivileged[:-1]  # it was none of theirs
        others = _of_last_hour(self.others, now)
        if kind is not WriteKind.FIRST_REPLY:
            others = (*others, now)
        return Budget((*recent, now), self.closed_until, passed, unprivileged, others)

    def closed(self, until: float) -> Budget:
        """The budget after GitHub asked for a pause."""
        return replace(self, closed_until=max(self.closed_until, until))


def _of_last_hour(written: Sequence[float], now: float) -> tuple[float, ...]:
    """Those of the writes that count towards the hour's limit."""
    return tuple(at for at in written if at > now - HOUR)


def _since(written: Sequence[float], moment: float) -> int:
    """How many were written after a moment."""
    return len(written) - bisect_right(written, moment)


def _in_minute(written: Sequence[float], end: float) -> int:
    """How many were written in the minute that ends at a moment."""
    return _since(written, end - MINUTE) - _since(written, end)


def _until_free(
    written: Sequence[float], now: float, window: float, most: int, ahead: int
) -> float:
    """Seconds until fewer than *most* were written in the *window*, with so many *ahead*."""
    recent = [at for at in written if at > now - window]
    over = len(recent) + ahead + 1 - most
    if over <= 0:
        return 0.0
    # So many of the recent ones have to leave the window first; and then perhaps others again,
    # which were let through meanwhile.
    if not recent:
        return window
    rounds, place = divmod(over - 1, len(recent))
    return rounds * window + recent[place] + window - now


@dataclass(frozen=True, slots=True)
class WaitingWrite:
    """A write that was asked for and is not possible yet."""

    work_item_id: WorkItemId
    repo: RepoName
    kind: WriteKind
    turn: int
    """Repositories take turns, whichever of them has more to write."""
    since: float
    asks_at: float
    """When it asks again."""
    is_privileged: bool = True
    """It is for somebody with the write role: those go first."""

    @property
    def order(self) -> tuple[bool, int, int, float, str]:
        return not self.is_privileged, self.kind, self.turn, self.since, self.work_item_id


def enqueued(
    work_item_id: WorkItemId,
    repo: RepoName,
    kind: WriteKind,
    waiting: Sequence[WaitingWrite],
    budget: Budget,
    now: float,
    *,
    is_privileged: bool = True,
) -> WaitingWrite:
    """The place in the queue of a work item's write: its own, or behind those of its repository."""
    for one in waiting:
        if one.work_item_id == work_item_id and one.kind == kind:
            return replace(one, asks_at=now, is_privileged=is_privileged)
    others = [
        one.turn
        for one in waiting
        if (one.repo, one.kind) == (repo, kind) and one.work_item_id != work_item_id
    ]
    turn = max(budget.turn, *(turn + 1 for turn in others)) if others else budget.turn
    return WaitingWrite(work_item_id, repo, kind, turn, now, now, is_privileged)


def count_ahead(mine: WaitingWrite, waiting: Sequence[WaitingWrite], now: float) -> int:
    """How many waiting writes go before *mine*. One that has not asked again counts no more."""
    return sum(
        other.order < mine.order
        for other in waiting
        if other.work_item_id != mine.work_item_id and other.asks_at > now - GRACE
    )


@dataclass(frozen=True, slots=True)
class Quota:
    """What is left of an hour's requests to GitHub's API, as GitHub last reported."""

    limit: int
    remaining: int
    resets_at: float
    """Seconds since the epoch, by GitHub's clock."""
