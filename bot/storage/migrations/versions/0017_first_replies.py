"""Which writes of the last hour are first replies"""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    others = sa.Column("others", sa.Text, nullable=False, server_default="[]")
    op.add_column("write_budgets", others)
