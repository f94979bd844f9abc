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
    # What is under way is gone on with.
    may_write = sa.Column("author_may_write", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("work_items", may_write)
    unprivileged = sa.Column("unprivileged", sa.Text, nullable=False, server_default="[]")
    op.add_column("write_budgets", unprivileged)
    is_privileged = sa.Column("is_privileged", sa.Boolean, nullable=False, server_default=sa.true())
    op.add_column("waiting_writes", is_privileged)
    op.drop_index("waiting_writes_order", "waiting_writes")
    op.create_index(
        "waiting_writes_order",
        "waiting_writes",
        ["account", "is_privileged", "kind", "turn", "since"],
    )
