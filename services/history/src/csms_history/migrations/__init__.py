"""Alembic migrations of the history service (`csms_db.migrations`)."""
