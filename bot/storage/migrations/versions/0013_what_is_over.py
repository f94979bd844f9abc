"""What is over is in no index that is read for what goes on, and is found by its age"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("work_items_due", "work_items_repo_id"):
        op.drop_index(name, "work_items")
    is_due = sa.column("due_at").is_not(None)
    is_undecided = ~sa.column("decided", sa.Boolean)
    is_tracked = sa.column("next_poll_at").is_not(None)
    is_left = is_due | sa.column("set_aside_at").is_not(None)
    for name, table, column, live in (
        ("work_items_due", "work_items", "due_at", is_due),
        ("work_items_repo_id", "work_items", "repo_id", is_left),
        ("commands_undecided", "commands", "work_item_id", is_undecided),
        ("tracked_runs_tracked", "tracked_runs", "next_poll_at", is_tracked),
    ):
        op.create_index(name, table, [column], sqlite_where=live, postgresql_where=live)
    for table in ("deliveries", "heads", "redeliveries"):
        op.create_index(f"{table}_received", table, ["received_at"])
    op.create_table(
        "former_names",
        sa.Column("repo_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("name", sa.Text, primary_key=True),
    )
