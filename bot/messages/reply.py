"""The reply: one comment that answers all commands of a comment or event."""

from __future__ import annotations

from typing import Any

from bot.core import reasons
from bot.core.events import PullRequestEvent, comment_page
from bot.core.models import MAX_ATTEMPTS, MAX_FAILED_NAMES, Command, TrackedRun, WorkItem
from bot.core.types import CHECK_CONFIG, WorkItemId
from bot.messages.known_failures import evidence_facts
from bot.messages.markdown import code, find_hidden, hidden
from bot.messages.phrases import typed
from bot.messages.runs import HEAD_MOVED_ON, runs_parts
from bot.messages.series import series_parts

MARK = "depot-bot"
"""Name of the hidden JSON in a reply."""

CONFIG_PATH = ".github/depot-bot.yml"
"""Path of the repository's config."""

SCHEMA = 1
"""Version of the hidden JSON."""

_HEAD = "\n\nmoved on"
"""Stands for the sentence that the head has moved on while two replies are compared."""

MAX_FACTS = 16_000
"""Characters of the hidden JSON. When it is more, these are left out, one after the other: names of
failed jobs and all earlier attempts but 20, where else a failure was seen, the other attempts."""

MAX_REPLY = 65_000
"""Characters of a reply. GitHub accepts 65,536 (bot/github/README.md, "Comments and
reactions")."""


def render(item: WorkItem) -> str:
    """The reply to a work item in its present state; empty when there is nothing to answer.

    When it is too long for GitHub, its sections are cut at their ends.
    """
    if not any(command.decided or command.answer for command in item.commands):
        return ""  # GitHub is asked again for something
    marker = _marker(item)
    room = MAX_REPLY - len(marker)
    limits = (room, room // max(1, len(item.commands)) - 1_000, 1_500)
    for limit in limits:  # pragma: no branch - ten sections of the last limit always fit
        text = _reply(item, limit, marker)
        if len(text) <= MAX_REPLY:
            break
    return text


def _marker(item: WorkItem) -> str:
    """The hidden JSON, with as much as there is room for."""
    for attempts, names, has_evidence in (
        (MAX_ATTEMPTS, MAX_FAILED_NAMES, True),
        (20, 0, True),
        (20, 0, False),
        (0, 0, False),
    ):  # pragma: no branch - the last one fits
        text = hidden(MARK, facts(item, attempts, names, has_evidence))
        if len(text) <= MAX_FACTS:
            break
    return text


def _reply(item: WorkItem, section_limit: int, marker: str) -> str:
    sections = [
        _section(command, item, section_limit)
        for command in item.commands
        if not _is_skipped(command, item)
    ]
    return "\n\n".join([*sections, marker]) if sections else ""


def _is_skipped(command: Command, item: WorkItem) -> bool:
    """Whether a command is decided and has neither an answer nor a run."""
    has_run = any(run.command_id == command.command_id for run in item.runs)
    return command.decided and not command.answer and not has_run


def _heading(command: Command, event: PullRequestEvent | None) -> str:
    """The command that is answered, as typed, with the event that triggered it, if any."""
    if event is None:
        return f"> {typed(command.line.text)}"
    if command.line.text == CHECK_CONFIG:
        return f"> {code(CONFIG_PATH)} changes here"
    trigger = f"{event.kind} {event.label}".strip()
    return f"> {typed(command.line.text)}, which follows on {code(trigger)} here"


def facts(
    item: WorkItem,
    attempts: int = MAX_ATTEMPTS,
    names: int = MAX_FAILED_NAMES,
    has_evidence: bool = True,
) -> dict[str, Any]:
    """The content of the reply, for programs: with so many earlier attempts of each run, the
    newest, the names of so many failed jobs of each, and where else a failure was seen."""
    return {
        "schema": SCHEMA,
        "request": item.work_item_id,
        "commands": [
            {
                "id": command.command_id,
                "reason": reasons.code(command.reason),
                **_series_facts(command),
                "runs": [
                    _run_facts(run, attempts, names, has_evidence)
                    for run in item.runs
                    if run.command_id == command.command_id
                ],
            }
            for command in item.commands
        ],
    }


def _series_facts(command: Command) -> dict[str, Any]:
    """How many runs of the same a command wants, and why no more are started."""
    series = command.series
    if series is None:
        return {}
    stopped = {"stopped": reasons.code(series.stopped)} if series.stopped is not None else {}
    return {"times": series.wanted, **stopped}


def _run_facts(run: TrackedRun, count: int, names: int, has_evidence: bool) -> dict[str, Any]:
    known = {"id": run.run.run_id, "sha": run.sha}
    if run.reply_url is not None:
        return {**known, "reply": run.reply_url}
    attempts = [
        {"state": one.status, "asked_by": one.asked_by, "failed": list(one.failed[:names])}
        for one in run.attempts[max(0, len(run.attempts) - count) :]
    ]
    elsewhere = evidence_facts(run.evidence if has_evidence else (), names)
    lists = {"attempts": attempts, "seen_elsewhere": elsewhere}
    return {
        **known,
        "state": run.run.status,
        **{name: rows for name, rows in lists.items() if rows},
    }


def answers(text: str) -> WorkItemId | None:
    """The work item that a comment of the bot answers; none when it is not a reply.

    The caller has checked that the bot wrote the comment.
    """
    value = find_hidden(MARK, text)
    found = value.get("request") if isinstance(value, dict) else None
    return WorkItemId(found) if isinstance(found, str) else None


def pointer(url: str, comment_id: int) -> str:
    """What an older reply says of the newer one to the same comment, at this *url*."""
    link = comment_page(url, comment_id)
    return f"GitHub took this reply twice. [The other one]({link}) is kept up to date."


def decided(text: str) -> list[Any]:
    """The reason codes in the hidden JSON of a reply: the decisions when it was written."""
    value = find_hidden(MARK, text)
    rows = value.get("commands", []) if isinstance(value, dict) else []
    return [row.get("reason") for row in rows]


def says(text: str, wanted: str) -> bool:
    """Whether a reply says what is wanted. One that says that the head has moved on names the head
    of that moment: it is not edited at each further push."""
    if text == wanted:
        return True
    return HEAD_MOVED_ON.sub(_HEAD, text) == HEAD_MOVED_ON.sub(_HEAD, wanted)


def says_but_for_head(text: str, wanted: str) -> bool:
    """The same, whether or not it says that the head has moved on."""
    return text == wanted or HEAD_MOVED_ON.sub("", text) == HEAD_MOVED_ON.sub("", wanted)


def _section(command: Command, item: WorkItem, limit: int) -> str:
    """The part of the reply for one command, at most *limit* characters, cut between paragraphs."""
    runs = item.runs_of(command.command_id)
    if command.series is not None:
        parts = series_parts(command, runs, item.newest_head)
    else:
        parts = [command.answer] if command.answer else []
        parts += runs_parts(runs, item.newest_head)
    kept = [] if command.line.is_near_miss else [_heading(command, item.comment.event)]
    for part in parts or ["Waiting for its turn."]:
        if sum(map(len, kept)) + len(part) > limit:
            kept.append("The rest is too long for one comment; ask for it alone.")
            break
        kept.append(part)
    return "\n\n".join(kept)
