"""Indexes for every filter of the lists: none walks through a table for what is old, or not there."""

import sqlalchemy as sa
from csms_db import indexes
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    indexes.create("ix_transactions_transaction_id", "transactions", ["transaction_id_key", "started_at"])
    indexes.create("ix_transactions_all", "transactions", [apart(sa.column("started_at", UtcDateTime)), "id"])
    indexes.create("ix_meter_values_evse", "meter_values", ["station_id", "evse_id", "timestamp"])
    indexes.drop("ix_transactions_transaction_id_key", "transactions")
    indexes.drop("ix_transactions_started_at", "transactions")
