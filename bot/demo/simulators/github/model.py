"""What exists on the simulated GitHub: plain records, changed only by the world that owns them.

Times are seconds since the epoch on the simulated clock; rendering cuts them to whole seconds,
as GitHub does.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

AccountType = Literal["User", "Organization", "Bot"]
ReviewState = Literal["commented", "approved", "changes_requested"]

REACTIONS = ("+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes")

# GitHub's coarse `permission` for each of its own roles.
COARSE_PERMISSION: Mapping[str, str] = {
    "admin": "admin",
    "maintain": "write",
    "write": "write",
    "triage": "read",
    "read": "read",
    "none": "none",
}


@dataclass(slots=True, eq=False)
class User:
    """An account: a person, an organisation, or the bot account of an App."""

    id: int
    login: str
    type: AccountType
    created_at: float


@dataclass(frozen=True, slots=True)
class Role:
    """What someone may do in a repository: one of GitHub's roles, or a custom one on top of one."""

    name: str
    base: str

    @property
    def permission(self) -> str:
        """The coarse permission that GitHub reports beside the role's name."""
        return COARSE_PERMISSION[self.base]

    @property
    def can_write(self) -> bool:
        """Whether this role may push and moderate comments."""
        return self.permission in {"admin", "write"}


@dataclass(slots=True, eq=False)
class App:
    """A GitHub App as others see it."""

    id: int
    slug: str
    name: str
    owner: User
    permissions: dict[str, str]
    events: list[str]
    created_at: float
    url: str

    @property
    def client_id(self) -> str:
        """The App's OAuth client id, which GitHub also accepts as a JWT's issuer."""
        return f"Iv23li{self.id:014d}"


@dataclass(slots=True, eq=False)
class Installation:
    """An App installed on an account; `repositories` is None when it covers all of them."""

    id: int
    app: App
    account: User
    permissions: dict[str, str]
    events: list[str]
    created_at: float
    repositories: set[str] | None = None
    suspended_at: float | None = None

    def covers(self, repository: "Repository") -> bool:
        """Whether this installation reaches the repository."""
        if repository.owner is not self.account:
            return False
        return self.repositories is None or repository.full_name in self.repositories


@dataclass(frozen=True, slots=True)
class Commit:
    """A commit with its whole tree; a tree is small here, so sharing blobs is not worth it."""

    sha: str
    files: Mapping[str, str]
    parents: tuple[str, ...]
    message: str
    author: User
    date: float

    @property
    def tree_sha(self) -> str:
        """A stable name for the tree."""
        return tree_sha(self.files)


@dataclass(slots=True, eq=False)
class Repository:
    """A repository, its branches and every commit that can be read in it by its sha."""

    id: int
    owner: User
    name: str
    private: bool
    default_branch: str
    created_at: float
    fork_of: "Repository | None" = None
    # For the members of its organisation, as which everybody counts here, and for nobody else.
    internal: bool = False
    # Whether Depot's own App may see it; the simulated Depot asks.
    connected: bool = True
    pushed_at: float = 0.0
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    # Those of them that only pull requests from forks have brought.
    borrowed: set[str] = field(default_factory=set)
    roles: dict[str, Role] = field(default_factory=dict)
    issues: "dict[int, Issue]" = field(default_factory=dict)

    @property
    def visibility(self) -> str:
        if self.private:
            return "private"
        return "internal" if self.internal else "public"

    @property
    def full_name(self) -> str:
        """`owner/name`."""
        return f"{self.owner.login}/{self.name}"


@dataclass(frozen=True, slots=True)
class Label:
    """A label of a repository."""

    id: int
    name: str


@dataclass(slots=True, eq=False)
class Issue:
    """An issue, or what a pull request has in common with one."""

    id: int
    repository: Repository
    number: int
    author: User
    title: str
    body: str
    created_at: float
    updated_at: float
    closed_at: float | None = None
    locked: bool = False
    labels: list[Label] = field(default_factory=list)
    comments: "list[Comment]" = field(default_factory=list)

    @property
    def state(self) -> Literal["open", "closed"]:
        """Open until it has been closed."""
        return "open" if self.closed_at is None else "closed"


@dataclass(slots=True, eq=False, kw_only=True)
class PullRequest(Issue):
    """A pull request; `head_repository` is another repository when it comes from a fork."""

    head_repository: Repository
    head_branch: str
    head_sha: str
    base_branch: str
    # The tip of the base when the pull request was opened or last pushed to.
    base_sha: str
    draft: bool = False
    merged_at: float | None = None
    merged_by: User | None = None
    merge_sha: str | None = None
    reviews: "list[Review]" = field(default_factory=list)
    review_comments: "list[ReviewComment]" = field(default_factory=list)

    @property
    def from_fork(self) -> bool:
        """Whether the head lies in another repository."""
        return self.head_repository is not self.repository


@dataclass(frozen=True, slots=True)
class Reaction:
    """One person's reaction."""

    id: int
    user: User
    content: str
    created_at: float


@dataclass(frozen=True, slots=True)
class Version:
    """What a comment said from `time` on."""

    time: float
    body: str


@dataclass(slots=True, eq=False)
class Comment:
    """A comment in the conversation of an issue or a pull request."""

    id: int
    issue: Issue
    author: User
    created_at: float
    versions: list[Version]
    via_app: App | None = None
    reactions: list[Reaction] = field(default_factory=list)

    @property
    def body(self) -> str:
        """What it says now."""
        return self.versions[-1].body

    @property
    def updated_at(self) -> float:
        """When it last changed."""
        return self.versions[-1].time

    @property
    def edits(self) -> list[Version]:
        """Every version after the first."""
        return self.versions[1:]


@dataclass(slots=True, eq=False)
class Review:
    """A review; `commit_id` is the head that was reviewed."""

    id: int
    pull: PullRequest
    author: User
    body: str
    state: ReviewState
    commit_id: str
    submitted_at: float


@dataclass(slots=True, eq=False)
class ReviewComment:
    """A comment on a line of the diff; each belongs to a review."""

    id: int
    review: Review
    author: User
    body: str
    path: str
    commit_id: str
    created_at: float
    in_reply_to: "ReviewComment | None" = None
    """The comment that began the thread."""
    reactions: list[Reaction] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class CheckSuite:
    """All checks of one App on one commit."""

    id: int
    repository: Repository
    app: App
    head_sha: str
    head_branch: str | None
    created_at: float
    updated_at: float


@dataclass(frozen=True, slots=True)
class CheckOutput:
    """The text of a check run."""

    title: str | None = None
    summary: str | None = None
    text: str | None = None


@dataclass(slots=True, eq=False)
class CheckRun:
    """One check."""

    id: int
    suite: CheckSuite
    name: str
    status: str
    conclusion: str | None
    details_url: str
    external_id: str
    started_at: float
    completed_at: float | None = None
    output: CheckOutput = CheckOutput()


def blob_sha(content: str) -> str:
    """The name that git gives to a file with this content."""
    data = content.encode()
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def tree_sha(files: Mapping[str, str]) -> str:
    """A name for a set of files: equal trees, equal names."""
    lines = "".join(f"{blob_sha(text)} {path}\n" for path, text in sorted(files.items()))
    return hashlib.sha1(b"tree\0" + lines.encode()).hexdigest()


def commit_sha(
    files: Mapping[str, str], parents: tuple[str, ...], author: str, message: str
) -> str:
    """A name for a commit. The date is left out, so that the same story has the same shas."""
    head = "".join(f"parent {parent}\n" for parent in parents)
    text = f"tree {tree_sha(files)}\n{head}author {author}\n\n{message}\n"
    return hashlib.sha1(b"commit\0" + text.encode()).hexdigest()
