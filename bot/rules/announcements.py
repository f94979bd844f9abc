"""How somebody hears that the runs they asked for are over: by a reaction, by a mention.

Pure. The rules are the repository's (`bot.rules.repository_config`, `notify`).
"""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.models import WorkItem
from bot.rules.repository_config import Config

REACTIONS = {"finished": "hooray", "failed": "confused"}
"""How the runs ended, and what GitHub calls the reaction that says so: 🎉 and 😕."""


@dataclass(frozen=True, slots=True)
class Announcement:
    """What is done for the author of a comment when its runs are over."""

    reaction: str = ""
    """GitHub's name of the reaction on the comment; empty for none."""
    mentions: bool = False
    """A comment mentions them."""


def is_due(item: WorkItem) -> bool:
    """Whether somebody is still to hear how the runs ended that they asked for. Automations, other
    bots among them, are told nothing."""
    is_by_person = item.comment.event is None and not item.comment.author.is_bot
    return is_by_person and bool(item.awaited_end) and not item.end_announced


def announcement(item: WorkItem, config: Config, ended_at: float) -> Announcement:
    """What is done when the runs of a comment are over. *ended_at* is by GitHub's clock, as is the
    time of the comment.

    Of a cancelled run, or one that nobody follows any more, nothing is said.
    """
    reaction = REACTIONS.get(item.awaited_end, "")
    if not reaction:
        return Announcement()
    has_failed, notify = item.awaited_end == "failed", config.notify
    took_long = ended_at - item.comment.written_at >= notify.after_seconds
    mentions = {
        "result": has_failed or took_long,
        "failure": has_failed,
        "always": True,
        "never": False,
    }[notify.on]
    return Announcement("" if "reactions" in config.silence else reaction, mentions)
