"""SQL for SQLite is compiled once in each process, not once for each of its stores: most tests open
one of their own, and ask less of it than compiling takes."""

from __future__ import annotations

from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class OneSQLite(SQLiteDialect_pysqlite):
    """The same SQLite, whichever file is opened: SQLAlchemy compiles a statement for a dialect."""

    supports_statement_cache = True
    compiled: ClassVar[dict[Any, Any]] = {}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OneSQLite)

    def __hash__(self) -> int:
        return hash(OneSQLite)

    @classmethod
    def engine_created(cls, engine: sa.Engine) -> None:
        engine.update_execution_options(compiled_cache=cls.compiled)


def compile_once() -> None:
    """From now on, in this process."""
    registry.register("sqlite", __name__, OneSQLite.__name__)
