"""What repositories are called: a renamed or transferred one keeps its work."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from cachetools import TTLCache

from bot.core.types import RepoName
from bot.storage.database import Store
from bot.storage.prepared import Prepared
from bot.storage.tables import (
    commands,
    former_names,
    heads,
    job_failures,
    repositories,
    start_attempts,
    tracked_runs,
    work_items,
)

AT_ONCE = 200
"""Work items that are renamed in one transaction, when they are over."""

RECENT_SECONDS = 3600.0
"""What came so lately counts for limits."""

KNOWN_SECONDS = 60.0
"""How long this process takes a name for current without looking: most webhooks bring no news."""


class Names(Prepared):
    """Keeps the name and the installation of each repository by its id."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self._current: TTLCache[int, tuple[RepoName, int | None]] = TTLCache(10_000, KNOWN_SECONDS)

    def _build(self, store: type[Store]) -> None:
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
        is_left = sa.or_(work_items.c.due_at.is_not(None), work_items.c.set_aside_at.is_not(None))
        new: sa.BindParameter[str] = sa.bindparam("new")
        of_old = work_items.c.repo == sa.bindparam("old")
        twice = heads.alias()
        self._left = sa.select(work_items.c.id).where(  # of_id, new
            mine, is_left, work_items.c.repo != new
        )
        # What counts for limits, too.
        self._recent = sa.select(work_items.c.id).where(  # of_id, old
            of_old, mine, work_items.c.received_at > store.now() - RECENT_SECONDS
        )
        self._others = (  # of_id, old
            sa.select(work_items.c.id)
            .where(of_old, mine)
            .order_by(work_items.c.received_at)
            .limit(AT_ONCE)
        )
        ids: sa.BindParameter[str] = sa.bindparam("ids", expanding=True)
        theirs = sa.select(commands.c.id).where(commands.c.work_item_id.in_(ids))
        self._rename = (  # ids, new
            *(
                sa.update(table).where(table.c.command_id.in_(theirs)).values(repo=new)
                for table in (tracked_runs, start_attempts)
            ),
            sa.update(work_items).where(work_items.c.id.in_(ids)).values(repo=new),
        )
        self._former = sa.select(former_names, repositories.c.name.label("new")).join(
            repositories, repositories.c.id == former_names.c.repo_id
        )
        self._add_former = store.insert(former_names).on_conflict_do_nothing()
        self._forget_former = sa.delete(former_names).where(  # of_id, old
            former_names.c.repo_id == sa.bindparam("of_id"),
            former_names.c.name == sa.bindparam("old"),
        )
        heads_of_it = (heads.c.repo_id == sa.bindparam("of_id"), heads.c.repo != new)
        self._rename_heads = (  # of_id, new
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
        )
        key = sa.tuple_(*job_failures.primary_key)
        some = (
            sa.select(*job_failures.primary_key)
            .where(
                job_failures.c.repo == sa.bindparam("old"),
                job_failures.c.repo_id == sa.bindparam("of_id"),
            )
            .order_by(job_failures.c.signature)  # as its index has them
            .limit(AT_ONCE)
        )
        self._rename_failures = sa.update(job_failures).where(key.in_(some)).values(repo=new)

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

        What is left to do in it goes by its new name and installation at once, what is over by its
        new name in time (`rename_some`).
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
            which = {"of_id": repo_id, "old": known.name}
            self.rename_left(db, repo_id, name)
            self._rename_items(db, db.scalars(self._recent, which).all(), name)
            db.execute(self._add_former, {"repo_id": repo_id, "name": known.name})
        if known is not None and installation not in {None, known.installation_id}:
            db.execute(self._move, {"of_id": repo_id, "installation": installation})
        return name

    def rename_left(self, db: sa.Connection, repo_id: int, name: RepoName) -> None:
        """Have all go by this name that is left to do in a repository, and its heads."""
        self._store.lift_timeouts(db)
        which = {"of_id": repo_id, "new": name}
        for statement in self._rename_heads:
            db.execute(statement, which)
        self._rename_items(db, db.scalars(self._left, which).all(), name)

    def rename_some(self, db: sa.Connection) -> bool:
        """Have some of what is over go by its repository's new name; whether there may be more."""
        former = db.execute(self._former.limit(1)).one_or_none()
        if former is None:
            return False
        which = {"of_id": former.repo_id, "old": former.name}
        is_back = former.name == former.new
        ids = [] if is_back else db.scalars(self._others, which).all()
        self._rename_items(db, ids, former.new)
        failures = 0
        if not is_back:
            renamed = db.execute(self._rename_failures, {**which, "new": former.new})
            failures = renamed.rowcount
        if max(len(ids), failures) < AT_ONCE:
            db.execute(self._forget_former, which)
        return True

    def _rename_items(self, db: sa.Connection, ids: Sequence[str], name: str) -> None:
        for begin in range(0, len(ids), AT_ONCE):
            for statement in self._rename:
                db.execute(statement, {"ids": ids[begin : begin + AT_ONCE], "new": name})

    def remember(self, stored: Iterable[tuple[int, RepoName, int | None]]) -> None:
        """These names and installations, by repository, are in the ledger: to be called once they
        are committed."""
        for repo_id, name, installation in stored:
            self._current[repo_id] = name, installation
