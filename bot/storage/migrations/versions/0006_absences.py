"""What GitHub does not have yet is asked for again"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("commands", sa.Column("absent_since", sa.Float))
    op.add_column("commands", sa.Column("absent_what", sa.Text))
