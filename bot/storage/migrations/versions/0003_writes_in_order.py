"""Writes to GitHub wait in order; a command may start and change several runs"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # What was left of an hour's writes is counted anew.
    op.drop_table("write_budgets")
    op.create_table(
        "write_budgets",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("written", sa.Text, nullable=False),
        sa.Column("closed_until", sa.Float, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
    )
    op.create_table(
        "waiting_writes",
        sa.Column("work_item_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("kind", sa.Integer, nullable=False),
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("asks_at", sa.Float, nullable=False),
    )
    op.create_index("waiting_writes_order", "waiting_writes", ["account", "kind", "turn", "since"])
    op.create_index("work_items_repository", "work_items", ["repo", "received_at"])
    for name in ("is_beside_yaml", "is_near_miss"):
        column = sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column("commands", column)
    op.create_index("start_attempts_repository", "start_attempts", ["repo", "created_at"])
    _widen_pending_changes()


def _widen_pending_changes() -> None:
    """A command may change several runs: the run belongs to the primary key."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("pending_changes_pkey", "pending_changes")
        op.create_primary_key("pending_changes_pkey", "pending_changes", ["command_id", "run_id"])
        return
    op.rename_table("pending_changes", "old_changes")
    op.create_table(
        "pending_changes",
        sa.Column("command_id", sa.Text, sa.ForeignKey("commands.id"), primary_key=True),
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("attempts_before", sa.Text, nullable=False),
    )
    op.execute(
        "INSERT INTO pending_changes (command_id, run_id, attempts_before)"
        " SELECT command_id, run_id, attempts_before FROM old_changes"
    )
    op.drop_table("old_changes")
