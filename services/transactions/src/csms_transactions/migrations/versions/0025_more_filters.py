"""Transactions by EVSE, group, remote start, gaps and the quality of their energy."""

from typing import Any

import sqlalchemy as sa
from csms_db import indexes

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
concurrently = True

TABLE = "transactions"
_Columns = list[str | sa.ColumnElement[Any]]
INDEXES: dict[str, tuple[_Columns, str | None]] = {
    "ix_transactions_evse": (["station_id", "evse_id", "started_at"], None),
    "ix_transactions_group": ([sa.func.lower(sa.column("group_id_token")), "started_at"], "group_id_token IS NOT NULL"),
    "ix_transactions_remote_start_id_started_at": (["remote_start_id", "started_at"], "remote_start_id IS NOT NULL"),
    "ix_transactions_gaps": (["started_at", "id"], "gaps <> '[]'"),
    "ix_transactions_not_measured": (["energy_quality", "started_at"], "energy_quality <> 'measured'"),
}


def upgrade() -> None:
    for name, (columns, where) in INDEXES.items():
        some = None if where is None else sa.text(where)
        indexes.create(name, TABLE, columns, postgresql_where=some, sqlite_where=some)


def downgrade() -> None:
    for name in INDEXES:
        indexes.drop(name, TABLE)
