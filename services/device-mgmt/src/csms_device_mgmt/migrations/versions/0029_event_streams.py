"""Periodic event streams and their values (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.packed import PackedJson
from csms_db.sql import apart

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None

_STATION_ID = sa.String(length=48)


def upgrade() -> None:
    op.create_table(
        "monitored_variables",
        sa.Column("station_id", _STATION_ID, nullable=False),
        sa.Column("monitor_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("component", Json, nullable=False),
        sa.Column("variable", Json, nullable=False),
        sa.Column("told_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "monitor_id"),
    )
    op.create_table(
        "event_streams",
        sa.Column("station_id", _STATION_ID, nullable=False),
        sa.Column("stream_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("monitor_id", sa.Integer, nullable=False),
        sa.Column("params", Json, nullable=False),
        sa.Column("opened_at", UtcDateTime, nullable=False),
        sa.Column("closed_at", UtcDateTime, nullable=True),
        sa.Column("pending", sa.Integer, nullable=True),
        sa.Column("last_values_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("station_id", "stream_id"),
    )
    op.create_table(
        "stream_values",
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", _STATION_ID, nullable=False),
        sa.Column("stream_id", sa.Integer, nullable=False),
        sa.Column("monitor_id", sa.Integer, nullable=True),
        sa.Column("component", Json, nullable=True),
        sa.Column("variable", Json, nullable=True),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("data", PackedJson, nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    received = ["station_id", "received_at", "record_id"]
    op.create_index("ix_stream_values_station_id_received_at", "stream_values", received)
    op.create_index("ix_stream_values_stream", "stream_values", ["station_id", "stream_id", *received[1:]])
    op.create_index("ix_stream_values_all", "stream_values", [apart(sa.column("received_at", UtcDateTime))])


def downgrade() -> None:
    op.drop_table("stream_values")
    op.drop_table("event_streams")
    op.drop_table("monitored_variables")
