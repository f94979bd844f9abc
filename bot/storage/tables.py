"""The ledger's tables. `bot/storage/migrations` brings a database to this shape.

Times are seconds since the epoch (UTC). Columns that hold JSON say so; they are read and written
whole, never searched.
"""

from __future__ import annotations

import sqlalchemy as sa

VERSION = "0018"
"""The newest migration, after which a database has this shape."""

metadata = sa.MetaData()


def _index_of_live(name: str, column: str, live: sa.ColumnElement[bool]) -> sa.Index:
    """An index of the few rows of which something is to come: those that are over are not in it.

    A query that is to use it says *live* in the same words.
    """
    return sa.Index(name, column, sqlite_where=live, postgresql_where=live)


def _is_set(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_not(None)


deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("hook", sa.Text, primary_key=True),
    sa.Column("guid", sa.Text, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("received_at", sa.Float, nullable=False),
    sa.Index("deliveries_received", "received_at"),
)

heads = sa.Table(
    "heads",
    metadata,
    sa.Column("repo", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("sha", sa.Text, primary_key=True),
    # When it became the head, by GitHub's clock; the newest time, when it did so more than once.
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("in_fork", sa.Boolean, nullable=False),
    sa.Column("received_at", sa.Float, nullable=False),
    sa.Column("repo_id", sa.BigInteger),
    sa.Index("heads_commit", "repo", "sha"),
    sa.Index("heads_repo_id", "repo_id", "number", "sha"),
    sa.Index("heads_received", "received_at"),
)

work_items = sa.Table(
    "work_items",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("repo", sa.Text, nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("comment_id", sa.BigInteger, nullable=False),
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("author_is_bot", sa.Boolean, nullable=False),
    sa.Column("written_at", sa.Float, nullable=False),
    sa.Column("received_at", sa.Float, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("installation_id", sa.BigInteger),
    sa.Column("reviewed_sha", sa.Text),
    sa.Column("event", sa.Text),  # JSON: bot.core.events.PullRequestEvent; none for a comment
    # Some of its commands are not decided yet.
    sa.Column("deciding", sa.Boolean, nullable=False),
    sa.Column("acknowledged", sa.Boolean, nullable=False),
    sa.Column("reply_id", sa.BigInteger),
    # A reply may have been posted: search for it before posting another.
    sa.Column("reply_attempted", sa.Boolean, nullable=False),
    sa.Column("reply_text", sa.Text, nullable=False),
    sa.Column("replied_at", sa.Float),
    # Steps that failed one after the other, and since when.
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", sa.Float),
    # When its next step is due; none when nothing is left to do.
    sa.Column("due_at", sa.Float),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("fencing_token", sa.Integer, nullable=False),
    # The comment, until its command lines are found in it; none where they were found at once.
    sa.Column("text", sa.Text),
    sa.Column("is_public", sa.Boolean, nullable=False, server_default=sa.true()),
    # Its author was seen to have the write role.
    sa.Column("author_may_write", sa.Boolean, nullable=False, server_default=sa.true()),
    # How often GitHub refused the reply, since when, and when it is tried again.
    sa.Column("reply_refusals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("reply_refused_since", sa.Float),
    sa.Column("reply_retry_at", sa.Float),
    # It may start or change runs, as far as is known: such commands of a pull request are decided
    # in the order of their comments.
    sa.Column("is_ordered", sa.Boolean, nullable=False, server_default=sa.true()),
    # Steps that failed one after the other for reasons that nobody foresaw.
    sa.Column("faults", sa.Integer, nullable=False, server_default="0"),
    # Since when it is left alone, until somebody puts it back.
    sa.Column("set_aside_at", sa.Float),
    sa.Column("repo_id", sa.BigInteger),
    # When the reply was last posted, and when it is looked for a twin of it.
    sa.Column("reply_attempted_at", sa.Float),
    sa.Column("reply_twins_at", sa.Float),
    # How often, one after the other, GitHub did not find the reply to be edited.
    sa.Column("reply_missing", sa.Integer, nullable=False, server_default="0"),
    # Its author was told how the runs ended, or is not to be.
    sa.Column("end_announced", sa.Boolean, nullable=False, server_default=sa.false()),
    # When a comment that mentions them was last posted, whatever came of that.
    sa.Column("mention_attempted_at", sa.Float),
    _index_of_live("work_items_due", "due_at", _is_set("due_at")),
    # With the id in its condition PostgreSQL takes it for nothing else.
    _index_of_live(
        "work_items_repo_id",
        "repo_id",
        _is_set("repo_id") & (_is_set("due_at") | _is_set("set_aside_at")),
    ),
    _index_of_live("work_items_set_aside", "set_aside_at", _is_set("set_aside_at")),
    sa.Index("work_items_pull_request", "repo", "number", "deciding"),
    sa.Index("work_items_received", "received_at"),
    sa.Index("work_items_repository", "repo", "received_at"),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("work_item_id", sa.Text, sa.ForeignKey("work_items.id"), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("blocks", sa.Text, nullable=False),  # JSON: a list of texts
    sa.Column("decided", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    # Since when GitHub or Depot keeps it from being decided.
    sa.Column("troubled_since", sa.Float),
    sa.Column("decided_at", sa.Float),
    sa.Column("is_beside_yaml", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("is_near_miss", sa.Boolean, nullable=False, server_default=sa.false()),
    # What GitHub does not have of what its webhook named, and since when.
    sa.Column("absent_since", sa.Float),
    sa.Column("absent_what", sa.Text),
    # How many runs of the same it wants, once the first is started; and the reason code for which
    # no more of them are started.
    sa.Column("times", sa.Integer),
    sa.Column("stopped", sa.Text),
    sa.Index("commands_work_item", "work_item_id"),
    _index_of_live("commands_undecided", "work_item_id", ~sa.column("decided", sa.Boolean)),
)

start_attempts = sa.Table(
    "start_attempts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("command_id", sa.Text, sa.ForeignKey("commands.id"), nullable=False),
    sa.Column("repo", sa.Text, nullable=False),
    sa.Column("sha", sa.Text, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),  # empty: all, or YAML sent along
    sa.Column("request", sa.Text, nullable=False),  # JSON: bot.core.models.StartRequest
    sa.Column("run_ids_before", sa.Text, nullable=False),  # JSON: run ids that were there already
    sa.Column("created_at", sa.Float, nullable=False),
    sa.Column("polls", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Index("start_attempts_command", "command_id"),
    sa.Index("start_attempts_repository", "repo", "created_at"),
    # Two open attempts for the same thing could not be told apart in ListRuns.
    sa.Index(
        "start_attempts_open",
        "repo",
        "sha",
        "workflow",
        unique=True,
        sqlite_where=sa.text("outcome = 'open'"),
        postgresql_where=sa.text("outcome = 'open'"),
    ),
)

pending_changes = sa.Table(
    "pending_changes",
    metadata,
    sa.Column("command_id", sa.Text, sa.ForeignKey("commands.id"), primary_key=True),
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("attempts_before", sa.Text, nullable=False),  # JSON: attempt numbers by job id
)

tracked_runs = sa.Table(
    "tracked_runs",
    metadata,
    sa.Column("command_id", sa.Text, sa.ForeignKey("commands.id"), primary_key=True),
    sa.Column("run_id", sa.Text, primary_key=True),
    sa.Column("repo", sa.Text, nullable=False),
    sa.Column("sha", sa.Text, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("is_inline", sa.Boolean, nullable=False),
    sa.Column("in_fork", sa.Boolean, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("failure", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),  # JSON: bot.core.runs.Run
    sa.Column("tracked_since", sa.Float, nullable=False),
    sa.Column("polls", sa.Integer, nullable=False),
    # When Depot is asked next how it stands; none when it is no longer tracked.
    sa.Column("next_poll_at", sa.Float),
    # How often, one after the other, Depot said that it does not know it.
    sa.Column("misses", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempts", sa.Text, nullable=False, server_default="[]"),  # JSON: PastAttempts
    # Who asked for the present attempt; who had it go again, until that shows; and when that was.
    sa.Column("asked_by", sa.Text, nullable=False, server_default=""),
    sa.Column("resumed_by", sa.Text, nullable=False, server_default=""),
    sa.Column("resumed_at", sa.Float),
    # When Depot was last asked for all of it.
    sa.Column("read_at", sa.Float),
    # The reply that shows how it goes, where that is another's; none when it is its command's.
    sa.Column("reply_url", sa.Text),
    # How it ended, for a command that asked for it; empty while it goes on.
    sa.Column("awaited_end", sa.Text),
    # JSON: bot.core.failures.Evidence, where else what failed was seen
    sa.Column("evidence", sa.Text, nullable=False, server_default="[]"),
    # Its place among several runs of the same, and our name for what failed in it.
    sa.Column("number", sa.Integer, nullable=False, server_default="0"),
    sa.Column("signature", sa.Text, nullable=False, server_default=""),
    sa.Index("tracked_runs_run", "run_id"),
    sa.Index("tracked_runs_commit", "repo", "sha"),
    _index_of_live("tracked_runs_tracked", "next_poll_at", _is_set("next_poll_at")),
)

# Failed attempts of jobs, of runs that were followed and of runs of base branches.
job_failures = sa.Table(
    "job_failures",
    metadata,
    sa.Column("run_id", sa.Text, primary_key=True),
    # Of a workflow, with attempt 0, where Depot did not tell all that failed in it.
    sa.Column("job_id", sa.Text, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("repo", sa.Text, nullable=False),
    sa.Column("repo_id", sa.BigInteger),
    sa.Column("number", sa.Integer),  # the pull request; none for a run of a base branch
    sa.Column("author", sa.Text, nullable=False),  # of the pull request
    sa.Column("sha", sa.Text, nullable=False),
    sa.Column("org_id", sa.Text, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),  # file name
    sa.Column("job", sa.Text, nullable=False),  # the name that is shown
    sa.Column("job_key", sa.Text, nullable=False),  # without file and matrix
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("signature", sa.Text, nullable=False),
    sa.Column("seen_at", sa.Float, nullable=False),
    # The first later attempt of the same job that passed; 0 for another run of the same commit.
    sa.Column("passed_attempt", sa.Integer),
    sa.Index("job_failures_signature", "repo", "signature"),
    sa.Index("job_failures_fingerprint", "repo", "fingerprint"),
    sa.Index("job_failures_seen", "seen_at"),
    sa.Index("job_failures_repo_id", "repo_id"),
    sa.Index(
        "job_failures_flaky",
        "seen_at",
        sqlite_where=sa.text("passed_attempt IS NOT NULL"),
        postgresql_where=sa.text("passed_attempt IS NOT NULL"),
    ),
)

# What GitHub calls each repository, by its id, which stays.
repositories = sa.Table(
    "repositories",
    metadata,
    sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, nullable=False),
    # Since when it is known to have this name, by GitHub's clock.
    sa.Column("since", sa.Float, nullable=False),
    sa.Column("installation_id", sa.BigInteger),
)

# What a repository was called before, while something that is over is stored under that name.
former_names = sa.Table(
    "former_names",
    metadata,
    sa.Column("repo_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("name", sa.Text, primary_key=True),
)

periodic_jobs = sa.Table(
    "periodic_jobs",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next_due_at", sa.Float, nullable=False),
    # How far it has come, for one that goes through what lies between two turns: a time by GitHub's
    # clock.
    sa.Column("done_until", sa.Float),
)

# Deliveries that failed and that GitHub was asked to send again.
redeliveries = sa.Table(
    "redeliveries",
    metadata,
    sa.Column("guid", sa.Text, primary_key=True),
    # The newest failed attempt for which it was asked.
    sa.Column("attempt_id", sa.BigInteger, nullable=False),
    sa.Column("asked", sa.Integer, nullable=False),  # how often
    sa.Column("received_at", sa.Float, nullable=False),
    sa.Index("redeliveries_received", "received_at"),
)

write_budgets = sa.Table(
    "write_budgets",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("written", sa.Text, nullable=False),  # JSON: times of the last hour's writes
    sa.Column("closed_until", sa.Float, nullable=False),
    sa.Column("turn", sa.Integer, nullable=False),
    # JSON: times of the last hour's writes to persons without the write role
    sa.Column("unprivileged", sa.Text, nullable=False, server_default="[]"),
    # JSON: times of the last hour's writes that are no first replies
    sa.Column("others", sa.Text, nullable=False, server_default="[]"),
)

waiting_writes = sa.Table(
    "waiting_writes",
    metadata,
    sa.Column("work_item_id", sa.Text, primary_key=True),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("repo", sa.Text, nullable=False),
    sa.Column("kind", sa.Integer, nullable=False),  # bot.core.rate_limit.WriteKind
    sa.Column("turn", sa.Integer, nullable=False),
    sa.Column("since", sa.Float, nullable=False),
    # When it asks again; long after that it is forgotten.
    sa.Column("asks_at", sa.Float, nullable=False),
    sa.Column("is_privileged", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Index("waiting_writes_order", "account", "is_privileged", "kind", "turn", "since"),
)
