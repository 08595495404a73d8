"""Who charges at an EVSE, what the vehicle needs, and whether it gets a schedule for that."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "stations", sa.Column("charging_schedules", sa.Boolean, nullable=False, server_default=sa.text("false"))
    )
    op.add_column("stations", sa.Column("energy_transfers", Json))
    op.create_table(
        "charging_evses",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=True),
        sa.Column("started_at", UtcDateTime, nullable=True),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("is_running", sa.Boolean, nullable=False),
        sa.Column("needs", Json, nullable=True),
        sa.Column("needs_record_id", sa.String(length=64), nullable=True),
        sa.Column("needs_at", UtcDateTime, nullable=True),
        sa.Column("offered_to", sa.String(length=36), nullable=True),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id"),
    )


def downgrade() -> None:
    op.drop_table("charging_evses")
    op.drop_column("stations", "energy_transfers")
    op.drop_column("stations", "charging_schedules")
