"""A ledger that has been used for long: finished requests by the thousand or million, by SQL.

Half of them are in one repository. They came in evenly over KEPT_SECONDS, until QUIET_SECONDS ago:
nothing of them is under way, and nothing counts for anybody's limits any more.
"""

from __future__ import annotations

import os

import msgspec
import sqlalchemy as sa
from sqlalchemy.engine import make_url

from bot.core.models import StartRequest
from bot.core.runs import Attempt, Job, Run, Workflow
from bot.core.types import RepoName, RunId, Sha, WorkItemId
from bot.storage.tables import metadata
from tests.support.conversation import REPO

KEPT_SECONDS = 89 * 24 * 3600.0
QUIET_SECONDS = 2 * 3600.0

REQUESTS_PER_PULL_REQUEST = 20

NUMBER = 1010
SHA = Sha("c0ffee1000000010" + "0" * 24)
ITEM = WorkItemId("ic-9200")
RUN = RunId("old-run-200")
AUTHOR = "author-0"
"""A pull request, its head, and a request under it, in the repository that has half of them."""

RESUMED_FROM = 2000
"""The number of the first request that goes on."""

OTHER = RepoName("octo/other-5")
OTHER_ID = 1005
"""A repository that has few of them."""

INSERTS = (
    """
    INSERT INTO deliveries (hook, guid, event, received_at)
    SELECT '1', 'old-' || n, 'issue_comment', :since + n * :pace FROM series
    """,
    """
    INSERT INTO heads (repo, number, sha, since, in_fork, received_at, repo_id)
    SELECT repo, number, sha, at, false, at, repo_id FROM request
    WHERE n % :per_pull_request IN (0, 7)
    """,
    """
    INSERT INTO work_items (id, source, repo, number, comment_id, author, author_is_bot, written_at,
        received_at, url, installation_id, deciding, acknowledged, reply_id, reply_attempted,
        reply_text, replied_at, failures, lease_until, fencing_token, repo_id)
    SELECT item, 'ic', repo, number, n, 'author-' || n % 50, false, at, at,
        'https://github.com/' || repo || '/pull/' || number || '#issuecomment-' || n, 1,
        false, true, n, false, :reply, at, 0, 0, 3, repo_id FROM request
    """,
    """
    INSERT INTO commands (id, work_item_id, position, line, blocks, decided, reason, answer,
        decided_at)
    SELECT item || '.1', item, 1, 'run ci.yml job=test', '[]', true,
        CASE n % 8 WHEN 1 THEN 'hinted' WHEN 2 THEN 'rate-limited' ELSE 'started' END,
        CASE n % 8 WHEN 1 THEN 'a hint' WHEN 2 THEN 'a notice' ELSE '' END, at FROM request
    """,
    """
    INSERT INTO start_attempts (command_id, repo, sha, workflow, request, run_ids_before,
        created_at, polls, outcome)
    SELECT item || '.1', repo, sha, 'ci.yml', :start, '[]', at, 0, 'started' FROM request
    """,
    """
    INSERT INTO tracked_runs (command_id, run_id, repo, sha, workflow, job, is_inline, in_fork,
        note, failure, state, tracked_since, polls)
    SELECT item || '.1', 'old-run-' || n, repo, sha, 'ci.yml', 'test', false, false, '', '', :run,
        at, 9 FROM request
    """,
    """
    INSERT INTO pending_changes (command_id, run_id, attempts_before)
    SELECT item || '.1', 'old-run-' || n, '{}' FROM request WHERE n % 10 = 0
    """,
    """
    INSERT INTO redeliveries (guid, attempt_id, asked, received_at)
    SELECT 'old-' || n, n, 1, at FROM request WHERE n % 10 = 0
    """,
    """
    INSERT INTO job_failures (run_id, job_id, attempt, repo, repo_id, number, author, sha, org_id,
        workflow, job, job_key, fingerprint, signature, seen_at, passed_attempt)
    SELECT 'old-run-' || n, 'j1', 1, repo, repo_id, number, 'author-' || n % 50, sha, 'org',
        'ci.yml', 'test', 'test', '', 'alike-' || (n % 5000), at, CASE n % 400 WHEN 0 THEN 2 END
    FROM request WHERE n % 4 = 0
    """,
)
"""Each reads the series of numbers, or what a request is by its number."""

SERIES = """
    WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < :count),
    request AS (
        SELECT n, 'ic-9' || n AS item, :since + n * :pace AS at,
            CASE WHEN n % 2 = 0 THEN :repo ELSE 'octo/other-' || n % 101 END AS repo,
            CASE WHEN n % 2 = 0 THEN 1 ELSE 1000 + n % 101 END AS repo_id,
            1000 + n / :per_pull_request AS number,
            'c0ffee' || (1000000000 + n / :per_pull_request) || '000000000000000000000000' AS sha
        FROM series)
"""


QUICKLY = {
    "sqlite": ("PRAGMA synchronous=OFF", "PRAGMA cache_size=-262144"),
    "postgresql": ("SET synchronous_commit = off", "SET maintenance_work_mem = '256MB'"),
}


def _engine(url: str) -> sa.Engine:
    parsed = make_url(url)
    driver = "sqlite" if parsed.get_backend_name() == "sqlite" else "postgresql+psycopg"
    return sa.create_engine(parsed.set(drivername=driver))


def fill(url: str, count: int, now: float) -> None:
    """Add so many finished requests to a ledger that has its tables and that nobody is using. *now*
    is the time by its clock."""
    engine = _engine(url)
    indexes = [index for table in metadata.tables.values() for index in table.indexes]
    since = now - KEPT_SECONDS
    values = {
        "count": count,
        "since": since,
        "pace": (KEPT_SECONDS - QUIET_SECONDS) / count,
        "repo": REPO,
        "per_pull_request": REQUESTS_PER_PULL_REQUEST,
        "start": msgspec.json.encode(StartRequest(RepoName(REPO), SHA, "ci.yml", "test")).decode(),
        "run": _run(),
        "reply": "Run `07qwbk1s76` of `ci.yml` (`test`) on `3f2c1d0`: ✅ passed in 2 min\n" * 3,
    }
    with engine.connect() as db:
        for setting in QUICKLY[db.dialect.name]:
            db.exec_driver_sql(setting)
        db.commit()
        # They are built in a fraction of the time when all is there.
        for index in indexes:
            index.drop(db)
        for insert in INSERTS:
            into, _, select = insert.partition("SELECT")
            asked = sa.text(f"{into}{SERIES}SELECT{select}")
            db.execute(asked, {name: values[name] for name in asked.compile().params})
        for index in indexes:
            index.create(db)
        db.commit()
        if db.dialect.name == "sqlite":
            db.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            os.sync()  # or the first who waits for the disk waits for all of it
    engine.dispose()


AGAIN = (
    """
    UPDATE work_items SET due_at = :later + comment_id, deciding = (comment_id % 4 = 0)
    WHERE repo = :repo AND comment_id BETWEEN :first AND :last
    """,
    """
    UPDATE commands SET decided = false WHERE work_item_id IN
        (SELECT id FROM work_items WHERE deciding AND comment_id BETWEEN :first AND :last)
    """,
    """
    UPDATE tracked_runs SET next_poll_at = :later, state = :run WHERE command_id IN
        (SELECT commands.id FROM commands JOIN work_items ON work_items.id = work_item_id
        WHERE due_at >= :later AND NOT deciding)
    """,
)


def resume(url: str, count: int, later: float) -> None:
    """Have so many of the finished requests of one repository go on: half of them are undecided
    until *later*, of the other half a run is followed."""
    engine = _engine(url)
    last = RESUMED_FROM + 2 * count - 1
    values = {"first": RESUMED_FROM, "last": last, "later": later, "repo": REPO}
    values["run"] = _run("running")
    with engine.begin() as db:
        for change in AGAIN:
            asked = sa.text(change)
            db.execute(asked, {name: values[name] for name in asked.compile().params})
    engine.dispose()


def analyze(url: str) -> None:
    """Have the database count, as PostgreSQL does by itself in time."""
    engine = _engine(url).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as db:
        db.execute(sa.text("ANALYZE" if db.dialect.name == "sqlite" else "VACUUM ANALYZE"))
    engine.dispose()


def _run(status: str = "finished") -> str:
    """A run, as it is stored."""
    attempt = Attempt("07qwbk1s76a", 1, status)
    job = Job("07qwbk1s76j", "ci.yml:test", status, "Test", (attempt,), 120.0)
    workflow = Workflow("07qwbk1s76w", ".depot/workflows/ci.yml", status, "CI", "", (job,))
    run = Run(RunId("07qwbk1s76"), "org", status, (workflow,), 120.0)
    return msgspec.json.encode(run).decode()
