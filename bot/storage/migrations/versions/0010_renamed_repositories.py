"""A repository is known by its id, whatever it is called"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("work_items", sa.Column("repo_id", sa.BigInteger))
    op.create_index("work_items_repo_id", "work_items", ["repo_id"])
    op.create_table(
        "repositories",
        sa.Column("id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("since", sa.Float, nullable=False),
        sa.Column("installation_id", sa.BigInteger),
    )
