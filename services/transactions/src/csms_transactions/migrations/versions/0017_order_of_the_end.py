"""Transactions in the order of their end."""

from typing import Any

import sqlalchemy as sa
from csms_db import indexes
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None
concurrently = True

NAME, TABLE = "ix_transactions_ended_at", "transactions"


def upgrade() -> None:
    ended = sa.text("ended_at IS NOT NULL")
    columns: list[str | sa.ColumnElement[Any]] = [apart(sa.column("ended_at", UtcDateTime)), "id"]
    indexes.create(NAME, TABLE, columns, postgresql_where=ended, sqlite_where=ended)


def downgrade() -> None:
    indexes.drop(NAME, TABLE)
