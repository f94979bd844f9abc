"""What repositories are called: a renamed or transferred one keeps its work."""

from __future__ import annotations

import sqlalchemy as sa
from cachetools import LRUCache

from bot.core.types import RepoName
from bot.storage.database import Store
from bot.storage.tables import (
    commands,
    heads,
    repositories,
    start_attempts,
    tracked_runs,
    work_items,
)


class Names:
    """Keeps the name of each repository by its id."""

    def __init__(self, store: Store) -> None:
        self._current: LRUCache[int, RepoName] = LRUCache(10_000)
        """The names that this process knows to be in the ledger: most webhooks bring no news."""
        add = store.insert(repositories)
        self._known = sa.select(repositories).where(repositories.c.id == sa.bindparam("of_id"))
        self._save = add.on_conflict_do_update(
            index_elements=[repositories.c.id],
            set_={"name": add.excluded.name, "since": add.excluded.since},
        )
        mine = work_items.c.repo_id == sa.bindparam("of_id")
        theirs = sa.select(commands.c.id).where(
            commands.c.work_item_id.in_(sa.select(work_items.c.id).where(mine))
        )
        new: sa.BindParameter[str] = sa.bindparam("new")
        twice = heads.alias()
        self._rename = (  # of_id, old, new
            *(
                sa.update(table).where(table.c.command_id.in_(theirs)).values(repo=new)
                for table in (tracked_runs, start_attempts)
            ),
            sa.update(work_items).where(mine).values(repo=new),
            sa.delete(heads).where(
                heads.c.repo == sa.bindparam("old"),
                sa.exists().where(
                    twice.c.repo == new,
                    twice.c.number == heads.c.number,
                    twice.c.sha == heads.c.sha,
                ),
            ),
            sa.update(heads).where(heads.c.repo == sa.bindparam("old")).values(repo=new),
        )
        self._move = (  # of_id, installation
            sa.update(work_items)
            .where(mine, work_items.c.due_at.is_not(None))
            .values(installation_id=sa.bindparam("installation"))
        )

    def keep(
        self,
        db: sa.Connection,
        repo_id: int,
        name: RepoName,
        at: float,
        installation: int | None = None,
    ) -> RepoName:
        """What the repository is called now, when it was called *name* at a time by GitHub's clock.

        What is stored of it goes by its new name, and what is under way by its new installation.
        """
        if self._current.get(repo_id) == name:
            return name
        known = db.execute(self._known, {"of_id": repo_id}).one_or_none()
        if known is not None and known.name == name:
            self._current[repo_id] = name
            return name
        if known is not None and known.since > at:
            return RepoName(known.name)  # the webhook is older than the new name
        db.execute(self._save, {"id": repo_id, "name": name, "since": at})
        if known is not None:
            for statement in self._rename:
                db.execute(statement, {"of_id": repo_id, "old": known.name, "new": name})
            if installation is not None:
                db.execute(self._move, {"of_id": repo_id, "installation": installation})
        return name
