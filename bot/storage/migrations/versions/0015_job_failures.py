"""Failures of jobs, and where else a run's failures were seen"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "job_failures",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Text, primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("repo", sa.Text, nullable=False),
        sa.Column("repo_id", sa.BigInteger),
        sa.Column("number", sa.Integer),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("sha", sa.Text, nullable=False),
        sa.Column("org_id", sa.Text, nullable=False),
        sa.Column("workflow", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("job_key", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("signature", sa.Text, nullable=False),
        sa.Column("seen_at", sa.Float, nullable=False),
        sa.Column("passed_attempt", sa.Integer),
    )
    for name, columns in (
        ("signature", ["repo", "signature"]),
        ("fingerprint", ["repo", "fingerprint"]),
        ("seen", ["seen_at"]),
        ("repo_id", ["repo_id"]),
    ):
        op.create_index(f"job_failures_{name}", "job_failures", columns)
    op.create_index(
        "job_failures_flaky",
        "job_failures",
        ["seen_at"],
        sqlite_where=sa.text("passed_attempt IS NOT NULL"),
        postgresql_where=sa.text("passed_attempt IS NOT NULL"),
    )
    evidence = sa.Column("evidence", sa.Text, nullable=False, server_default="[]")
    op.add_column("tracked_runs", evidence)
