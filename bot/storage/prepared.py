"""Statements are built once in each process for each kind of store: SQLAlchemy takes ten times as
long to build a statement as to execute it again.

What differs from one execution to the next are parameters. Those of a condition are called `of_…`
where the statement also sets columns, which go by their own names.
"""

from __future__ import annotations

from typing import Any

from bot.storage.database import Store

_BUILT: dict[tuple[type[Prepared], type[Store]], dict[str, Any]] = {}
"""The statements by their names."""


class Prepared:
    """Asks a store; its statements are attributes."""

    def __init__(self, store: Store) -> None:
        which = type(self), type(store)
        if which not in _BUILT:
            self._build(type(store))
            _BUILT[which] = vars(self).copy()
        vars(self).update(_BUILT[which])
        self._store = store

    def _build(self, store: type[Store]) -> None:
        """Set the statements, and nothing else: they are those of all that ask such a store."""
        raise NotImplementedError
