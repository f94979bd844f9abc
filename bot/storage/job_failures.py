"""Failures of jobs: what failed before, where, and whether it then passed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.core.clock import DAY
from bot.core.failures import FLAKY_DAYS, FlakyJob, JobFailure
from bot.core.types import RepoName, RunId, Sha
from bot.storage import rows
from bot.storage.database import Store
from bot.storage.part import Part, execute_all, of_pull_request
from bot.storage.tables import heads, job_failures

KNOWN_SECONDS = FLAKY_DAYS * DAY

MAX_KEPT = 1000
"""Failures with the same signature, or fingerprint, that are looked at for one run."""

MAX_FLAKES = 5000
"""Failed attempts, the newest, that are counted."""

MAX_FLAKY_RUNS = 5
"""Runs, the newest, that are named for a flaky job."""


@dataclass(frozen=True, slots=True)
class Heads:
    """What was the head of a pull request, and of which others."""

    commits: frozenset[Sha]
    others: frozenset[int]
    """Other pull requests that had one of these commits as their head."""
    of_commit: frozenset[int]
    """The pull requests that had the commit in question as their head."""


class JobFailures(Part):
    """Reads and writes failures. Nothing here is fenced: what is written twice is the same."""

    def _build(self, store: type[Store]) -> None:
        super()._build(store)
        now = store.now()
        add = store.insert(job_failures).values(seen_at=now)
        is_known = add.excluded.signature != ""
        self._save = add.on_conflict_do_update(
            index_elements=list(job_failures.primary_key),
            set_={
                # A later look may tell more, and never less.
                **{
                    name: sa.case((is_known, add.excluded[name]), else_=job_failures.c[name])
                    for name in ("signature", "fingerprint", "author")
                },
                "number": add.excluded.number,
                "passed_attempt": sa.func.coalesce(
                    job_failures.c.passed_attempt, add.excluded.passed_attempt
                ),
            },
        )
        self._set_passed = (  # of_runs
            sa.update(job_failures)
            .where(
                job_failures.c.run_id.in_(sa.bindparam("of_runs", expanding=True)),
                job_failures.c.passed_attempt.is_(None),
            )
            .values(passed_attempt=0)
        )
        is_recent = job_failures.c.seen_at > now - KNOWN_SECONDS
        in_repo = job_failures.c.repo == sa.bindparam("repo")
        # Two statements: SQLite would use neither index for both conditions in one.
        self._by_signature, self._by_fingerprint = (  # repo, names
            sa.select(job_failures)
            .where(in_repo, is_recent, column.in_(sa.bindparam("names", expanding=True)))
            .order_by(job_failures.c.seen_at.desc())
            .limit(MAX_KEPT)
            for column in (job_failures.c.signature, job_failures.c.fingerprint)
        )
        self._of_runs = sa.select(job_failures).where(  # run_ids
            job_failures.c.run_id.in_(sa.bindparam("run_ids", expanding=True))
        )
        own, other = heads.alias(), heads.alias()
        self._own_heads = (  # repo, number
            sa.select(heads.c.sha).where(*of_pull_request(heads))
        )
        self._shared_heads = (  # repo, number
            sa.select(other.c.number)
            .distinct()
            .select_from(
                own.join(other, sa.and_(other.c.repo == own.c.repo, other.c.sha == own.c.sha))
            )
            .where(
                own.c.repo == sa.bindparam("repo"),
                own.c.number == sa.bindparam("number"),
                other.c.number != own.c.number,
            )
        )
        self._numbers_at = (  # repo, sha
            sa.select(heads.c.number).where(
                heads.c.repo == sa.bindparam("repo"), heads.c.sha == sa.bindparam("sha")
            )
        )
        self._flaky = (  # within
            sa.select(job_failures)
            .where(
                job_failures.c.passed_attempt.is_not(None),
                job_failures.c.seen_at > now - sa.bindparam("within", type_=sa.Float),
            )
            .order_by(job_failures.c.seen_at.desc())
            .limit(MAX_FLAKES)
        )

    async def save(self, failures: Sequence[JobFailure]) -> None:
        """Keep these; of those that are kept already, what is new of them."""
        # In one order everywhere: two processes must not wait for each other's rows.
        ordered = sorted(failures, key=lambda one: (one.run_id, one.job_id, one.attempt))
        values = [rows.job_failure_row(one) for one in ordered]
        if values:
            await self._store.transact(lambda db: execute_all(db, self._save, values))

    async def save_passed(self, run_ids: Collection[RunId]) -> None:
        """Keep that what failed in some runs passed in another run of the same commit."""
        which = {"of_runs": sorted(set(run_ids))}
        await self._store.transact(lambda db: db.execute(self._set_passed, which))

    async def alike(
        self, repo: RepoName, signatures: Collection[str], fingerprints: Collection[str]
    ) -> list[JobFailure]:
        """The failures with one of these signatures or fingerprints; of very many the newest."""
        asked = [
            (query, {"repo": repo, "names": names})
            for query, given in (
                (self._by_signature, signatures),
                (self._by_fingerprint, fingerprints),
            )
            if (names := sorted(filter(None, given)))
        ]

        def work(db: sa.Connection) -> list[sa.Row[Any]]:
            return [row for query, which in asked for row in db.execute(query, which)]

        found = [rows.job_failure(row) for row in await self._store.transact(work)]
        return list({(one.run_id, one.job_id, one.attempt): one for one in found}.values())

    async def of_runs(self, run_ids: Collection[RunId]) -> list[JobFailure]:
        """What is known to have failed in some runs."""
        found = await self._rows(self._of_runs, run_ids=sorted(set(run_ids)))
        return [rows.job_failure(row) for row in found]

    async def heads(self, repo: RepoName, number: int, sha: Sha) -> Heads:
        """What was the head of a pull request, and which pull requests had a commit as theirs."""
        which = {"repo": repo, "number": number}

        def work(db: sa.Connection) -> Heads:
            return Heads(
                frozenset(Sha(one) for one in db.scalars(self._own_heads, which)),
                frozenset(db.scalars(self._shared_heads, which)),
                frozenset(db.scalars(self._numbers_at, {"repo": repo, "sha": sha})),
            )

        return await self._store.transact(work)

    async def flaky(self, repo: str = "", within: float = KNOWN_SECONDS) -> list[FlakyJob]:
        """The jobs that failed and passed on the same commit in the last *within* seconds, the most
        often first; of one repository, or of all."""
        query = self._flaky
        if repo:
            # GitHub does not tell names apart by case.
            query = query.where(sa.func.lower(job_failures.c.repo) == repo.lower())
        found = await self._rows(query, within=within)
        jobs: dict[tuple[str, str, str], list[JobFailure]] = defaultdict(list)
        for row in found:
            jobs[row.repo, row.workflow, row.job].append(rows.job_failure(row))
        flaky = [_flaky_job(failures) for failures in jobs.values()]
        return sorted(flaky, key=lambda one: (-one.times, -one.last_at, one.workflow, one.job))


def _flaky_job(failures: Sequence[JobFailure]) -> FlakyJob:
    """*failures* of one job, the newest first."""
    newest = failures[0]
    runs = {one.run_id: one.org_id for one in failures}
    return FlakyJob(
        repo=newest.repo,
        workflow=newest.workflow,
        job=newest.job,
        job_key=newest.job_key,
        times=len(runs),
        last_at=newest.seen_at,
        runs=tuple(list(runs.items())[:MAX_FLAKY_RUNS]),
    )
