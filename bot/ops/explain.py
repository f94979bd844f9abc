"""`depot-bot replay`: what a stored delivery would lead to, without doing any of it.

Pure, and knows nothing but the delivery: neither who may what in its repository, nor that
repository's config.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol

import msgspec

from bot.commands.base import verb_of
from bot.core import deliveries
from bot.core.errors import Misreading
from bot.core.events import CommandLine, Comment, Source
from bot.core.types import Permission
from bot.github import webhooks
from bot.messages import refusals
from bot.parsing.arguments import format_command, parse_command
from bot.parsing.comments import MAX_COMMANDS, find_command_lines


class Unreadable(Exception):
    """What was stored is no delivery; the text says why."""


class Known(Protocol):
    """What counts of a command here."""

    @property
    def arguments(self) -> type: ...

    @property
    def required_permission(self) -> Permission: ...

    def least_permission(self, typed: object, line: CommandLine) -> Permission: ...


@dataclass(frozen=True, slots=True)
class Stored:
    """A delivery as it was sent, but for its signature."""

    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reading:
    """One command line: what was read from it, or why nothing was."""

    line: str
    blocks: int
    command: Any | None
    """The verb's dataclass with its arguments."""
    spelled: str
    """The same as it would be typed."""
    needs: Permission
    misread: str
    """A sentence, when there is no command."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What a delivery would lead to."""

    event: str
    what: str
    commands: tuple[Reading, ...] = ()
    notes: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """As it is printed."""
        yield f"{self.event}: {self.what}"
        for place, reading in enumerate(self.commands, 1):
            yield ""
            yield f"{place}. {_typed(reading)}"
            if reading.command is None:
                yield f"   misread: {reading.misread}"
            else:
                yield f"   read:    {_shown(reading.command)}"
                yield f"   means:   /depot {reading.spelled}"
                yield f"   needs:   {_role(reading.needs)}"
        if self.notes:
            yield ""
            yield from self.notes


# --- from a file to a delivery -------------------------------------------------------------------


class _Sent(msgspec.Struct):
    """A request as GitHub keeps it."""

    headers: dict[str, Any] | None = None
    payload: msgspec.Raw = msgspec.Raw()


class _Kept(_Sent):
    """The same, or what `GET /app/hook/deliveries/{id}` answers: that has it inside."""

    request: _Sent | None = None


def stored(text: bytes, event: str = "") -> Stored:
    """The delivery in a file: `{"headers": …, "payload": …}`, GitHub's whole answer about one, or a
    payload alone, whose *event* has to be given. Raises Unreadable."""
    try:
        kept = msgspec.json.decode(text, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Unreadable(f"no delivery in JSON: {error}") from None
    sent = kept.request or kept
    payload = bytes(sent.payload)
    is_alone = sent.headers is None and not payload
    if not is_alone and payload in {b"", b"null"}:
        raise Unreadable("it holds no payload")
    headers = {name.lower(): str(value) for name, value in (sent.headers or {}).items()}
    if event:
        headers |= {"x-github-event": event}
    if not headers.get("x-github-event"):
        raise Unreadable("it does not say which event it is: use --event, e.g. issue_comment")
    # What is often not kept, as GitHub sends it.
    usual = {"content-type": "application/json", "x-github-delivery": "replayed"}
    return Stored({**usual, **headers}, text if is_alone else payload)


# --- from a delivery to what would be decided ----------------------------------------------------


def replay(stored: Stored, commands: Mapping[str, Known]) -> Replay:
    """What the bot would read from a delivery, given its command table."""
    event = stored.headers.get("x-github-event", "")
    try:
        delivery = webhooks.delivery(stored.headers)
        happened = webhooks.read(delivery, stored.body)
    except webhooks.DeliveryRejected as no:
        return Replay(event, f"turned away with {no.status}: {no}")
    match happened:
        case deliveries.CommentWritten(comments):
            return _comments(event, comments, commands)
        case deliveries.HeadChanged():
            where = "a fork" if happened.in_fork else "the repository itself"
            what = (
                f"since {_time(happened.since)} the head of {happened.repo}#{happened.number} is "
                f"{happened.sha}, in {where}; this is noted"
            )
            return Replay(event, what, notes=(_follows(happened.event),))
        case deliveries.CheckRunChanged(repo, sha):
            return Replay(event, f"Depot's check on {repo} at {sha} moved: its run is looked at")
        case deliveries.Ignored(why):  # pragma: no branch - there is no other kind of event
            return Replay(event, _ignored(why))


def _ignored(why: str) -> str:
    return f"ignored: {_IGNORED.get(why, why)}"


_IGNORED = {
    "event": "the bot does not read this event",
    "action": "the bot does not read this action of it",
    "no command": "no line in it begins with /depot outside code, quotes and HTML",
    "too long": "it is longer than GitHub's comments can be",
    "not sent by its author": "it was not sent by the author of the comment",
}

_SOURCES = {
    Source.ISSUE_COMMENT: "a comment",
    Source.REVIEW_COMMENT: "a review comment",
    Source.REVIEW: "a review",
}


def _comments(event: str, comments: tuple[Comment, ...], commands: Mapping[str, Known]) -> Replay:
    written = next((one for one in comments if one.event is None), None)
    notes = [_follows(one) for one in comments if one.event is not None]
    if written is not None and written.text:
        written = replace(written, lines=tuple(find_command_lines(written.text)), text="")
        if not written.lines and not notes:
            return Replay(event, _ignored("no command"))
    if written is None or not written.lines:
        (first, *_) = comments
        return Replay(event, f"something happened to {first.repo}#{first.number}", (), tuple(notes))
    if len(written.lines) > MAX_COMMANDS:
        notes.append(refusals.too_many_commands())
    if written.author.is_bot:
        notes.append(
            f"{written.author.login} is a bot: read where the repository's config names it."
        )
    if written.reviewed is not None:
        notes.append(f"What it runs is the commit that was reviewed: {written.reviewed}.")
    notes.append("A repository's own config may add aliases, and may ask for other roles.")
    what = (
        f"{_SOURCES.get(written.source, 'a comment')} by {written.author.login} "
        f"on {written.repo}#{written.number}, written {_time(written.written_at)}"
    )
    readings = tuple(_reading(line, commands) for line in written.lines[:MAX_COMMANDS])
    return Replay(event, what, readings, tuple(notes))


def _reading(line: CommandLine, commands: Mapping[str, Known]) -> Reading:
    verbs = {verb: known.arguments for verb, known in commands.items()}
    typed = parse_command(line.text, verbs)
    if isinstance(typed, Misreading):
        wrong = refusals.misreading(typed, verbs)
        return Reading(line.text, len(line.blocks), None, "", Permission.NONE, wrong)
    verb = verb_of(typed, verbs)
    known = commands[verb]
    needs = known.required_permission
    needs = max(needs, known.least_permission(typed, line))
    return Reading(line.text, len(line.blocks), typed, format_command(verb, typed), needs, "")


def _follows(comment: Comment) -> str:
    event = comment.event
    assert event is not None
    what = f"{event.kind} {event.label}".strip()
    return (
        f"Automations of {comment.repo} may follow on it: {what} by {comment.author.login}, "
        f"into {event.base_branch}."
    )


def _shown(arguments: object) -> str:
    """The arguments, under their command's name."""
    return repr(arguments).replace("Arguments(", "(", 1)


def _typed(reading: Reading) -> str:
    blocks = {0: "", 1: " (and a YAML block)"}.get(
        reading.blocks, f" (and {reading.blocks} blocks)"
    )
    return f"/depot {reading.line}".rstrip() + blocks


def _role(needs: Permission) -> str:
    return "nothing: anyone may" if needs is Permission.NONE else f"the {needs.word} role"


def _time(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, UTC):%Y-%m-%d %H:%M:%S} UTC"
