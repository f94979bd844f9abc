"""Events to webhook payloads, and the signature over them."""

import hashlib
import hmac

from bot.demo.simulators.github.bodies import Json, node_id
from bot.demo.simulators.github.events import (
    CheckRunChanged,
    Commented,
    Event,
    InstallationChanged,
    Pinged,
    PullRequestChanged,
    ReviewCommented,
    Reviewed,
)
from bot.demo.simulators.github.model import Repository
from bot.demo.simulators.github.thread_bodies import ThreadBodies


def event_name(event: Event) -> str:
    """The value of `X-GitHub-Event`."""
    match event:
        case Commented():
            return "issue_comment"
        case PullRequestChanged():
            return "pull_request"
        case Reviewed():
            return "pull_request_review"
        case ReviewCommented():
            return "pull_request_review_comment"
        case CheckRunChanged():
            return "check_run"
        case InstallationChanged():
            return "installation"
        case Pinged():
            return "ping"


def repository_of(event: Event) -> Repository | None:
    """The repository an event happened in; installations and pings happen in none."""
    match event:
        case Commented(comment=comment):
            return comment.issue.repository
        case PullRequestChanged(pull=pull):
            return pull.repository
        case Reviewed(review=review):
            return review.pull.repository
        case ReviewCommented(comment=review_comment):
            return review_comment.review.pull.repository
        case CheckRunChanged(run=run):
            return run.suite.repository
        case InstallationChanged() | Pinged():
            return None


def payload(bodies: ThreadBodies, event: Event, hook: Json) -> Json:
    """The whole payload; `hook` is what a ping says about its hook."""
    match event:
        case Pinged():
            return {"zen": "Keep it logically awesome.", "hook_id": hook["id"], "hook": hook}
        case InstallationChanged():
            return {
                "action": event.action,
                "installation": bodies.installation(event.installation),
                "repositories": [bodies.brief_repository(one) for one in event.repositories],
                "requester": None,
                "sender": bodies.user(event.sender),
            }
        case _:
            return {
                "action": event.action,
                **_what(bodies, event),
                **_where(bodies, repository_of(event)),
                "sender": bodies.user(event.sender),
            }


def _what(bodies: ThreadBodies, event: Event) -> Json:
    match event:
        case Commented():
            return _commented(bodies, event)
        case PullRequestChanged():
            return _pull_request_changed(bodies, event)
        case Reviewed(review=review):
            return {
                "review": bodies.review(review),
                "pull_request": bodies.listed_pull(review.pull),
            }
        case ReviewCommented(comment=comment):
            return {
                "comment": bodies.review_comment(comment),
                "pull_request": bodies.listed_pull(comment.review.pull),
            }
        case CheckRunChanged(run=run):
            return {"check_run": bodies.event_check_run(run)}
        case _:
            return {}


def _commented(bodies: ThreadBodies, event: Commented) -> Json:
    body = {
        "issue": bodies.issue(event.comment.issue),
        "comment": bodies.comment(event.comment),
    }
    if event.action == "edited":
        body["changes"] = {"body": {"from": event.previous_body}}
    return body


def _pull_request_changed(bodies: ThreadBodies, event: PullRequestChanged) -> Json:
    pull = event.pull
    body: Json = {"number": pull.number, "pull_request": bodies.pull(pull)}
    if event.before is not None:
        body |= {"before": event.before, "after": pull.head_sha}
    if event.label is not None:
        body["label"] = bodies.label(pull.repository, event.label)
    return body


def _where(bodies: ThreadBodies, repository: Repository | None) -> Json:
    if repository is None:
        return {}
    body: Json = {"repository": bodies.repository(repository)}
    if repository.owner.type == "Organization":
        body["organization"] = bodies.organization(repository.owner)
    installation = bodies.world.installation_for(repository)
    if installation is not None:
        body["installation"] = {
            "id": installation.id,
            "node_id": node_id("MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9u", installation.id),
        }
    return body


def signatures(secret: str, body: bytes) -> dict[str, str]:
    """Both signature headers over the raw body; the SHA-1 one is legacy, but still sent."""
    key = secret.encode()
    return {
        "X-Hub-Signature": "sha1=" + hmac.new(key, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(key, body, hashlib.sha256).hexdigest(),
    }
