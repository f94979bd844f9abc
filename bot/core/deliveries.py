"""What a webhook delivery says, as values."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.events import Comment
from bot.core.types import RepoName, Sha


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook delivery. The same delivery sent again has the same hook and guid."""

    hook: str
    guid: str
    event: str


@dataclass(frozen=True, slots=True)
class CommentWritten:
    """A comment that may hold a command, or an event that may trigger automations; an approval can
    be both."""

    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class HeadChanged:
    """A pull request has a new head."""

    repo: RepoName
    number: int
    sha: Sha
    since: float
    """When it became the head, by GitHub's clock."""
    in_fork: bool
    event: Comment
    """The same change as an event that may trigger automations."""
    before: Sha | None = None
    """The head that was left, where GitHub says so."""


@dataclass(frozen=True, slots=True)
class CheckRunChanged:
    """Depot's check of a job changed: runs on that commit are polled at once."""

    repo: RepoName
    sha: Sha


@dataclass(frozen=True, slots=True)
class Ignored:
    """The delivery holds nothing for the bot."""

    why: str


Stored = CommentWritten | HeadChanged | CheckRunChanged
"""What a delivery holds for the bot."""

Event = Stored | Ignored
