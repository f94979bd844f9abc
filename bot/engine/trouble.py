"""What trouble with GitHub or Depot comes to: the outcome of a command. Pure: errors and times in,
an outcome out. The words are in `bot.messages.refusals`, the pauses in `bot.core.backoff`."""

from __future__ import annotations

import math

from bot.commands.base import Answer, ChangeRuns, Handled, Outcome, RetryLater, StartRuns
from bot.core.backoff import UPSTREAM_TROUBLE
from bot.core.errors import Refused
from bot.core.models import Absence, Command, WorkItem
from bot.core.reasons import Reason
from bot.core.types import CommandId
from bot.depot.client import DepotError
from bot.engine.runs import left_to_start
from bot.github.errors import BadCredentials, Blocked, Forbidden, GitHubError, Gone, NotFound
from bot.github.repository import UnknownPerson
from bot.messages import refusals
from bot.messages import runs as run_messages
from bot.rules import policy

TROUBLE_SECONDS = policy.LATE_SECONDS
"""How long a command is tried while GitHub or Depot does not answer."""

ABSENCE_SECONDS = 30.0
"""How long GitHub is asked again for what its webhook has just named, when it does not have it or
does not show it."""


def in_trouble(
    item: WorkItem,
    command: Command,
    trouble: GitHubError | DepotError,
    now: float,
    latest_start: float,
) -> Outcome:
    """GitHub or Depot does not answer: try for a while, and say so.

    *latest_start* is until when a run may be started; the comment may have come late, or waited for
    one that was in trouble.
    """
    who = "Depot" if isinstance(trouble, DepotError) else "GitHub"
    since = command.troubled_since or now
    left = min(since + TROUBLE_SECONDS, latest_start) - now
    asked = getattr(trouble, "retry_after", None) or 0.0
    if left > 0 and asked <= left:
        pause = min(UPSTREAM_TROUBLE.pause_after(now - since, asked), left)
        is_token = isinstance(trouble, BadCredentials) or (
            isinstance(trouble, DepotError) and trouble.code == "unauthenticated"
        )
        text = refusals.trying_token(who) if is_token else refusals.trying(who)
        return RetryLater(pause, text, since)
    if item.open_start_attempt(command.command_id) is not None:
        return Answer(run_messages.start_unknown(), reason=Reason.START_UNKNOWN)
    why = refusals.long_trouble(who, int(TROUBLE_SECONDS // 60))
    if left > 0:
        # When that is over, nobody expects the run any more.
        why = refusals.long_pause(who, math.ceil(asked / 60))
    return _given_up(item, command, why, Reason.COULD_NOT_ASK)


def in_absence(
    item: WorkItem, command: Command, error: NotFound | Forbidden, now: float
) -> Outcome:
    """GitHub does not have, or does not show, what its webhook has just named: it is asked again,
    until that counts."""
    absence = command.absence
    if absence is None or absence.what != error.what:
        absence = Absence(error.what, now)
    left = absence.since + ABSENCE_SECONDS - now
    if left > 0 and not isinstance(error, Gone | Blocked):
        pause = min(UPSTREAM_TROUBLE.pause_after(now - absence.since), left)
        # Who GitHub does not know may be anybody: asked for once more, and keeps nobody waiting.
        is_person = isinstance(error, UnknownPerson)
        if is_person:
            pause = left
        return RetryLater(pause, "", command.troubled_since, absence, keeps_turn=not is_person)
    if _is_in_doubt(item, command):
        why = "GitHub no longer shows this bot what that needs"
        return _given_up(item, command, why, Reason.GITHUB_REFUSED)
    lacking = error.lacking if isinstance(error, Forbidden) else ""
    text = refusals.github_refused(command.command_id, lacking)
    return Answer(text, reason=Reason.GITHUB_REFUSED)


def _given_up(item: WorkItem, command: Command, why: str, reason: Reason) -> Answer:
    if command.series is not None:  # the reply shows what was done of it
        return Answer(refusals.gave_up_the_rest(why, command.command_id), reason=reason)
    say = refusals.gave_up_in_doubt if _is_in_doubt(item, command) else refusals.gave_up
    return Answer(say(why, command.command_id), reason=reason)


def _is_in_doubt(item: WorkItem, command: Command) -> bool:
    """Whether a part of the command was done, or may have been."""
    has_run = any(run.command_id == command.command_id for run in item.runs)
    return has_run or bool(item.changes_of(command.command_id))


def in_time(item: WorkItem, command_id: CommandId, handled: Handled, now: float) -> Handled:
    """What may still be done of a command at a time by GitHub's clock; raises Refused when that is
    nothing.

    What an earlier step may have begun is looked for at any time; what was certainly not is begun
    within the quarter of an hour or not at all.
    """
    try:
        policy.check_age(item.comment.written_at, now, is_begun=item.has_begun(command_id))
    except Refused:
        match handled:
            case Answer():
                return handled
            case StartRuns() if not left_to_start(item, command_id, handled):
                return handled
            case StartRuns() if item.runs_of(command_id) and handled.requests[0].times > 1:
                return handled  # the time binds the first of them
            case ChangeRuns(is_quiet=True):
                return handled
            case ChangeRuns(changes=changes) if done := tuple(c for c in changes if c.is_done):
                return ChangeRuns(done, handled.note)
        raise
    return handled
