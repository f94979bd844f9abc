"""Comments are parsed by the worker; what is posted depends on who can see the repository"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_items", sa.Column("text", sa.Text))
    # What is not known counts as public.
    is_public = sa.Column("is_public", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("work_items", is_public)
