"""Several runs of the same for one command"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("commands", sa.Column("times", sa.Integer))
    op.add_column("commands", sa.Column("stopped", sa.Text))
    number = sa.Column("number", sa.Integer, nullable=False, server_default="0")
    op.add_column("tracked_runs", number)
    signature = sa.Column("signature", sa.Text, nullable=False, server_default="")
    op.add_column("tracked_runs", signature)
