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
    """Somebody wrote a comment that holds a command, or there was an event that automations may
    follow; an approval can be both."""

    comments: tuple[Comment, ...]


@dataclass(frozen=True, slots=True)
class HeadChanged:
    """A pull request's head is this commit since then, by GitHub's clock."""

    repo: RepoName
    number: int
    sha: Sha
    since: float
    in_fork: bool
    event: Comment
    """The same as something that automations may follow."""


@dataclass(frozen=True, slots=True)
class CheckRunChanged:
    """Depot's check of a job moved: runs on that commit are worth a look at once."""

    repo: RepoName
    sha: Sha


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing in it is for us."""

    why: str


Event = CommentWritten | HeadChanged | CheckRunChanged | Ignored
