"""Heads go by the id of their repository, and a column by the word that the code has for it"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("heads", sa.Column("repo_id", sa.BigInteger))
    op.create_index("heads_repo_id", "heads", ["repo_id", "number", "sha"])
    # Two repositories may be known by one name: then nobody knows whose these are.
    op.execute(
        "UPDATE heads SET repo_id ="
        " (SELECT max(id) FROM repositories WHERE name = heads.repo HAVING count(*) = 1)"
    )
    op.execute("ALTER TABLE commands RENAME COLUMN blocked_since TO troubled_since")
