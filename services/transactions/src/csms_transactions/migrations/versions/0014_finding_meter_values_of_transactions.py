"""Finding the MeterValues messages of a transaction, and those that came before theirs."""

import sqlalchemy as sa
from csms_db import indexes

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
concurrently = True

FREE = sa.text('"transaction" IS NULL AND facts IS NOT NULL')


def upgrade() -> None:
    indexes.create("ix_meter_values_transaction_timestamp", "meter_values", ["transaction", "timestamp"])
    free = {"postgresql_where": FREE, "sqlite_where": FREE}
    indexes.create("ix_meter_values_free", "meter_values", ["station_id", "timestamp"], **free)


def downgrade() -> None:
    indexes.drop("ix_meter_values_free", "meter_values")
    indexes.drop("ix_meter_values_transaction_timestamp", "meter_values")
