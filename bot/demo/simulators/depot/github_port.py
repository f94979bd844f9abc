"""What the simulated Depot needs from the simulated GitHub."""

from collections.abc import Collection, Mapping
from typing import Protocol

APP_SLUG = "depot-code-access"
DEFAULT_BRANCH = "HEAD"
"""What `branch_head` is asked for the default branch, as git itself calls it."""


class Forge(Protocol):
    """The few things Depot's GitHub app reads and writes."""

    def connected(self, repo: str) -> bool:
        """Whether Depot's app is installed on the repository."""
        ...

    def files_at(self, repo: str, sha: str) -> Mapping[str, str] | None:
        """Path to text for every file of the commit; None when repository or commit is unknown."""
        ...

    def branch_head(self, repo: str, ref: str) -> str | None:
        """The commit a branch or tag stands at; `HEAD` is the default branch."""
        ...

    def from_fork(self, repo: str, sha: str) -> bool:
        """Whether the commit reached the repository only through a fork's pull request.

        Asked only when the switch `fork_head` is set to refuse.
        """
        ...

    def pull_requests_at(self, repo: str, sha: str) -> Collection[int]:
        """The pull requests whose head is this commit.

        Asked only when the switch `api_runs_found_by_pr` is on.
        """
        ...

    def upsert_check_run(
        self,
        repo: str,
        sha: str,
        name: str,
        status: str,
        conclusion: str | None,
        details_url: str,
        app_slug: str,
        *,
        new: bool,
    ) -> object:
        """Change the app's check of that name on the commit, or make one (always if `new`)."""
        ...
