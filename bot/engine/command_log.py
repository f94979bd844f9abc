"""What the log and the metrics tell of a command's life (`bot.ops.audit` has the names)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from bot.core.clock import Clock
from bot.core.models import TrackedRun, WorkItem
from bot.core.reasons import Reason
from bot.core.types import CommandId
from bot.ops import audit
from bot.ops.metrics import Metrics

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class CommandLog:
    """Logs and counts what becomes of commands and their runs."""

    metrics: Metrics
    clock: Clock

    def received(self, item: WorkItem) -> None:
        for command in item.commands:
            log.info("command_received", **audit.of_command(item, command.command_id))

    def decided(
        self,
        item: WorkItem,
        command_id: CommandId,
        reason: Reason,
        runs: Sequence[TrackedRun] = (),
    ) -> None:
        self.metrics.count_decision(reason)
        which = audit.of_command(item, command_id)
        seconds = audit.since_webhook(item, self.clock.now())
        if reason.is_refusal:
            log.info("command_refused", **which, reason=reason, duration=seconds)
        elif reason is not Reason.STARTED:  # each of these runs has a line of its own
            run_ids = [run.run.run_id for run in runs]
            log.info("command_done", **which, reason=reason, run_ids=run_ids, duration=seconds)

    def started(self, item: WorkItem, run: TrackedRun) -> None:
        seconds = audit.since_webhook(item, self.clock.now())
        self.metrics.count_start(seconds)
        which = audit.of_command(item, run.command_id) | audit.of_run(run, run.run.status)
        log.info("run_started", **which, duration=seconds)

    def ended(self, item: WorkItem, run: TrackedRun) -> None:
        self.metrics.count_end(run.end)
        which = audit.of_command(item, run.command_id) | audit.of_run(run, run.end)
        log.info("run_ended", **which, duration=run.run.seconds)
