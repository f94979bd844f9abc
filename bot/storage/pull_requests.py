"""What is known of pull requests: their heads, and how many commands came from them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa

from bot.core.reasons import Reason
from bot.core.types import RepoName, Sha
from bot.rules.facts import KnownHead
from bot.storage.database import Store
from bot.storage.part import Part, of_pull_request
from bot.storage.tables import commands, heads, start_attempts, work_items


@dataclass(frozen=True, slots=True)
class KnownPullRequest:
    """What the ledger knows of a pull request, as far as a decision needs it."""

    heads: tuple[KnownHead, ...]
    """The newest heads that webhooks announced, newest first."""
    by_person: int
    in_repository: int
    runs: int
    notices: int
    """How often the author was told of a limit."""


class PullRequests(Part):
    """Heads and usage."""

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        now = store.now()
        self._in_fork = (  # repo, sha
            sa.select(heads.c.sha)
            .where(
                heads.c.repo == sa.bindparam("repo"),
                heads.c.sha == sa.bindparam("sha"),
                heads.c.in_fork,
            )
            .limit(1)
        )
        self._newest_heads = (  # repo, number
            sa.select(heads.c.sha, heads.c.since, heads.c.received_at)
            .where(*of_pull_request(heads))
            .order_by(heads.c.since.desc())
            .limit(50)
        )
        self._count_commands = (  # repo, within
            sa.select(sa.func.count())
            .select_from(commands.join(work_items))
            .where(
                work_items.c.repo == sa.bindparam("repo"),
                work_items.c.received_at > now - sa.bindparam("within", type_=sa.Float),
                work_items.c.event.is_(None),
            )
        )
        self._hint = (  # repo, number, author
            sa.select(commands.c.id)
            .select_from(commands.join(work_items))
            .where(
                *of_pull_request(work_items),
                work_items.c.author == sa.bindparam("author"),
                commands.c.reason == Reason.HINTED.value,
                commands.c.answer != "",
            )
            .limit(1)
        )
        newest = self._newest_heads.subquery()
        usage = _usage(now).subquery()
        # One row at least, so that the counts come where there are no heads.
        self._known = (  # repo, number, author, within, counted
            sa.select(usage, newest)
            .select_from(usage.outerjoin(newest, sa.true()))
            .order_by(newest.c.since.desc())
        )

    async def is_from_fork(self, repo: RepoName, sha: Sha) -> bool:
        """Whether a commit is known to have been the head of a pull request from a fork."""
        return await self._scalar(self._in_fork, repo=repo, sha=sha) is not None

    async def has_hint(self, repo: RepoName, number: int, author: str) -> bool:
        """Whether somebody was shown under this pull request what a command looks like."""
        hint = await self._scalar(self._hint, repo=repo, number=number, author=author)
        return hint is not None

    async def newest_heads(self, repo: RepoName, number: int) -> tuple[KnownHead, ...]:
        """The newest heads of a pull request that webhooks announced, newest first."""
        found = await self._rows(self._newest_heads, repo=repo, number=number)
        return tuple(KnownHead(Sha(row.sha), row.since, row.received_at) for row in found)

    async def known(
        self, repo: RepoName, number: int, author: str, within: float, counted: Collection[Reason]
    ) -> KnownPullRequest:
        """What a decision needs to know of a pull request, in one transaction: its heads, and of
        the last *within* seconds the commands of an author, those in the repository that were
        decided for the reasons *counted*, and the runs that were started in it."""
        found = await self._rows(
            self._known,
            repo=repo,
            number=number,
            author=author,
            within=within,
            counted=[reason.value for reason in counted],
        )
        return KnownPullRequest(
            tuple(
                KnownHead(Sha(row.sha), row.since, row.received_at)
                for row in found
                if row.sha is not None
            ),
            by_person=found[0].by_person,
            in_repository=found[0].in_repository,
            runs=found[0].runs,
            notices=found[0].notices,
        )

    async def count_commands(
        self,
        repo: RepoName,
        within: float,
        author: str | None = None,
        number: int | None = None,
    ) -> int:
        """Commands from comments received in the last *within* seconds: in a repository, by one
        author, under one pull request."""
        count = self._count_commands
        if author is not None:
            count = count.where(work_items.c.author == author)
        if number is not None:
            count = count.where(work_items.c.number == number)
        return cast(int, await self._scalar(count, repo=repo, within=within))


def _usage(now: sa.ColumnElement[float]) -> sa.Select[Any]:
    """Commands of the last while by one author and in the repository, runs that were started in it,
    and how often the author had an answer about a limit."""
    since = now - sa.bindparam("within", type_=sa.Float)
    by_author = work_items.c.author == sa.bindparam("author")
    started = (
        sa.select(sa.func.count())
        .select_from(start_attempts)
        .where(
            start_attempts.c.repo == sa.bindparam("repo"),
            start_attempts.c.created_at > since,
            start_attempts.c.outcome.in_(["started", "open"]),
        )
    )
    notices = (
        by_author & (commands.c.reason == Reason.RATE_LIMITED.value) & (commands.c.answer != "")
    )
    return (
        sa.select(
            sa.func.count().filter(by_author & work_items.c.event.is_(None)).label("by_person"),
            sa.func.count()
            .filter(commands.c.reason.in_(sa.bindparam("counted", expanding=True)))
            .label("in_repository"),
            sa.func.count().filter(notices).label("notices"),
            started.scalar_subquery().label("runs"),
        )
        .select_from(commands.join(work_items))
        .where(
            work_items.c.repo == sa.bindparam("repo"),
            work_items.c.received_at > since,
        )
    )
