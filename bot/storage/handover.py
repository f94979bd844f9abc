"""When somebody deletes the reply that shows a run, the next one that links it shows it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from bot.core.models import GONE_AFTER, Home
from bot.core.types import WorkItemId
from bot.storage.database import Store
from bot.storage.part import TRACKING, its_commands
from bot.storage.prepared import Prepared
from bot.storage.tables import commands, tracked_runs, work_items

KNOWN = ("state", "attempts", "asked_by", "resumed_by", "resumed_at", "note", "failure", "evidence")
"""What the new reply takes over of a run."""


class Handover(Prepared):
    """Statements of a handover, which is a part of another transaction."""

    def __init__(self, store: Store, make_due: sa.Update) -> None:
        super().__init__(store)
        self._make_due = make_due  # of_work_item

    def _build(self, store: type[Store]) -> None:
        is_its = tracked_runs.c.command_id.in_(its_commands())
        self._shown = sa.select(tracked_runs).where(  # of_work_item
            is_its, tracked_runs.c.reply_url.is_(None)
        )
        self._links = (  # of_work_item, of_run
            sa.select(tracked_runs.c.command_id, work_items)
            .select_from(TRACKING)
            .where(
                tracked_runs.c.run_id == sa.bindparam("of_run"),
                tracked_runs.c.reply_url.is_not(None),
                ~is_its,
                work_items.c.reply_missing < GONE_AFTER,
            )
            # First who had it go again, then who asked for the same once more.
            .order_by(tracked_runs.c.awaited_end.is_(None), commands.c.decided_at)
        )
        self._set = sa.update(tracked_runs).where(  # of_command, of_run
            tracked_runs.c.command_id == sa.bindparam("of_command"),
            tracked_runs.c.run_id == sa.bindparam("of_run"),
        )

    def hand_over(self, db: sa.Connection, work_item_id: WorkItemId) -> None:
        """Have the runs of a work item whose reply is gone shown by others that link it."""
        for run in db.execute(self._shown, {"of_work_item": work_item_id}).all():
            which = {"of_run": run.run_id}
            links = db.execute(self._links, {**which, "of_work_item": work_item_id}).all()
            if not links:
                continue
            first = Home(WorkItemId(links[0].id), links[0].url, links[0].reply_id)
            for place, link in enumerate(links):
                url = "" if link.id == first.work_item_id else first.reply_url
                values: dict[str, Any] = {"reply_url": url}
                if place == 0:
                    values = {name: getattr(run, name) for name in KNOWN}
                    values |= {"reply_url": None, "next_poll_at": 0.0, "polls": 0}
                db.execute(self._set, {**which, "of_command": link.command_id, **values})
                db.execute(self._make_due, {"of_work_item": link.id})
            self._store.notify(db)
