"""How a database goes about each statement that is executed, and how much it reads for it."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import psycopg
import sqlalchemy as sa
from psycopg import sql
from sqlalchemy import event

from bot.storage.tables import metadata

INSTRUCTIONS = 10
"""SQLite's instructions between two calls of a progress handler: the accuracy of the count."""


@dataclass(slots=True)
class Executed:
    """A statement that was executed."""

    statement: str
    plan: str
    """As the database explains it."""
    scanned: tuple[str, ...] = ()
    """Tables that are read from one end to the other, whatever is in them."""
    cost: int = 0
    """SQLite: instructions. PostgreSQL: rows that were looked at."""

    def __str__(self) -> str:
        scanned = f"reads all of {', '.join(self.scanned)}; " if self.scanned else ""
        return f"{scanned}cost {self.cost}\n{self.statement}\n{self.plan}"


class Explained:
    """What was executed, in order."""

    def __init__(self) -> None:
        self.statements: list[Executed] = []
        self._running: dict[sqlite3.Connection, Executed] = {}

    def connected(self, connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.set_progress_handler(lambda: self._goes_on(connection), INSTRUCTIONS)

    def _goes_on(self, connection: sqlite3.Connection) -> None:
        if connection in self._running:
            self._running[connection].cost += INSTRUCTIONS

    def executing(
        self,
        connection: sa.Connection,
        _cursor: object,
        statement: str,
        parameters: Any,
        _context: object,
        executemany: bool,
    ) -> None:
        database = connection.connection.driver_connection
        values = parameters[0] if executemany else parameters
        if isinstance(database, sqlite3.Connection):
            self._running.pop(database, None)
            self._running[database] = found = _explained_by_sqlite(database, statement, values)
        else:
            assert isinstance(database, psycopg.Connection)
            found = _explained_by_postgresql(database, statement, values)
        self.statements.append(found)


@contextmanager
def explained() -> Iterator[list[Executed]]:
    """What is executed meanwhile, on every connection that is opened meanwhile."""
    to = Explained()
    event.listen(sa.Pool, "connect", to.connected)
    event.listen(sa.Engine, "before_cursor_execute", to.executing)
    try:
        yield to.statements
    finally:
        event.remove(sa.Engine, "before_cursor_execute", to.executing)
        event.remove(sa.Pool, "connect", to.connected)


def _explained_by_sqlite(
    database: sqlite3.Connection, statement: str, values: Sequence[Any]
) -> Executed:
    if statement.startswith("PRAGMA"):
        return Executed(statement, "")
    lines = [row[3] for row in database.execute(f"EXPLAIN QUERY PLAN {statement}", values)]
    # `SCAN t` is all of a table. With an index it is all of the index, which may be a partial one,
    # or is left early: that is seen from the cost.
    names = (line.removeprefix("SCAN ") for line in lines if re.fullmatch(r"SCAN \w+", line))
    tables = (_table(name, statement) for name in names)
    scanned = tuple(table for table in tables if table in metadata.tables)
    return Executed(statement, "\n".join(lines), scanned)


def _table(name: str, statement: str) -> str:
    """The table that a name in a plan stands for."""
    alias = re.search(rf"(\w+) AS {re.escape(name)}\b", statement)
    return alias[1] if alias else name


def _explained_by_postgresql(
    database: psycopg.Connection[Any], statement: str, values: Any
) -> Executed:
    if not statement.lstrip().upper().startswith(("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")):
        return Executed(statement, "")
    # It is executed for that, so what it does is undone: but for that it is counted twice.
    found: Any = None
    asked = sql.SQL("EXPLAIN (ANALYZE, TIMING off, BUFFERS off, FORMAT json) ").as_string()
    with suppress(psycopg.Error), database.transaction(force_rollback=True):
        found = database.execute((asked + statement).encode(), values).fetchone()
    if found is None:
        return Executed(statement, "it fails")
    counted: Counter[str] = Counter()
    scanned: list[str] = []
    lines: list[str] = []
    _walk(found[0][0]["Plan"], 0, counted, scanned, lines)
    return Executed(statement, "\n".join(lines), tuple(scanned), counted.total())


def _walk(
    node: dict[str, Any], depth: int, counted: Counter[str], scanned: list[str], lines: list[str]
) -> None:
    kind, table = node["Node Type"], node.get("Relation Name", "")
    removed = sum(node.get(f"Rows Removed by {what}", 0) for what in ("Filter", "Index Recheck"))
    rows = round((node["Actual Rows"] + removed) * node["Actual Loops"])
    if "Scan" in kind:
        counted[table] += rows
    if kind == "Seq Scan" and node["Actual Loops"]:
        scanned += [table] * (table in metadata.tables)
    detail = " ".join(str(node[k]) for k in ("Index Name", "Index Cond", "Filter") if k in node)
    lines.append(f"{'  ' * depth}{kind} {table} {detail}: {rows} rows")
    for child in node.get("Plans", ()):
        _walk(child, depth + 1, counted, scanned, lines)
