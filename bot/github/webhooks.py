"""A delivery's headers and body become a typed event, or a reason to reject it.

Pure. The signature is checked before anything is parsed, and only the fields that are used are
decoded. Beyond this file nobody sees a webhook's JSON.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Annotated

import msgspec

from bot.core.deliveries import (
    CheckRunChanged,
    CommentWritten,
    Delivery,
    Event,
    HeadChanged,
    Ignored,
)
from bot.core.events import Actor, Comment, PullRequestEvent, Source
from bot.core.types import RepoName, Sha
from bot.parsing import comments as comments_

MAX_BODY = 25 * 1024 * 1024
"""Bytes. GitHub sends no larger payload (bot/github/README.md, "Webhook deliveries")."""

MAX_COMMENT = 262_144
"""Characters. GitHub takes a quarter of it (bot/github/README.md, "Comments and
reactions")."""

DEPOT_APP = "depot-code-access"
"""Slug of the App under which Depot posts its checks (bot/depot/README.md, "Checks on
GitHub")."""

HEADERS = (
    "content-type",
    "x-github-delivery",
    "x-github-event",
    "x-github-hook-id",
    "x-hub-signature-256",
)
"""The headers of a delivery that are read here."""

NUL = b"\\u0000"
"""How JSON writes the one character that PostgreSQL does not store."""

_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")


class DeliveryRejected(Exception):
    """The delivery is not accepted; `status` is the HTTP answer."""

    status = 400


class BadSignature(DeliveryRejected):
    status = 401


class WrongContentType(DeliveryRejected):
    status = 415


class Malformed(DeliveryRejected):
    status = 400


class TooLarge(DeliveryRejected):
    status = 413


def signature(headers: Mapping[str, str]) -> str:
    """The signature that a delivery carries; raises BadSignature without one, before the body is
    read. *headers* has lower-case keys."""
    given = headers.get("x-hub-signature-256")
    if given is None:
        raise BadSignature("the X-Hub-Signature-256 header is missing")
    return given


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Check the signature against each secret in force; raises BadSignature.

    Only SHA-256 counts: the SHA-1 header is legacy (bot/github/README.md, "Signatures").
    *headers* has lower-case keys.
    """
    given = signature(headers).encode("utf-8", "replace")
    for secret in secrets:
        digest = hmac.digest(secret.encode(), body, "sha256").hex()
        if hmac.compare_digest(given, b"sha256=" + digest.encode()):
            return
    raise BadSignature("the signature does not fit the body and the secret")


def delivery(headers: Mapping[str, str]) -> Delivery:
    """Which delivery this is; raises WrongContentType or Malformed."""
    content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json":
        raise WrongContentType("set the webhook's content type to application/json")
    event = headers.get("x-github-event", "")
    guid = headers.get("x-github-delivery", "")
    if not event or not _GUID.fullmatch(guid):
        raise Malformed("the X-GitHub-Event or X-GitHub-Delivery header is missing")
    # One event goes to several hooks under the same guid; without the header there is one hook.
    hook = headers.get("x-github-hook-id", "")
    if hook and not _GUID.fullmatch(hook):
        raise Malformed("the X-GitHub-Hook-ID header is not an id")
    return Delivery(hook, guid, event)


def read(delivery: Delivery, body: bytes) -> Event:
    """What happened, as far as it concerns us; raises Malformed."""
    reader = _READERS.get(delivery.event)
    if reader is None:
        return Ignored("event")
    try:
        event = reader(body, delivery.guid)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as wrong:
        raise Malformed(f"the body is not a GitHub {delivery.event} payload: {wrong}") from None
    # Looked for in what is stored only: the body is many times as long.
    if not isinstance(event, Ignored) and NUL in msgspec.json.encode(event).replace(b"\\\\", b""):
        raise Malformed("the body holds a NUL character where there can be none")
    return event


_Id = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""An id that the ledger can hold."""

_Number = Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)]


_Name = Annotated[str, msgspec.Meta(max_length=300)]
"""A text that can be looked up: PostgreSQL indexes none of more than 2,704 bytes."""


class _User(msgspec.Struct):
    login: _Name
    type: str = "User"

    def actor(self) -> Actor:
        return Actor(self.login, is_bot=self.type != "User")


class _NamedRepository(msgspec.Struct):
    full_name: Annotated[str, msgspec.Meta(max_length=300, pattern=r"^[^/]+/[^/]+$")]


class _Repository(_NamedRepository):
    private: bool = False
    """Not everybody can read it: so for internal ones, too."""
    id: _Id | None = None


class _Installation(msgspec.Struct):
    id: _Id


class _Written(msgspec.Struct):
    """A comment, a review comment or a review: what all three have."""

    id: _Id
    html_url: str
    user: _User | None = None
    body: str | None = None
    created_at: datetime | None = None
    submitted_at: datetime | None = None
    commit_id: _Name | None = None
    original_commit_id: _Name | None = None
    in_reply_to_id: _Id | None = None
    state: str = ""

    @property
    def reviewed(self) -> Sha | None:
        """The commit it was written on. GitHub moves `commit_id` of a comment with the head
        (bot/github/README.md, "Webhook payloads").

        None for a reply in a thread: its author did not choose the thread's commit.
        """
        if self.in_reply_to_id is not None:
            return None
        sha = self.original_commit_id or self.commit_id
        return Sha(sha) if sha else None


class _Links(msgspec.Struct):
    """`issue.pull_request`: its presence is what counts."""


class _Ref(msgspec.Struct):
    sha: _Name
    ref: str
    repo: _NamedRepository | None = None


class _Issue(msgspec.Struct):
    number: _Number
    pull_request: _Links | None = None


class _PullRequest(msgspec.Struct):
    number: _Number
    html_url: str
    updated_at: datetime
    head: _Ref
    base: _Ref


class _Label(msgspec.Struct):
    name: str


class _PullRequestEvent(msgspec.Struct):
    action: str
    pull_request: _PullRequest
    repository: _Repository
    sender: _User
    label: _Label | None = None
    before: _Name | None = None
    installation: _Installation | None = None


class _IssueComment(msgspec.Struct):
    action: str
    issue: _Issue
    comment: _Written
    repository: _Repository
    sender: _User
    installation: _Installation | None = None


class _ReviewComment(msgspec.Struct):
    action: str
    pull_request: _PullRequest
    comment: _Written
    repository: _Repository
    sender: _User
    installation: _Installation | None = None


class _Review(msgspec.Struct):
    action: str
    pull_request: _PullRequest
    review: _Written
    repository: _Repository
    sender: _User
    installation: _Installation | None = None


class _App(msgspec.Struct):
    slug: str | None = None


class _Check(msgspec.Struct):
    head_sha: _Name
    app: _App | None = None


class _CheckRun(msgspec.Struct):
    check_run: _Check
    repository: _NamedRepository


_decode_issue_comment = msgspec.json.Decoder(_IssueComment).decode
_decode_review_comment = msgspec.json.Decoder(_ReviewComment).decode
_decode_review = msgspec.json.Decoder(_Review).decode
_decode_check_run = msgspec.json.Decoder(_CheckRun).decode
_decode_pull_request = msgspec.json.Decoder(_PullRequestEvent).decode

_SETS_HEAD = frozenset({"opened", "synchronize", "reopened"})
_OTHER_ACTIONS = frozenset({"ready_for_review", "labeled", "closed"})


def _check_run(body: bytes, _: str) -> Event:
    payload = _decode_check_run(body)
    app = payload.check_run.app
    if app is None or app.slug != DEPOT_APP:
        return Ignored("not Depot's check")
    return CheckRunChanged(RepoName(payload.repository.full_name), Sha(payload.check_run.head_sha))


def _pull_request(body: bytes, guid: str) -> Event:
    payload = _decode_pull_request(body)
    action, pull = payload.action, payload.pull_request
    if action not in _SETS_HEAD | _OTHER_ACTIONS:
        return Ignored("action")
    event = PullRequestEvent(
        kind=action,
        guid=guid,
        sha=Sha(pull.head.sha),
        base_branch=pull.base.ref,
        label=payload.label.name if payload.label else "",
    )
    comment = _event_item(event, payload, pull, _seconds(pull.updated_at))
    if action in _OTHER_ACTIONS:
        return CommentWritten((comment,))
    return HeadChanged(
        repo=comment.repo,
        number=pull.number,
        sha=event.sha,
        since=comment.written_at,
        in_fork=pull.head.repo is None or pull.head.repo.full_name != comment.repo,
        event=comment,
        before=Sha(payload.before) if payload.before else None,
    )


def _issue_comment(body: bytes, _: str) -> Event:
    payload = _decode_issue_comment(body)
    if payload.action != "created":
        return Ignored("action")
    if payload.issue.pull_request is None:
        return Ignored("not a pull request")
    return _written(_comment(Source.ISSUE_COMMENT, payload, payload.issue.number, payload.comment))


def _review_comment(body: bytes, _: str) -> Event:
    payload = _decode_review_comment(body)
    if payload.action != "created":
        return Ignored("action")
    number = payload.pull_request.number
    return _written(_comment(Source.REVIEW_COMMENT, payload, number, payload.comment))


def _review(body: bytes, guid: str) -> Event:
    payload = _decode_review(body)
    if payload.action != "submitted":
        return Ignored("action")
    pull, review = payload.pull_request, payload.review
    comment = _comment(Source.REVIEW, payload, pull.number, review)
    by_its_author = review.user is not None and review.user.login == payload.sender.login
    if review.state != "approved" or not review.commit_id or not by_its_author:
        return _written(comment)
    event = PullRequestEvent(
        kind="review_approved",
        guid=guid,
        sha=Sha(review.commit_id),
        base_branch=pull.base.ref,
    )
    approval = _event_item(event, payload, pull, _seconds(review.submitted_at))
    if isinstance(comment, str):
        return CommentWritten((approval,))
    return CommentWritten((comment, approval))


def _written(comment: Comment | str) -> Event:
    """What is to be stored; a text says why there is no comment."""
    return Ignored(comment) if isinstance(comment, str) else CommentWritten((comment,))


def _comment(
    source: Source,
    payload: _IssueComment | _ReviewComment | _Review,
    number: int,
    written: _Written,
) -> Comment | str:
    """A comment that may hold commands, or why it holds none."""
    body = written.body or ""
    if len(body) > MAX_COMMENT:
        return "too long"
    # Nobody waits here for a Markdown parser: where it takes one, the worker finds the lines.
    lines = comments_.find_plain_command(body)
    if lines == []:
        return "no command"
    if written.user is None or written.user.login != payload.sender.login:
        return "not sent by its author"
    return Comment(
        source=source,
        repo=RepoName(payload.repository.full_name),
        number=number,
        comment_id=written.id,
        author=written.user.actor(),
        written_at=_seconds(written.created_at or written.submitted_at),
        url=written.html_url,
        lines=tuple(lines or ()),
        text=comments_.normalized(body) if lines is None else "",
        installation=payload.installation.id if payload.installation else None,
        reviewed=written.reviewed,
        is_public=not payload.repository.private,
        repo_id=payload.repository.id,
    )


def _event_item(
    event: PullRequestEvent,
    payload: _PullRequestEvent | _Review,
    pull: _PullRequest,
    at: float,
) -> Comment:
    # An event is known by what it is: the same bytes may come again under another delivery id.
    what = (payload.repository.full_name, pull.number, event.kind, event.sha, event.label, at)
    event = replace(event, guid=sha256(repr(what).encode()).hexdigest()[:32])
    return Comment(
        source=Source.EVENT,
        repo=RepoName(payload.repository.full_name),
        number=pull.number,
        comment_id=0,
        author=payload.sender.actor(),
        written_at=at,
        url=pull.html_url,
        lines=(),
        installation=payload.installation.id if payload.installation else None,
        reviewed=event.sha if event.kind == "review_approved" else None,
        event=event,
        is_public=not payload.repository.private,
        repo_id=payload.repository.id,
    )


def _seconds(moment: datetime | None) -> float:
    if moment is None or moment.tzinfo is None:
        raise msgspec.ValidationError("Object has no time in it")
    if not 1970 <= moment.year < 9999:
        raise msgspec.ValidationError("Object has a time that is none")  # cannot be written in UTC
    return moment.timestamp()


_READERS = {
    "check_run": _check_run,
    "pull_request": _pull_request,
    "issue_comment": _issue_comment,
    "pull_request_review_comment": _review_comment,
    "pull_request_review": _review,
}

EVENTS = frozenset(_READERS)
"""The events that are read, as an App subscribes to them."""
