"""Tables and columns are called what the field calls them"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TABLES = {
    "requests": "work_items",
    "intents": "start_attempts",
    "deeds": "pending_changes",
    "runs": "tracked_runs",
    "turns": "periodic_jobs",
    "budgets": "write_budgets",
}
COLUMNS = {
    "work_items": {
        "installation": "installation_id",
        "reviewed": "reviewed_sha",
        "happening": "event",
        "reply_tried": "reply_attempted",
        "fence": "fencing_token",
    },
    "commands": {
        "request_id": "work_item_id",
        "place": "position",
        "troubled_since": "blocked_since",
    },
    "start_attempts": {
        "start": "request",
        "before": "run_ids_before",
        "noted_at": "created_at",
        "looks": "polls",
    },
    "pending_changes": {"attempts": "attempts_before"},
    "tracked_runs": {
        "followed_since": "tracked_since",
        "looks": "polls",
        "next_look_at": "next_poll_at",
    },
    "periodic_jobs": {"next_at": "next_due_at"},
}
INDEXES = {
    "requests_due": ("work_items_due", "work_items", ["due_at"]),
    "requests_pull": ("work_items_pull_request", "work_items", ["repo", "number", "deciding"]),
    "requests_received": ("work_items_received", "work_items", ["received_at"]),
    "commands_request": ("commands_work_item", "commands", ["work_item_id"]),
    "intents_command": ("start_attempts_command", "start_attempts", ["command_id"]),
    "runs_commit": ("tracked_runs_commit", "tracked_runs", ["repo", "sha"]),
    "runs_run": ("tracked_runs_run", "tracked_runs", ["run_id"]),
}
FOREIGN_KEYS = {
    "commands_request_id_fkey": ("commands", "commands_work_item_id_fkey"),
    "intents_command_id_fkey": ("start_attempts", "start_attempts_command_id_fkey"),
    "deeds_command_id_fkey": ("pending_changes", "pending_changes_command_id_fkey"),
    "runs_command_id_fkey": ("tracked_runs", "tracked_runs_command_id_fkey"),
}


def upgrade() -> None:
    for old, new in TABLES.items():
        op.rename_table(old, new)
    for table, columns in COLUMNS.items():
        for old, new in columns.items():
            # Not `alter_column`: on SQLite that would copy the table.
            op.execute(f'ALTER TABLE {table} RENAME COLUMN "{old}" TO "{new}"')
    for old, (new, table, names) in INDEXES.items():
        op.drop_index(old, table)
        op.create_index(new, table, names)
    op.drop_index("intents_open", "start_attempts")
    op.create_index(
        "start_attempts_open",
        "start_attempts",
        ["repo", "sha", "workflow"],
        unique=True,
        sqlite_where=sa.text("outcome = 'open'"),
        postgresql_where=sa.text("outcome = 'open'"),
    )
    if op.get_bind().dialect.name == "postgresql":
        # SQLite gives these no names.
        for old, new in TABLES.items():
            op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT {old}_pkey TO {new}_pkey")
        for old, (table, new) in FOREIGN_KEYS.items():
            op.execute(f"ALTER TABLE {table} RENAME CONSTRAINT {old} TO {new}")
        op.execute("ALTER SEQUENCE intents_id_seq RENAME TO start_attempts_id_seq")
