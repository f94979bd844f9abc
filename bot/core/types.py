"""Types that all of the bot shares: plain values.

Times are seconds since the epoch (UTC) as `float`; durations are seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any, NewType

RepoName = NewType("RepoName", str)
"""`owner/name`, as GitHub spells it."""

Sha = NewType("Sha", str)
"""A commit: all 40 hexadecimal digits, lower case."""

RunId = NewType("RunId", str)
"""Depot's id of a run: opaque."""

WorkItemId = NewType("WorkItemId", str)
"""The id of one comment or event, e.g. `ic-2400012`."""

CommandId = NewType("CommandId", str)
"""The id of one command: its work item's id and its position in it, e.g. `ic-2400012.1`."""

CHECK_CONFIG = "check-config"
"""The internal command for a changed config; nobody can type it or give an alias that name."""

CANCEL_OUTDATED = "cancel-outdated"
"""The internal command that cancels what was started on an earlier head; as above."""

READING_COMMANDS = frozenset(
    {"status", "logs", "why", "artifacts", "flaky", "list", "can-i", "help", CHECK_CONFIG}
)
"""The commands that neither start nor change a run."""

WORKFLOW_FOLDER = ".depot/workflows"
"""Where Depot reads workflow files (bot/depot/README.md, "Workflow files")."""


class Permission(IntEnum):
    """A person's role in a repository, least first (GitHub's `role_name`)."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    MAINTAIN = 4
    ADMIN = 5
    NOBODY = 6
    """Above every role: a repository forbids something with it."""

    @property
    def word(self) -> str:
        """The role as GitHub writes it; for a command that needs none, "anyone"."""
        return "anyone" if self is Permission.NONE else self.name.lower()

    @classmethod
    def from_role(cls, role_name: str, coarse: str = "") -> Permission:
        """The permission for GitHub's `role_name`; a custom role, or none at all from an older
        server, counts as the *coarse* `permission`: read, write or admin."""
        known = (cls.READ, cls.TRIAGE, cls.WRITE, cls.MAINTAIN, cls.ADMIN)
        role = next((role for role in known if role.word == role_name.lower()), None)
        if role is not None:
            return role
        base = (cls.READ, cls.WRITE, cls.ADMIN)
        return next((role for role in base if role.word == coarse), cls.NONE)


class Detail(StrEnum):
    """What is quoted from a run: its output, or what Depot says of its failure."""

    LOGS = "logs"
    DIAGNOSIS = "diagnosis"


@dataclass(frozen=True, slots=True)
class Head:
    """A pull request's newest commit, and the branch that it is on."""

    sha: Sha
    branch: str
    repo: RepoName | None
    """The repository the head branch is in; none when a fork has been deleted."""
    base: RepoName

    @property
    def in_fork(self) -> bool:
        return self.repo is None or self.repo.lower() != self.base.lower()


Json = dict[str, Any]
"""A JSON object, as the clients of GitHub and Depot and the storage send and receive it."""
