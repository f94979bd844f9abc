"""What repositories are called: a renamed or transferred one keeps its work."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa
from cachetools import TTLCache

from bot.core.types import RepoName
from bot.storage.database import Store
from bot.storage.tables import (
    commands,
    heads,
    job_failures,
    repositories,
    start_attempts,
    tracked_runs,
    work_items,
)

KNOWN_SECONDS = 60.0
"""How long this process takes a name for current without looking: most webhooks bring no news."""


class Names:
    """Keeps the name and the installation of each repository by its id."""

    def __init__(self, store: Store) -> None:
        self._current: TTLCache[int, tuple[RepoName, int | None]] = TTLCache(10_000, KNOWN_SECONDS)
        add = store.insert(repositories)
        self._known = sa.select(repositories).where(repositories.c.id == sa.bindparam("of_id"))
        self._save = add.on_conflict_do_update(
            index_elements=[repositories.c.id],
            set_={
                "name": add.excluded.name,
                "since": add.excluded.since,
                "installation_id": add.excluded.installation_id,
            },
        )
        mine = work_items.c.repo_id == sa.bindparam("of_id")
        theirs = sa.select(commands.c.id).where(
            commands.c.work_item_id.in_(sa.select(work_items.c.id).where(mine))
        )
        new: sa.BindParameter[str] = sa.bindparam("new")
        twice = heads.alias()
        heads_of_it = (heads.c.repo_id == sa.bindparam("of_id"), heads.c.repo != new)
        self._rename = (  # of_id, new
            *(
                sa.update(table)
                .where(table.c.command_id.in_(theirs), table.c.repo != new)
                .values(repo=new)
                for table in (tracked_runs, start_attempts)
            ),
            sa.update(work_items).where(mine, work_items.c.repo != new).values(repo=new),
            sa.delete(heads).where(  # of one that is there under several names, all but one
                *heads_of_it,
                sa.exists().where(
                    twice.c.number == heads.c.number,
                    twice.c.sha == heads.c.sha,
                    sa.or_(
                        twice.c.repo == new,
                        sa.and_(twice.c.repo_id == heads.c.repo_id, twice.c.repo > heads.c.repo),
                    ),
                ),
            ),
            sa.update(heads).where(*heads_of_it).values(repo=new),
            sa.update(job_failures)
            .where(job_failures.c.repo_id == sa.bindparam("of_id"), job_failures.c.repo != new)
            .values(repo=new),
        )
        is_left = sa.or_(work_items.c.due_at.is_not(None), work_items.c.set_aside_at.is_not(None))
        self._move = (  # of_id, installation
            sa.update(work_items)
            .where(mine, is_left)
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
        if self._current.get(repo_id) == (name, installation):
            return name
        known = db.execute(self._known, {"of_id": repo_id}).one_or_none()
        if known is not None and known.name != name and known.since > at:
            return RepoName(known.name)  # the webhook is older than the new name
        installation = installation or (known.installation_id if known is not None else None)
        if known is None or (known.name, known.installation_id) != (name, installation):
            values = {"id": repo_id, "name": name, "since": at, "installation_id": installation}
            db.execute(self._save, values)
        if known is not None and known.name != name:
            self.rename_all(db, repo_id, name)
        if known is not None and installation not in {None, known.installation_id}:
            db.execute(self._move, {"of_id": repo_id, "installation": installation})
        return name

    def rename_all(self, db: sa.Connection, repo_id: int, name: RepoName) -> None:
        """Have all that is stored of a repository go by this name."""
        for statement in self._rename:
            db.execute(statement, {"of_id": repo_id, "new": name})

    def remember(self, stored: Iterable[tuple[int, RepoName, int | None]]) -> None:
        """These names and installations, by repository, are in the ledger: to be called once they
        are committed."""
        for repo_id, name, installation in stored:
            self._current[repo_id] = name, installation
