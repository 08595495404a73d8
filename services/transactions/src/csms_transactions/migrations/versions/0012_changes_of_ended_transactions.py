"""When transactions that have ended were changed last, with an index."""

import sqlalchemy as sa
from alembic import op
from csms_db import indexes
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("transactions")}
    if "ended_updated_at" not in columns:  # a script that was cut off runs again
        op.add_column("transactions", sa.Column("ended_updated_at", UtcDateTime))
    op.execute(
        "UPDATE transactions SET ended_updated_at = updated_at WHERE state = 'Ended' AND ended_updated_at IS NULL"
    )
    name = "ix_transactions_ended_updated_at"
    indexes.create(name, "transactions", [apart(sa.column("ended_updated_at", UtcDateTime)), "id"])


def downgrade() -> None:
    indexes.drop("ix_transactions_ended_updated_at", "transactions")
    op.drop_column("transactions", "ended_updated_at")
