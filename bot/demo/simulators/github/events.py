"""What happens on the simulated GitHub, as values; `webhooks.py` makes payloads of them."""

from dataclasses import dataclass
from typing import Literal

from bot.demo.simulators.github.model import (
    CheckRun,
    Comment,
    Installation,
    Label,
    PullRequest,
    Repository,
    Review,
    ReviewComment,
    User,
)


@dataclass(frozen=True, slots=True)
class Commented:
    """`issue_comment`."""

    action: Literal["created", "edited", "deleted"]
    comment: Comment
    sender: User
    previous_body: str | None = None


@dataclass(frozen=True, slots=True)
class PullRequestChanged:
    """`pull_request`."""

    action: Literal[
        "opened", "synchronize", "reopened", "closed", "labeled", "unlabeled", "ready_for_review"
    ]
    pull: PullRequest
    sender: User
    before: str | None = None
    label: Label | None = None


@dataclass(frozen=True, slots=True)
class Reviewed:
    """`pull_request_review`."""

    review: Review
    sender: User
    action: Literal["submitted"] = "submitted"


@dataclass(frozen=True, slots=True)
class ReviewCommented:
    """`pull_request_review_comment`."""

    comment: ReviewComment
    sender: User
    action: Literal["created"] = "created"


@dataclass(frozen=True, slots=True)
class CheckRunChanged:
    """`check_run`."""

    action: Literal["created", "completed"]
    run: CheckRun
    sender: User


@dataclass(frozen=True, slots=True)
class InstallationChanged:
    """`installation`."""

    action: Literal["created", "deleted", "suspend", "unsuspend", "new_permissions_accepted"]
    installation: Installation
    repositories: tuple[Repository, ...]
    sender: User


@dataclass(frozen=True, slots=True)
class Pinged:
    """`ping`: sent when a hook is made."""

    action: None = None


Event = (
    Commented
    | PullRequestChanged
    | Reviewed
    | ReviewCommented
    | CheckRunChanged
    | InstallationChanged
    | Pinged
)
