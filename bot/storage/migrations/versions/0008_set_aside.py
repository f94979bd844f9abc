"""What fails for too long is set aside"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    faults = sa.Column("faults", sa.Integer, nullable=False, server_default="0")
    op.add_column("work_items", faults)
    op.add_column("work_items", sa.Column("set_aside_at", sa.Float))
    op.create_index(
        "work_items_set_aside",
        "work_items",
        ["set_aside_at"],
        sqlite_where=sa.text("set_aside_at IS NOT NULL"),
        postgresql_where=sa.text("set_aside_at IS NOT NULL"),
    )
