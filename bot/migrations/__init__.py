"""Alembic's migrations; `bot.store` runs them when the ledger is opened."""
