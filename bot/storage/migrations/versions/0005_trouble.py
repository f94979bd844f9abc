"""A run is gone when Depot says so twice"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    misses = sa.Column("misses", sa.Integer, nullable=False, server_default="0")
    op.add_column("tracked_runs", misses)
