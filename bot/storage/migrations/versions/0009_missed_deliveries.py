"""Missed deliveries are looked for since the last look"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("periodic_jobs", sa.Column("done_until", sa.Float))
    op.create_table(
        "redeliveries",
        sa.Column("guid", sa.Text, primary_key=True),
        sa.Column("attempt_id", sa.BigInteger, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False),
        sa.Column("received_at", sa.Float, nullable=False),
    )
