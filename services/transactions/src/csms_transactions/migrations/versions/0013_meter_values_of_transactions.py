"""MeterValues messages for the EVSE of a running transaction belong to it."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("meter_values", sa.Column("transaction", sa.String(32)))
    op.add_column("meter_values", sa.Column("facts", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("meter_values", "facts")
    op.drop_column("meter_values", "transaction")
