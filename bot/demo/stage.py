"""The simulated GitHub and Depot, put together: what the demo and the tests play on."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

import httpx2

from bot.demo.depot import DEFAULT_BRANCH, SimulatedDepot
from bot.demo.github import AppCredentials, PullRequest, SimulatedGitHub, generate_private_key

GITHUB_URL = "https://api.github.com"
DEPOT_URL = "https://api.depot.dev"


class Stage:
    """Both simulators on one clock, and what the bot has to know to meet them."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        private_key: str | None = None,
        hook_client: httpx2.AsyncClient | None = None,
        jwt_now: Callable[[], float] | None = None,
    ) -> None:
        self.credentials = AppCredentials(
            app_id=41,
            slug="depot-bot",
            private_key_pem=private_key or generate_private_key(),
            webhook_secret="a-secret-for-the-demo",
        )
        self.github = SimulatedGitHub(
            now=now,
            webhook_secret=self.credentials.webhook_secret,
            app=self.credentials,
            client=hook_client,
            jwt_now=jwt_now,
        )
        self.depot = SimulatedDepot(now=now, forge=_Forge(self.github))

    def environment(
        self, *, github_url: str = GITHUB_URL, depot_url: str = DEPOT_URL, database_url: str
    ) -> dict[str, str]:
        """The environment variables under which the bot meets these two."""
        return {
            "GITHUB_WEBHOOK_SECRET": self.credentials.webhook_secret,
            "GITHUB_APP_ID": str(self.credentials.app_id),
            "GITHUB_PRIVATE_KEY": self.credentials.private_key_pem,
            "GITHUB_API_URL": github_url,
            "DEPOT_TOKEN": self.depot.token,
            "DEPOT_API_URL": depot_url,
            "DATABASE_URL": database_url,
        }


class _Forge:
    """The simulated GitHub as the simulated Depot's own app sees it."""

    def __init__(self, github: SimulatedGitHub) -> None:
        self._github = github

    def connected(self, repo: str) -> bool:
        return self._github.connected(repo)

    def files_at(self, repo: str, sha: str) -> Mapping[str, str] | None:
        return self._github.files_at(repo, sha)

    def branch_head(self, repo: str, ref: str) -> str | None:
        try:
            repository = self._github.repository_named(repo)
        except KeyError:
            return None
        branch = repository.default_branch if ref == DEFAULT_BRANCH else ref
        return repository.branches.get(branch.removeprefix("refs/heads/"))

    def from_fork(self, repo: str, sha: str) -> bool:
        return any(pull.from_fork for pull in self._pulls(repo) if pull.head_sha == sha)

    def pull_requests_at(self, repo: str, sha: str) -> Collection[int]:
        return [pull.number for pull in self._pulls(repo) if pull.head_sha == sha]

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
        return self._github.upsert_check_run(
            repo, sha, name, status, conclusion, details_url, app_slug, new=new
        )

    def _pulls(self, repo: str) -> list[PullRequest]:
        issues = self._github.repository_named(repo).issues.values()
        return [issue for issue in issues if isinstance(issue, PullRequest)]
