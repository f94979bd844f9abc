"""A reply that was posted again is looked for twins"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_items", sa.Column("reply_attempted_at", sa.Float))
    op.add_column("work_items", sa.Column("reply_twins_at", sa.Float))
    missing = sa.Column("reply_missing", sa.Integer, nullable=False, server_default="0")
    op.add_column("work_items", missing)
