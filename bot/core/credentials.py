"""How the bot proves to GitHub who it is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppCredentials:
    """A GitHub App's identity (docs.github.com, "Authenticating as a GitHub App")."""

    app_id: str
    private_key: str

    def __repr__(self) -> str:
        return f"AppCredentials(app_id={self.app_id!r}, private_key=***)"


@dataclass(frozen=True, slots=True)
class TokenCredentials:
    """A bot account's own token."""

    token: str

    def __repr__(self) -> str:
        return "TokenCredentials(token=***)"


Credentials = AppCredentials | TokenCredentials
