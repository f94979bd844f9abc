"""A run is gone when Depot says so twice; a reply that is refused is tried again"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    misses = sa.Column("misses", sa.Integer, nullable=False, server_default="0")
    op.add_column("tracked_runs", misses)
    refusals = sa.Column("reply_refusals", sa.Integer, nullable=False, server_default="0")
    op.add_column("work_items", refusals)
    op.add_column("work_items", sa.Column("reply_refused_since", sa.Float))
    op.add_column("work_items", sa.Column("reply_retry_at", sa.Float))
