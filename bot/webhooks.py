"""The door: a delivery's headers and body become a typed event, or a reason to turn it away.

Pure. The signature is checked before anything is parsed, and only the fields that are used are
decoded. Beyond this file nobody sees a webhook's JSON.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec

from bot import grammar
from bot.types import Actor, Comment, RepoName, Sha, Source

MAX_BODY = 25 * 1024 * 1024
"""GitHub sends no payload larger than this (docs.github.com, webhook payload cap)."""

DEPOT_APP = "depot-code-access"
"""Slug of the App under which Depot posts its checks (depot-api.md section 11)."""

_GUID = re.compile(r"[0-9A-Za-z-]{1,64}")


class Rejected(Exception):
    """The delivery is not accepted; `status` is the HTTP answer."""

    status = 400


class BadSignature(Rejected):
    status = 401


class WrongContentType(Rejected):
    status = 415


class Malformed(Rejected):
    status = 400


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook delivery. The same delivery sent again has the same hook and guid."""

    hook: str
    guid: str
    event: str


@dataclass(frozen=True, slots=True)
class CommentWritten:
    """Somebody wrote a comment that holds a command."""

    comment: Comment


@dataclass(frozen=True, slots=True)
class CheckMoved:
    """Depot's check of a job moved: runs on that commit are worth a look at once."""

    repo: RepoName
    sha: Sha


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing in it is for us."""

    why: str


Event = CommentWritten | CheckMoved | Ignored


def verify(headers: Mapping[str, str], body: bytes, secrets: Sequence[str]) -> None:
    """Check the signature against each secret in force; raises BadSignature.

    Only SHA-256 counts: the SHA-1 header is legacy (docs.github.com, "Validating webhook
    deliveries"). *headers* has lower-case keys.
    """
    signature = headers.get("x-hub-signature-256")
    if signature is None:
        raise BadSignature("the X-Hub-Signature-256 header is missing")
    given = signature.encode("utf-8", "replace")
    for secret in secrets:
        digest = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
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


def read(event: str, body: bytes) -> Event:
    """What happened, as far as it concerns us; raises Malformed.

    *event* is the X-GitHub-Event header.
    """
    reader = _READERS.get(event)
    if reader is None:
        return Ignored("event")
    try:
        return reader(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as wrong:
        raise Malformed(f"the body is not a GitHub {event} payload: {wrong}") from None


# --- the parts of the payloads that are used -----------------------------------------------------


class _User(msgspec.Struct):
    login: str
    type: str = "User"

    def actor(self) -> Actor:
        return Actor(self.login, is_bot=self.type != "User")


class _Repository(msgspec.Struct):
    full_name: str


class _Installation(msgspec.Struct):
    id: int


class _Written(msgspec.Struct):
    """A comment, a review comment or a review: what all three have."""

    id: int
    html_url: str
    user: _User | None = None
    body: str | None = None
    created_at: datetime | None = None
    submitted_at: datetime | None = None
    commit_id: str | None = None


class _Links(msgspec.Struct):
    """`issue.pull_request`: its presence is what counts."""


class _Issue(msgspec.Struct):
    number: int
    pull_request: _Links | None = None


class _PullRequest(msgspec.Struct):
    number: int


class _Action(msgspec.Struct):
    action: str


class _IssueComment(msgspec.Struct):
    issue: _Issue
    comment: _Written
    repository: _Repository
    sender: _User
    installation: _Installation | None = None


class _ReviewComment(msgspec.Struct):
    pull_request: _PullRequest
    comment: _Written
    repository: _Repository
    sender: _User
    installation: _Installation | None = None


class _Review(msgspec.Struct):
    pull_request: _PullRequest
    review: _Written
    repository: _Repository
    sender: _User
    installation: _Installation | None = None


class _App(msgspec.Struct):
    slug: str | None = None


class _Check(msgspec.Struct):
    head_sha: str
    app: _App | None = None


class _CheckRun(msgspec.Struct):
    check_run: _Check
    repository: _Repository


_decode_action = msgspec.json.Decoder(_Action).decode
_decode_issue_comment = msgspec.json.Decoder(_IssueComment).decode
_decode_review_comment = msgspec.json.Decoder(_ReviewComment).decode
_decode_review = msgspec.json.Decoder(_Review).decode
_decode_check_run = msgspec.json.Decoder(_CheckRun).decode


def _check_run(body: bytes) -> Event:
    payload = _decode_check_run(body)
    app = payload.check_run.app
    if app is None or app.slug != DEPOT_APP:
        return Ignored("not Depot's check")
    return CheckMoved(RepoName(payload.repository.full_name), Sha(payload.check_run.head_sha))


def _issue_comment(body: bytes) -> Event:
    if _decode_action(body).action != "created":
        return Ignored("action")
    payload = _decode_issue_comment(body)
    if payload.issue.pull_request is None:
        return Ignored("not a pull request")
    return _comment(Source.ISSUE_COMMENT, payload, payload.issue.number, payload.comment)


def _review_comment(body: bytes) -> Event:
    if _decode_action(body).action != "created":
        return Ignored("action")
    payload = _decode_review_comment(body)
    return _comment(Source.REVIEW_COMMENT, payload, payload.pull_request.number, payload.comment)


def _review(body: bytes) -> Event:
    if _decode_action(body).action != "submitted":
        return Ignored("action")
    payload = _decode_review(body)
    return _comment(Source.REVIEW, payload, payload.pull_request.number, payload.review)


def _comment(
    source: Source,
    payload: _IssueComment | _ReviewComment | _Review,
    number: int,
    written: _Written,
) -> Event:
    lines = grammar.lines(written.body or "")
    if not lines:
        return Ignored("no command")
    if written.user is None or written.user.login != payload.sender.login:
        return Ignored("not sent by its author")
    moment = written.created_at or written.submitted_at
    if moment is None or moment.tzinfo is None:
        raise msgspec.ValidationError("Object missing required field `created_at`")
    return CommentWritten(
        Comment(
            source=source,
            repo=RepoName(payload.repository.full_name),
            number=number,
            comment_id=written.id,
            author=written.user.actor(),
            written_at=moment.timestamp(),
            url=written.html_url,
            # One more than allowed is kept, so that the reply can say so.
            lines=tuple(lines[: grammar.MAX_COMMANDS + 1]),
            installation=payload.installation.id if payload.installation else None,
            reviewed=Sha(written.commit_id) if written.commit_id else None,
        )
    )


_READERS = {
    "check_run": _check_run,
    "issue_comment": _issue_comment,
    "pull_request_review_comment": _review_comment,
    "pull_request_review": _review,
}
