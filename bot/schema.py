"""The ledger's tables. `bot/migrations` brings a database to this shape.

Times are seconds since the epoch (UTC). Columns that hold JSON say so; they are read and written
whole, never searched.
"""

from __future__ import annotations

import sqlalchemy as sa

VERSION = "0001"
"""The newest migration, after which a database has this shape."""

metadata = sa.MetaData()

deliveries = sa.Table(
    "deliveries",
    metadata,
    sa.Column("hook", sa.Text, primary_key=True),
    sa.Column("guid", sa.Text, primary_key=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("received_at", sa.Float, nullable=False),
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
    sa.Index("heads_commit", "repo", "sha"),
)

requests = sa.Table(
    "requests",
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
    sa.Column("installation", sa.BigInteger),
    sa.Column("reviewed", sa.Text),
    sa.Column("happening", sa.Text),  # JSON: bot.types.Happening; none for a comment
    # Some of its commands are not decided yet: later comments of the pull request wait for it.
    sa.Column("deciding", sa.Boolean, nullable=False),
    sa.Column("acknowledged", sa.Boolean, nullable=False),
    sa.Column("reply_id", sa.BigInteger),
    # A reply may have been posted: look for it before posting another.
    sa.Column("reply_tried", sa.Boolean, nullable=False),
    sa.Column("reply_text", sa.Text, nullable=False),
    sa.Column("replied_at", sa.Float),
    # Steps that failed one after the other, and since when.
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("failing_since", sa.Float),
    # When its next step is due; none when nothing is left to do.
    sa.Column("due_at", sa.Float),
    sa.Column("lease_until", sa.Float, nullable=False),
    sa.Column("fence", sa.Integer, nullable=False),
    sa.Index("requests_due", "due_at"),
    sa.Index("requests_pull", "repo", "number", "deciding"),
    sa.Index("requests_received", "received_at"),
)

commands = sa.Table(
    "commands",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("request_id", sa.Text, sa.ForeignKey("requests.id"), nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    sa.Column("blocks", sa.Text, nullable=False),  # JSON: a list of texts
    sa.Column("decided", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
    # Since when GitHub or Depot keeps it from being decided.
    sa.Column("troubled_since", sa.Float),
    sa.Column("decided_at", sa.Float),
    sa.Index("commands_request", "request_id"),
)

intents = sa.Table(
    "intents",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("command_id", sa.Text, sa.ForeignKey("commands.id"), nullable=False),
    sa.Column("repo", sa.Text, nullable=False),
    sa.Column("sha", sa.Text, nullable=False),
    sa.Column("workflow", sa.Text, nullable=False),  # empty: all, or YAML sent along
    sa.Column("start", sa.Text, nullable=False),  # JSON: bot.records.Start
    sa.Column("before", sa.Text, nullable=False),  # JSON: run ids that were there already
    sa.Column("noted_at", sa.Float, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Index("intents_command", "command_id"),
    # Two open intents for the same thing could not be told apart in ListRuns. (On PostgreSQL the
    # migration says the same. Here that would load its dialect, which takes 2 MB, for everybody.)
    sa.Index(
        "intents_open",
        "repo",
        "sha",
        "workflow",
        unique=True,
        sqlite_where=sa.text("outcome = 'open'"),
    ),
)

deeds = sa.Table(
    "deeds",
    metadata,
    sa.Column("command_id", sa.Text, sa.ForeignKey("commands.id"), primary_key=True),
    sa.Column("run_id", sa.Text, nullable=False),
    sa.Column("attempts", sa.Text, nullable=False),  # JSON: attempt numbers by job id
)

runs = sa.Table(
    "runs",
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
    sa.Column("state", sa.Text, nullable=False),  # JSON: bot.types.Run
    sa.Column("followed_since", sa.Float, nullable=False),
    sa.Column("looks", sa.Integer, nullable=False),
    # When it is looked at next; none when it is no longer followed.
    sa.Column("next_look_at", sa.Float),
    sa.Index("runs_run", "run_id"),
    sa.Index("runs_commit", "repo", "sha"),
)

turns = sa.Table(
    "turns",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("next_at", sa.Float, nullable=False),
)

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("account", sa.Text, primary_key=True),
    sa.Column("minute", sa.Float, nullable=False),
    sa.Column("hour", sa.Float, nullable=False),
    sa.Column("counted_at", sa.Float, nullable=False),
    sa.Column("closed_until", sa.Float, nullable=False),
)
