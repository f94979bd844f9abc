"""The comment that mentions the person who asked for runs, when these are over."""

from __future__ import annotations

import re

from bot.core.events import comment_page
from bot.core.models import BY_RULE, TrackedRun, WorkItem
from bot.core.types import WorkItemId
from bot.messages.markdown import find_hidden, hidden
from bot.messages.phrases import run_name, state_word
from bot.messages.runs import headline

MARK = "depot-bot-mention"
"""Name of the hidden JSON in a mention; not that of a reply."""

SCHEMA = 1
"""Version of the hidden JSON."""

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,80}")


def can_mention(login: str) -> bool:
    """Whether a login is one that GitHub gives to people."""
    return _LOGIN.fullmatch(login) is not None


def mention(item: WorkItem) -> str:
    """One short comment: how the runs ended, and where to read more."""
    awaited = [run for run in item.runs if run.awaited_end is not None]
    if len(awaited) == 1:
        (run,) = awaited
        said, url = _one(run, item.comment.author.login), run.reply_url
    else:
        failed = sum(run.awaited_end == "failed" for run in awaited)
        count = f"{failed} of {len(awaited)} runs" if failed else f"{len(awaited)} runs"
        said, url = f"{count}: {state_word(item.awaited_end)}.", None
    if not url and item.reply.comment_id is not None:
        url = comment_page(item.comment.url, item.reply.comment_id)
    link = f" [The reply]({url}) has more." if url else ""
    mark = hidden(MARK, {"schema": SCHEMA, "request": item.work_item_id})
    return f"@{item.comment.author.login}: {said}{link}\n\n{mark}"


def _one(run: TrackedRun, author: str) -> str:
    is_theirs = not run.attempts or run.asked_by in {author, BY_RULE}
    if run.reply_url is None and run.is_over and run.run.status == run.awaited_end and is_theirs:
        return headline(run)
    # Another reply shows it, or it has gone again since for somebody else.
    return f"Run {run_name(run)}: {state_word(run.awaited_end or '')}."


def announces(text: str) -> WorkItemId | None:
    """The work item whose end a comment of the bot announces; none when it is no mention.

    The caller has checked that the bot wrote the comment.
    """
    value = find_hidden(MARK, text)
    found = value.get("request") if isinstance(value, dict) else None
    return WorkItemId(found) if isinstance(found, str) else None
