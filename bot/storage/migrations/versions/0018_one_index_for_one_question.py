"""The index for repositories that are renamed is taken for nothing else"""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    name, table = "work_items_repo_id", "work_items"
    is_left = sa.column("due_at").is_not(None) | sa.column("set_aside_at").is_not(None)
    live = sa.column("repo_id").is_not(None) & is_left
    op.drop_index(name, table)
    op.create_index(name, table, ["repo_id"], sqlite_where=live, postgresql_where=live)
