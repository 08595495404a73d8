"""DER controls that stations hold, and swaps of batteries (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

_STATION_ID = sa.String(length=48)


def upgrade() -> None:
    op.create_table(
        "der_controls",
        sa.Column("station_id", _STATION_ID, nullable=False),
        sa.Column("control_id", sa.String(length=36), nullable=False),
        sa.Column("control_type", sa.String(length=64), nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("is_superseded", sa.Boolean, nullable=False),
        sa.Column("is_started", sa.Boolean, nullable=True),
        sa.Column("changed_at", UtcDateTime, nullable=True),
        sa.Column("settings", Json, nullable=False),
        sa.Column("told_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "control_id"),
    )
    op.create_table(
        "battery_swaps",
        sa.Column("station_id", _STATION_ID, nullable=False),
        sa.Column("request_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("id_token", sa.String(length=255), nullable=True),
        sa.Column("id_token_type", sa.String(length=20), nullable=True),
        sa.Column("batteries_in", Json, nullable=True),
        sa.Column("batteries_out", Json, nullable=True),
        sa.Column("requested_at", UtcDateTime, nullable=True),
        sa.Column("in_at", UtcDateTime, nullable=True),
        sa.Column("out_at", UtcDateTime, nullable=True),
        sa.Column("timeout_at", UtcDateTime, nullable=True),
        sa.Column("began_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "request_id"),
    )
    op.create_index("ix_battery_swaps_station_id_began_at", "battery_swaps", ["station_id", "began_at", "request_id"])


def downgrade() -> None:
    op.drop_table("battery_swaps")
    op.drop_table("der_controls")
