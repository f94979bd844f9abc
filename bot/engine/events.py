"""What an event of a pull request sets off, and what is said of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import structlog

from bot.core.deliveries import Delivery
from bot.core.events import CommandLine
from bot.core.models import Reply, WorkItem
from bot.core.types import CHECK_CONFIG
from bot.engine.facts import FactReader
from bot.github.errors import GitHubError
from bot.rules import automations
from bot.rules.facts import Facts
from bot.storage.ledger import Ledger

log = structlog.get_logger()


async def lines_set_off(
    item: WorkItem, facts: Facts, reader: FactReader, *, is_new: bool
) -> tuple[list[CommandLine], Facts]:
    """The command lines that an event sets off; none for one that is no longer *is_new* and whose
    rules or paths cannot be read. Raises GitHubError."""
    event = item.comment.event
    if event is None:
        raise TypeError("a comment sets nothing off")
    try:
        facts = await reader.with_rules(facts)
        changed: list[str] = []
        if automations.needs_paths(facts.config, event):
            changed = await reader.repository.changed_paths(item.comment.number)
    except GitHubError as error:
        if is_new:
            raise
        log.warning("automations_skipped", error=str(error))
        return [], facts
    # In a thread: patterns meet as many paths as the pull request has.
    lines = await asyncio.to_thread(automations.lines, facts.config, event, changed)
    return lines, facts


async def with_config_check_apart(
    ledger: Ledger, item: WorkItem, lines: list[CommandLine]
) -> list[CommandLine]:
    """The lines without the check of the repository's config, which becomes a work item of its
    own: its reply is one comment per pull request, edited."""
    event = item.comment.event
    check = CommandLine(CHECK_CONFIG)
    if event is None or check not in lines:
        return lines
    key = f"{event.guid}-config"
    apart = replace(item.comment, lines=(check,), event=replace(event, guid=key))
    await ledger.inbox.accept(Delivery("", key, CHECK_CONFIG), [apart])
    return [line for line in lines if line != check]


async def config_reply(ledger: Ledger, item: WorkItem) -> Reply | None:
    """The reply that an earlier check of the config was given, to be edited; none when it says
    the same, or when a newer check says what counts."""
    comment = item.comment
    check = (comment.repo, comment.number)
    if await ledger.items.has_newer_check(*check, item.received_at):
        return None
    reply = await ledger.items.config_reply(*check)
    return None if item.commands[0].answer in reply.text else reply


def is_config_check(item: WorkItem) -> bool:
    """Whether it is nothing but the check of a changed config."""
    lines = [command.line.text for command in item.commands]
    return item.comment.event is not None and lines == [CHECK_CONFIG]


def is_silenced(item: WorkItem, facts: Facts) -> bool:
    """Whether the repository wants no replies about what events set off."""
    return item.comment.event is not None and "automations" in facts.config.silence
