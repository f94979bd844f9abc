"""The attempts of a run, the reply that follows it, and whether its end was announced"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    attempts = sa.Column("attempts", sa.Text, nullable=False, server_default="[]")
    op.add_column("tracked_runs", attempts)
    for name in ("asked_by", "resumed_by"):
        op.add_column("tracked_runs", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("resumed_at", "read_at"):
        op.add_column("tracked_runs", sa.Column(name, sa.Float))
    for name in ("reply_url", "awaited_end"):
        op.add_column("tracked_runs", sa.Column(name, sa.Text))
    announced = sa.Column("end_announced", sa.Boolean, nullable=False, server_default=sa.false())
    op.add_column("work_items", announced)
    op.add_column("work_items", sa.Column("mention_attempted_at", sa.Float))
