"""Transactions, their events, meter values, remote requests."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.outbox import outbox_columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _transactions()
    _events()
    _meter_values()
    _remote()
    op.create_table("outbox", *outbox_columns())


def _transactions() -> None:
    op.create_table(
        "transactions",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("transaction_id", sa.String(36), nullable=False),
        sa.Column("state", sa.String(50), nullable=False),
        sa.Column("evse_id", sa.Integer),
        sa.Column("connector_id", sa.Integer),
        sa.Column("id_token", sa.String(255)),
        sa.Column("id_token_type", sa.String(50)),
        sa.Column("id_token_key", sa.String(255)),
        sa.Column("stop_id_token", sa.String(255)),
        sa.Column("stop_id_token_type", sa.String(50)),
        sa.Column("group_id_token", sa.String(255)),
        sa.Column("group_id_token_type", sa.String(50)),
        sa.Column("charging_state", sa.String(50)),
        sa.Column("started_at", UtcDateTime, nullable=False),
        sa.Column("ended_at", UtcDateTime),
        sa.Column("time_spent_charging", sa.Integer),
        sa.Column("meter_start", sa.Double),
        sa.Column("meter_stop", sa.Double),
        sa.Column("meter_start_exact", sa.Boolean, nullable=False),
        sa.Column("meter_stop_exact", sa.Boolean, nullable=False),
        sa.Column("meter_source", sa.SmallInteger),
        sa.Column("energy_wh", sa.Double),
        sa.Column("stopped_reason", sa.String(50)),
        sa.Column("remote_start_id", sa.Integer),
        sa.Column("reservation_id", sa.Integer),
        sa.Column("number_of_phases_used", sa.Integer),
        sa.Column("last_seq_no", sa.Integer, nullable=False),
        sa.Column("event_count", sa.Integer, nullable=False),
        sa.Column("gaps", Json, nullable=False),
        sa.Column("started_seen", sa.Boolean, nullable=False),
        sa.Column("offline_events", sa.Integer, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_transactions"),
        sa.UniqueConstraint("station_id", "transaction_id", name="uq_transactions_station_id_transaction_id"),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_transactions_started_at", "transactions", ["started_at", "id"])
    op.create_index("ix_transactions_station_id_started_at", "transactions", ["station_id", "started_at"])
    op.create_index("ix_transactions_state_started_at", "transactions", ["state", "started_at"])
    op.create_index("ix_transactions_id_token_key_started_at", "transactions", ["id_token_key", "started_at"])


def _events() -> None:
    op.create_table(
        "transaction_events",
        sa.Column("transaction", sa.String(32), nullable=False),
        sa.Column("seq_no", sa.Integer, nullable=False),
        sa.Column("protocol", sa.String(50), nullable=False),
        sa.Column("event_type", sa.String(50), nullable=False),
        sa.Column("trigger_reason", sa.String(50), nullable=False),
        sa.Column("timestamp", UtcDateTime, nullable=False),
        sa.Column("offline", sa.Boolean, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("transaction", "seq_no", name="pk_transaction_events"),
    )


def _meter_values() -> None:
    op.create_table(
        "meter_values",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("timestamp", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_meter_values"),
    )
    op.create_index("ix_meter_values_station_id_timestamp", "meter_values", ["station_id", "timestamp"])


def _remote() -> None:
    op.create_table(
        "remote_requests",
        sa.Column("call_id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("action", sa.String(50), nullable=False),
        sa.Column("remote_start_id", sa.Integer),
        sa.Column("transaction_id", sa.String(36)),
        sa.Column("evse_id", sa.Integer),
        sa.Column("id_token", sa.String(255)),
        sa.Column("id_token_type", sa.String(50)),
        sa.Column("outcome", sa.String(50)),
        sa.Column("status", sa.String(50)),
        sa.Column("requested_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("call_id", name="pk_remote_requests"),
        sa.UniqueConstraint("station_id", "remote_start_id", name="uq_remote_requests_station_id_remote_start_id"),
    )
    op.create_table(
        "remote_start_ids",
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("last_id", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_remote_start_ids"),
    )
