"""From an event of a pull request to the command lines that it triggers.

Pure. The rules are the repository's (`bot.rules.repository_config`).
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.core.events import CommandLine, PullRequestEvent
from bot.core.reasons import Reason
from bot.core.types import CANCEL_OUTDATED, CHECK_CONFIG, Permission
from bot.parsing.comments import MAX_COMMANDS
from bot.rules.repository_config import PATHS, Config

QUIET = frozenset(
    {
        Reason.STALE_SHA,
        Reason.HEAD_MOVED,
        Reason.HEAD_UNKNOWN,
        Reason.PULL_REQUEST_CLOSED,
        Reason.FORK_REFUSED,
        Reason.FORK_NEEDS_SHA,
        Reason.FORK_NEEDS_WRITER,
        Reason.FORK_DISPATCH,
        Reason.RATE_LIMITED,
    }
)
"""Reasons for which an automation is skipped without a reply: nobody asked for it."""


def needs_paths(config: Config, event: PullRequestEvent) -> bool:
    """Whether the changed files have to be read to know what the event triggers."""
    changes_files = event.kind in {"opened", "synchronize"}
    return changes_files or any(a.paths for a in config.automations if a.follows(event))


def required_role(config: Config, event: PullRequestEvent, line: str) -> Permission | None:
    """The role that its automation asks for in place of the command's own, if it asks for one."""
    found = (a.required_role for a in config.automations if a.follows(event) and a.do == line)
    return min((role for role in found if role is not None), default=None)


def lines(config: Config, event: PullRequestEvent, changed: Sequence[str]) -> list[CommandLine]:
    """The command lines that an event triggers; *changed* are the files that the pull request
    changes."""
    triggered = [
        CommandLine(automation.do)
        for automation in config.automations
        if automation.follows(event) and automation.concerns(list(changed))
    ]
    checked = event.kind in {"opened", "synchronize"} and set(changed) & set(PATHS)
    if config.outdated == "cancel" and event.kind in {"synchronize", "closed"}:
        triggered = [CommandLine(CANCEL_OUTDATED), *triggered]
    return [*triggered[:MAX_COMMANDS], *([CommandLine(CHECK_CONFIG)] if checked else [])]
