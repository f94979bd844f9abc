"""Alembic's migrations; `bot.storage.database` runs them when the ledger is opened."""
