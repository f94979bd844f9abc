"""Issues and pull requests, and what happens to them."""

from collections.abc import Callable

from bot.demo.simulators.github.checks import Checks
from bot.demo.simulators.github.events import PullRequestChanged
from bot.demo.simulators.github.model import Commit, Issue, Label, PullRequest, Repository, User
from bot.demo.simulators.github.world import Changes


class Pulls(Checks):
    """Everything about an issue or pull request but what people write under it."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__(now)
        self._labels: dict[tuple[int, str], Label] = {}

    # Opening

    def issue(self, repo: str, author: str, *, title: str = "An issue", body: str = "") -> Issue:
        """Open a plain issue, which is no pull request."""
        repository = self.repository_named(repo)
        issue = Issue(
            id=self.next_id(),
            repository=repository,
            number=next_number(repository),
            author=self.user(author),
            title=title,
            body=as_typed(body),
            created_at=self.now(),
            updated_at=self.now(),
        )
        repository.issues[issue.number] = issue
        return issue

    def pull_request(
        self,
        repo: str,
        author: str,
        *,
        branch: str = "feature",
        files: Changes | None = None,
        title: str = "A change",
        body: str = "",
        fork: Repository | None = None,
        draft: bool = False,
        base: str | None = None,
    ) -> PullRequest:
        """Commit `files` to a branch, here or in a fork, and open a pull request for it."""
        repository = self.repository_named(repo)
        base = base or repository.default_branch
        head_repository = fork or repository
        if files is None and branch not in head_repository.branches:
            files = {"change.txt": f"{title}\n"}
        if files is not None:
            self._push(head_repository, branch, files, title, self.user(author))
        head = head_repository.commits[head_repository.branches[branch]]
        pull = PullRequest(
            id=self.next_id(),
            repository=repository,
            number=next_number(repository),
            author=self.user(author),
            title=title,
            body=as_typed(body),
            created_at=self.now(),
            updated_at=self.now(),
            head_repository=head_repository,
            head_branch=branch,
            head_sha=head.sha,
            base_branch=base,
            base_sha=repository.branches[base],
            draft=draft,
        )
        repository.issues[pull.number] = pull
        _share_head(pull)
        self.emit(PullRequestChanged("opened", pull, pull.author))
        return pull

    # Pushing

    def commit(
        self,
        repo: str,
        branch: str,
        files: Changes,
        *,
        message: str = "Change files",
        author: str | None = None,
    ) -> str:
        """Push a commit to a branch (made when missing); its pull requests follow. The new sha."""
        repository = self.repository_named(repo)
        by = self.user(author) if author else repository.owner
        return self._push(repository, branch, files, message, by).sha

    def branch(self, repo: str, name: str, *, at: str | None = None) -> str:
        """Make a branch at a commit, a branch or the default branch, without a new commit."""
        repository = self.repository_named(repo)
        commit = self.resolve(repository, at or repository.default_branch)
        if commit is None:
            raise KeyError(f"{repo} has no {at}")
        repository.branches[name] = commit.sha
        return commit.sha

    def push(
        self,
        repo: str,
        number: int,
        files: Changes,
        *,
        message: str = "More",
        by: str | None = None,
    ) -> str:
        """Add a commit to a pull request. The new head."""
        pull = self.pull(repo, number)
        sender = self.user(by) if by else pull.author
        return self._push(pull.head_repository, pull.head_branch, files, message, sender).sha

    def force_push(
        self,
        repo: str,
        number: int,
        files: Changes,
        *,
        message: str = "Rewritten",
        by: str | None = None,
    ) -> str:
        """Replace all commits of a pull request by one on its base. The new head."""
        pull = self.pull(repo, number)
        sender = self.user(by) if by else pull.author
        _copy_history(pull.repository, pull.head_repository, pull.base_sha)
        commit = self._push(
            pull.head_repository, pull.head_branch, files, message, sender, parent=pull.base_sha
        )
        return commit.sha

    def _push(
        self,
        repository: Repository,
        branch: str,
        files: Changes,
        message: str,
        sender: User,
        *,
        parent: str | None = None,
    ) -> Commit:
        commit = self.write_commit(repository, branch, files, message, sender, parent=parent)
        self.open_suites(repository, branch, commit.sha)
        for pull in self._open_pulls_from(repository, branch):
            before, pull.head_sha = pull.head_sha, commit.sha
            pull.base_sha = pull.repository.branches[pull.base_branch]
            pull.updated_at = self.now()
            _share_head(pull)
            if before != commit.sha:
                self.emit(PullRequestChanged("synchronize", pull, sender, before=before))
        return commit

    def _open_pulls_from(self, repository: Repository, branch: str) -> list[PullRequest]:
        return [
            issue
            for home in self.repositories.values()
            for issue in home.issues.values()
            if isinstance(issue, PullRequest)
            and issue.state == "open"
            and issue.head_repository is repository
            and issue.head_branch == branch
        ]

    # The state of a pull request

    def close(self, repo: str, number: int, *, by: str | None = None) -> None:
        """Close a pull request without merging it."""
        pull = self.pull(repo, number)
        pull.closed_at = pull.updated_at = self.now()
        self.emit(PullRequestChanged("closed", pull, self._actor(pull, by)))

    def reopen(self, repo: str, number: int, *, by: str | None = None) -> None:
        """Open a closed pull request again; its head is where the branch is now."""
        pull = self.pull(repo, number)
        pull.closed_at = None
        pull.updated_at = self.now()
        pull.head_sha = pull.head_repository.branches[pull.head_branch]
        _share_head(pull)
        self.emit(PullRequestChanged("reopened", pull, self._actor(pull, by)))

    def merge(self, repo: str, number: int, *, by: str | None = None) -> str:
        """Merge a pull request as one commit (a squash). The sha that the base gets."""
        pull = self.pull(repo, number)
        sender = self._actor(pull, by)
        commit = self._push(
            pull.repository,
            pull.base_branch,
            self._difference(pull),
            f"{pull.title} (#{number})",
            sender,
        )
        pull.merge_sha, pull.merged_by = commit.sha, sender
        pull.closed_at = pull.merged_at = pull.updated_at = self.now()
        self.emit(PullRequestChanged("closed", pull, sender))
        return commit.sha

    def ready_for_review(self, repo: str, number: int, *, by: str | None = None) -> None:
        """A draft is one no longer."""
        pull = self.pull(repo, number)
        pull.draft = False
        pull.updated_at = self.now()
        self.emit(PullRequestChanged("ready_for_review", pull, self._actor(pull, by)))

    def label(self, repo: str, number: int, name: str, *, by: str | None = None) -> None:
        """Put a label on a pull request."""
        pull = self.pull(repo, number)
        label = self._labels.setdefault((pull.repository.id, name), Label(self.next_id(), name))
        if label in pull.labels:
            return
        pull.labels.append(label)
        pull.updated_at = self.now()
        self.emit(PullRequestChanged("labeled", pull, self._actor(pull, by), label=label))

    def unlabel(self, repo: str, number: int, name: str, *, by: str | None = None) -> None:
        """Take a label off a pull request."""
        pull = self.pull(repo, number)
        label = self._labels[(pull.repository.id, name)]
        pull.labels.remove(label)
        pull.updated_at = self.now()
        self.emit(PullRequestChanged("unlabeled", pull, self._actor(pull, by), label=label))

    def _actor(self, pull: PullRequest, by: str | None) -> User:
        return self.user(by) if by else pull.author

    def _difference(self, pull: PullRequest) -> dict[str, str | None]:
        old, new = self.compared_files(pull)
        gone: dict[str, str | None] = {path: None for path in old if path not in new}
        return gone | {path: text for path, text in new.items() if old.get(path) != text}

    # Looking

    def thread(self, repo: str, number: int) -> Issue:
        """The issue or pull request of this number; KeyError when there is none."""
        return self.repository_named(repo).issues[number]

    def pull(self, repo: str, number: int) -> PullRequest:
        """The pull request of this number; KeyError when there is none."""
        found = self.thread(repo, number)
        if not isinstance(found, PullRequest):
            raise KeyError(f"{repo}#{number} is not a pull request")
        return found

    def pull_requests_at(self, repo: str, sha: str) -> list[int]:
        """The numbers of the open pull requests whose head is this commit."""
        repository = self.repositories.get(repo.lower())
        issues = repository.issues.values() if repository else ()
        return [
            one.number
            for one in issues
            if isinstance(one, PullRequest) and one.state == "open" and one.head_sha == sha
        ]

    def compared_files(self, pull: PullRequest) -> tuple[dict[str, str], dict[str, str]]:
        """The files at the merge base and at the head."""
        commits = pull.repository.commits
        base = self.merge_base(pull.repository, pull.base_sha, pull.head_sha)
        old = commits[base].files if base else {}
        return dict(old), dict(commits[pull.head_sha].files)

    def merge_base(self, repository: Repository, base: str, head: str) -> str | None:
        """The nearest commit that both have behind them."""
        behind = set(self.ancestors(repository, base))
        return next((sha for sha in self.ancestors(repository, head) if sha in behind), None)

    def commits_between(self, repository: Repository, base: str, head: str) -> list[Commit]:
        """The commits of `head` that `base` lacks, oldest first."""
        behind = set(self.ancestors(repository, base))
        ahead = [sha for sha in self.ancestors(repository, head) if sha not in behind]
        return [repository.commits[sha] for sha in reversed(ahead)]


def next_number(repository: Repository) -> int:
    """Issues and pull requests are numbered together."""
    return max(repository.issues, default=0) + 1


def as_typed(body: str) -> str:
    """A text as a browser sends it: with CRLF line ends."""
    return body.replace("\r\n", "\n").replace("\n", "\r\n")


def _copy_history(source: Repository, target: Repository, sha: str) -> set[str]:
    copied = set()
    queue = [sha]
    while queue:
        current = queue.pop()
        if current not in target.commits:
            target.commits[current] = source.commits[current]
            queue.extend(source.commits[current].parents)
            copied.add(current)
    return copied


def _share_head(pull: PullRequest) -> None:
    # refs/pull/N/head: what a fork's pull request brings can be read in the base by its sha.
    brought = _copy_history(pull.head_repository, pull.repository, pull.head_sha)
    pull.repository.borrowed |= brought
