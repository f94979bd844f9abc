"""What happens on GitHub, as values: a comment with commands, and an event of a pull request."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from bot.core.types import READING_COMMANDS, RepoName, Sha, WorkItemId


class Source(Enum):
    """Where on a pull request a comment was written; the value is the prefix of its id."""

    ISSUE_COMMENT = "ic"
    REVIEW_COMMENT = "rc"
    REVIEW = "rv"
    EVENT = "ev"
    """Not a comment: an event of the pull request, which may trigger automations."""


def comment_page(url: str, comment_id: int) -> str:
    """The page of a comment under the pull request that *url* leads to."""
    return f"{url.partition('#')[0]}#issuecomment-{comment_id}"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who wrote or did something on GitHub."""

    login: str
    is_bot: bool = False


@dataclass(frozen=True, slots=True)
class CommandLine:
    """One line addressed to the bot, and the YAML blocks that directly follow it."""

    text: str
    """What follows `/depot`, as typed."""
    blocks: tuple[str, ...] = ()
    is_beside_yaml: bool = False
    """The comment holds other YAML as well, which is not plainly this command's own."""
    is_near_miss: bool = False
    """It is no command line, but was probably meant as one."""

    @property
    def may_change_runs(self) -> bool:
        """Whether it may start or change a run; an alias may stand for any command."""
        verb = self.text.split(maxsplit=1)[0] if self.text.split() else "help"
        return not self.is_near_miss and verb not in READING_COMMANDS


@dataclass(frozen=True, slots=True)
class PullRequestEvent:
    """An event of a pull request that may trigger automations."""

    kind: str
    """`opened`, `synchronize`, `reopened`, `closed`, `ready_for_review`, `labeled` or
    `review_approved`."""
    guid: str
    """What it is known by: pull request, kind, commit, label and time; in a ledger of an older
    version the delivery that reported it."""
    sha: Sha
    """The head at that moment; for an approval, the approved commit."""
    base_branch: str
    label: str = ""


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on a pull request that may hold command lines.

    Or an event of the pull request: then `event` is set, `author` is who caused it, and the lines
    come from the repository's automations.
    """

    source: Source
    repo: RepoName
    number: int
    comment_id: int
    author: Actor
    written_at: float
    url: str
    lines: tuple[CommandLine, ...]
    installation: int | None = None
    """The App installation that may act on this repository, when an App received the event."""
    reviewed: Sha | None = None
    """The commit that a review, or a comment in one, was written on."""
    event: PullRequestEvent | None = None
    text: str = ""
    """The comment, while its command lines are not found yet: that takes a Markdown parser."""
    is_public: bool = True
    """Everybody can read the repository."""
    repo_id: int | None = None
    """GitHub's id of the repository, which stays when it is renamed or transferred."""

    @property
    def work_item_id(self) -> WorkItemId:
        key = self.event.guid if self.event else self.comment_id
        return WorkItemId(f"{self.source.value}-{key}")
