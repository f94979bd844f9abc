"""The simulated GitHub and Depot, put together: what the demo and the tests play on."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import httpx

from bot.demo.simulators.depot import SimulatedDepot
from bot.demo.simulators.github import AppCredentials, SimulatedGitHub, generate_private_key

GITHUB_URL = "https://api.github.com"
DEPOT_URL = "https://api.depot.dev"

REACTIONS: Mapping[str, str] = {
    "+1": "👍",
    "-1": "👎",
    "laugh": "😄",
    "hooray": "🎉",
    "confused": "😕",
    "heart": "❤️",
    "rocket": "🚀",
    "eyes": "👀",
}
"""How GitHub shows each of its reactions."""


class Stage:
    """Both simulators on one clock, and what the bot has to know to meet them."""

    def __init__(
        self,
        *,
        now: Callable[[], float],
        private_key: str | None = None,
        hook_client: httpx.AsyncClient | None = None,
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
        self.depot = SimulatedDepot(now=now, forge=self.github)
        self.admin_password = secrets.token_urlsafe(16)

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
            "ADMIN_PASSWORD": self.admin_password,
        }
