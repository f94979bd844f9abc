"""What the log tells of a command's life: the names of its events, which do not change, and their
fields."""

from __future__ import annotations

from dataclasses import dataclass

from bot.core.models import TrackedRun, WorkItem
from bot.core.types import CommandId

Fields = dict[str, object]
"""Fields of a log line, by name."""

OF_STEP = ("work_item", "repo", "pull_request", "actor")
"""What is in every line that is logged while a comment or event is worked on."""

OF_COMMAND = ("command_id", "command")
OF_RUN = ("run_id", "workflow", "job", "sha", "state")
OF_REPLY = ("command_ids", "commands", "run_ids", "state", "reply_id", "duration")


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of log line."""

    name: str
    meaning: str
    fields: tuple[str, ...]


EVENTS = (
    Event(
        "bot_started",
        "The bot is ready to work.",
        ("version", "account", "address", "public_url", "ledger"),
    ),
    Event("command_received", "A command was read.", (*OF_STEP, *OF_COMMAND)),
    Event(
        "command_refused",
        "It led to nothing, for this reason (a reason code).",
        (*OF_STEP, *OF_COMMAND, "reason", "duration"),
    ),
    Event(
        "command_done",
        "It was carried out in another way than by starting a run: answered, retried, cancelled.",
        (*OF_STEP, *OF_COMMAND, "reason", "run_ids", "duration"),
    ),
    Event(
        "run_started",
        "A run was started for it.",
        (*OF_STEP, *OF_COMMAND, *OF_RUN, "duration"),
    ),
    Event(
        "run_ended",
        "A run that is followed is over, or it is not known how it ended (`unknown`); the duration "
        "is the run's own.",
        (*OF_STEP, *OF_COMMAND, *OF_RUN, "duration"),
    ),
    Event(
        "run_retried_by_rule",
        "Failed jobs of a run go again, since the repository has a rule for them.",
        (*OF_STEP, "run_id"),
    ),
    Event("reply_posted", "The reply was posted.", (*OF_STEP, *OF_REPLY)),
    Event("reply_edited", "The reply was edited.", (*OF_STEP, *OF_REPLY)),
    Event(
        "mention_posted",
        "The person who asked was told how it ended, by a comment that mentions them.",
        (*OF_STEP, "reply_id"),
    ),
    Event(
        "upstream_trouble_began",
        "GitHub or Depot does not answer as it should.",
        ("service", "method", "reason"),
    ),
    Event(
        "upstream_trouble_ended",
        "It has answered for half a minute again.",
        ("service", "duration", "failures"),
    ),
    Event("not_ready", "Something keeps the bot from working.", ("what", "reason")),
    Event("ready_again", "It is mended.", ("what",)),
    Event(
        "work_item_set_aside",
        "A comment or event is left alone after failing for too long.",
        OF_STEP,
    ),
)


def of_step(item: WorkItem) -> Fields:
    """What is the same in all lines of a step."""
    comment = item.comment
    return {"repo": comment.repo, "pull_request": comment.number, "actor": comment.author.login}


def of_command(item: WorkItem, command_id: CommandId) -> Fields:
    """Which of its commands a line is about."""
    line = next((one.line.text for one in item.commands if one.command_id == command_id), "")
    return {"command_id": command_id, "command": line}


def of_run(run: TrackedRun, state: str) -> Fields:
    """Which run a line is about, and how it stands."""
    fields: Fields = {"run_id": run.run.run_id, "sha": run.sha, "state": state}
    if run.workflow:
        fields |= {"workflow": run.workflow}
    if run.job:
        fields |= {"job": run.job}
    return fields


def of_reply(item: WorkItem, reply_id: int, now: float) -> Fields:
    """What a line about the reply says that was just written; the duration is since the webhook."""
    if item.is_undecided:
        state = "undecided"
    elif item.is_over:
        state = "done"
    else:
        state = "following"
    return {
        "command_ids": [command.command_id for command in item.commands],
        "commands": [command.line.text for command in item.commands],
        "run_ids": [run.run.run_id for run in item.runs],
        "state": state,
        "reply_id": reply_id,
        "duration": since_webhook(item, now),
    }


def since_webhook(item: WorkItem, now: float) -> float:
    """Seconds since the comment or event came in."""
    return round(max(0.0, now - item.received_at), 3)
