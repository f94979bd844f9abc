"""A database that stands still while something is stored, so that somebody else takes over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from bot.storage.queue import LEASE_SECONDS
from tests.support.conversation import ManualClock

TAKEN_OVER = (
    "UPDATE work_items SET fencing_token = fencing_token + 1, lease_until = lease_until + 100"
)
"""What another process does to the ledger when a lease has ended: it works on it for a while."""


@contextmanager
def standing_still(clock: ManualClock, words: str, seconds: float) -> Iterator[list[str]]:
    """Once a statement with these words takes so many seconds, and is followed by a claim of
    another process where that is longer than a lease; the statement is listed then."""
    found: list[str] = []

    def executed(connection: sa.Connection, _: object, statement: str, *others: Any) -> None:
        if found or words not in statement:
            return
        found.append(statement)
        clock.time += seconds
        if seconds > LEASE_SECONDS:
            database = connection.connection.driver_connection
            assert database is not None
            database.execute(TAKEN_OVER)

    event.listen(sa.Engine, "after_cursor_execute", executed)
    try:
        yield found
    finally:
        event.remove(sa.Engine, "after_cursor_execute", executed)
