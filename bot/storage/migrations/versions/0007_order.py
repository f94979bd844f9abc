"""Only commands that start or change runs wait for each other"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    ordered = sa.Column("is_ordered", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("work_items", ordered)
