"""Alembic migrations of auth's tables, run by `csms_db.migrations`."""
