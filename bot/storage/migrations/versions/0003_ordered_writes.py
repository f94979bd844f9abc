"""Writes to GitHub wait in order"""

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
