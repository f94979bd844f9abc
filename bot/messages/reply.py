"""The one comment that answers a comment's commands, as a whole."""

from __future__ import annotations

from typing import Any

from bot.core import reasons
from bot.core.events import PullRequestEvent
from bot.core.models import Command, WorkItem
from bot.core.types import CHECK_CONFIG, WorkItemId
from bot.messages.markdown import code, find_hidden, hidden
from bot.messages.phrases import typed
from bot.messages.runs import run_parts

MARK = "depot-bot"
"""Name of the hidden JSON in a render."""

CONFIG_PATH = ".github/depot-bot.yml"
"""The repository's own config."""

SCHEMA = 1
"""Version of the hidden JSON."""

MAX_REPLY = 65_000
"""Characters of a render. GitHub takes 65,536 (bot/github/README.md, "Comments and
reactions")."""


def render(request: WorkItem) -> str:
    """The comment that answers a request, as things stand; empty when there is nothing to say.

    What is too long for GitHub loses the ends of its sections.
    """
    limits = (MAX_REPLY, MAX_REPLY // max(1, len(request.commands)) - 1_000, 1_500)
    for limit in limits:  # pragma: no branch - ten sections of the last limit always fit
        text = _reply(request, limit)
        if len(text) <= MAX_REPLY:
            break
    return text


def _reply(request: WorkItem, section_limit: int) -> str:
    sections = [
        _section(command, request, section_limit)
        for command in request.commands
        if not _is_passed_over(command, request)
    ]
    return "\n\n".join([*sections, hidden(MARK, facts(request))]) if sections else ""


def _is_passed_over(command: Command, request: WorkItem) -> bool:
    """Decided, and nothing to be said of it."""
    has_run = any(run.command_id == command.command_id for run in request.runs)
    return command.decided and not command.answer and not has_run


def _heading(command: Command, event: PullRequestEvent | None) -> str:
    """What is being answered: the command as it was typed, or what it follows on."""
    if event is None:
        return f"> {typed(command.line.text)}"
    if command.line.text == CHECK_CONFIG:
        return f"> {code(CONFIG_PATH)} changes here"
    what = f"{event.kind} {event.label}".strip()
    return f"> {typed(command.line.text)}, which follows on {code(what)} here"


def facts(request: WorkItem) -> dict[str, Any]:
    """What the render says, for programs."""
    return {
        "schema": SCHEMA,
        "request": request.work_item_id,
        "commands": [
            {
                "id": command.command_id,
                "reason": reasons.code(command.reason),
                "runs": [
                    {"id": run.run.run_id, "sha": run.sha, "state": run.run.status}
                    for run in request.runs
                    if run.command_id == command.command_id
                ],
            }
            for command in request.commands
        ],
    }


def answers(text: str) -> WorkItemId | None:
    """Which request a comment of the bot answers. Check its author first."""
    value = find_hidden(MARK, text)
    found = value.get("request") if isinstance(value, dict) else None
    return WorkItemId(found) if isinstance(found, str) else None


def decided(text: str) -> list[Any]:
    """The reason codes in a render's hidden JSON: what was decided when it was written."""
    value = find_hidden(MARK, text)
    rows = value.get("commands", []) if isinstance(value, dict) else []
    return [row.get("reason") for row in rows]


def _section(command: Command, request: WorkItem, limit: int) -> str:
    """What is said of one command, in at most *limit* characters, cut between its parts."""
    parts = [command.answer] if command.answer else []
    for run in request.runs:
        if run.command_id == command.command_id:
            parts += run_parts(run)
    kept = [_heading(command, request.comment.event)]
    for part in parts or ["Waiting for its turn."]:
        if sum(map(len, kept)) + len(part) > limit:
            kept.append("The rest is too long for one comment; ask for it alone.")
            break
        kept.append(part)
    return "\n\n".join(kept)
