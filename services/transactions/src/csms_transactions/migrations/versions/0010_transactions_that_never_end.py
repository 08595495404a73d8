"""Running transactions by station, and those that may have ended."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ACTIVE = sa.text("state = 'Active'")


def upgrade() -> None:
    op.create_index(
        "ix_transactions_active",
        "transactions",
        ["station_id", "evse_id"],
        sqlite_where=ACTIVE,
        postgresql_where=ACTIVE,
    )
    op.create_table(
        "status_checks",
        sa.Column("transaction", sa.String(32), primary_key=True),
        sa.Column("evidence", sa.String(50), nullable=False),
        sa.Column("noted_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("asked", sa.Integer, nullable=False, server_default="0"),
    )
    op.create_index("ix_status_checks_due_at", "status_checks", ["due_at"])


def downgrade() -> None:
    op.drop_table("status_checks")
    op.drop_index("ix_transactions_active", "transactions")
