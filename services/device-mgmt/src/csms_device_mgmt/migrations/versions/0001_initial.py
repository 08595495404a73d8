"""The first schema."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.outbox import outbox_columns

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "calls",
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("protocol", sa.String(length=16), nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("outcome", sa.String(length=16)),
        sa.Column("response", Json),
        sa.Column("error", Json),
        sa.Column("sent_at", UtcDateTime),
        sa.Column("completed_at", UtcDateTime),
        sa.Column("requested_by", sa.Text),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255)),
        sa.Column("fingerprint", sa.String(length=64)),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("deadline_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        sa.UniqueConstraint("station_id", "idempotency_key"),
    )
    op.create_index("ix_calls_state_deadline_at", "calls", ["state", "deadline_at"])
    op.create_index("ix_calls_station_id_created_at", "calls", ["station_id", "created_at", "call_id"])
    op.create_table(
        "connectors",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("evse_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("connector_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("reported_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "evse_id", "connector_id"),
    )
    op.create_table(
        "notifications",
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("protocol", sa.String(length=16), nullable=False),
        sa.Column("payload", Json, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_index(
        "ix_notifications_station_id_received_at", "notifications", ["station_id", "received_at", "record_id"]
    )
    op.create_table("outbox", *outbox_columns())
    op.create_table(
        "report_parts",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("seq_no", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("tbc", sa.Boolean, nullable=False),
        sa.Column("entries", Json, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "request_id", "seq_no"),
    )
    op.create_table(
        "reports",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64)),
        sa.Column("call_id", sa.String(length=64)),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("generated_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("station_id", "request_id"),
    )
    op.create_table(
        "stations",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("security_profile", sa.Integer),
        sa.Column("serial_number", sa.Text),
        sa.Column("registration", sa.String(length=8), nullable=False),
        sa.Column("onboarding", sa.String(length=16), nullable=False),
        sa.Column("message_timeout_s", sa.Integer),
        sa.Column("vendor_ids", Json, nullable=False),
        sa.Column("password_set", sa.Boolean, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("next_request_id", sa.Integer, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.Column("registration_status", sa.String(length=8)),
        sa.Column("vendor_name", sa.Text),
        sa.Column("model", sa.Text),
        sa.Column("boot_serial_number", sa.Text),
        sa.Column("firmware_version", sa.Text),
        sa.Column("iccid", sa.Text),
        sa.Column("imsi", sa.Text),
        sa.Column("boot_reason", sa.Text),
        sa.Column("booted_at", UtcDateTime),
        sa.Column("last_seen", UtcDateTime),
        sa.Column("connection_open", sa.Boolean, nullable=False),
        sa.Column("connection_slot", sa.Integer),
        sa.Column("connection_epoch", sa.BigInteger),
        sa.Column("connection_id", sa.String(length=64)),
        sa.Column("connection_offset", sa.BigInteger),
        sa.Column("connection_produced_at_ms", sa.BigInteger),
        sa.Column("connection_protocol", sa.String(length=16)),
        sa.Column("connection_security_profile", sa.Integer),
        sa.Column("remote_address", sa.Text),
        sa.Column("connected_at", UtcDateTime),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("close_code", sa.Integer),
        sa.Column("close_reason", sa.Text),
        sa.PrimaryKeyConstraint("station_id"),
    )
    op.create_table(
        "variables",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("component_name", sa.Text, nullable=False),
        sa.Column("component_instance", sa.Text),
        sa.Column("evse_id", sa.BigInteger),
        sa.Column("connector_id", sa.BigInteger),
        sa.Column("variable_name", sa.Text, nullable=False),
        sa.Column("variable_instance", sa.Text),
        sa.Column("attribute_type", sa.String(length=8), nullable=False),
        sa.Column("value", sa.Text),
        sa.Column("mutability", sa.String(length=16)),
        sa.Column("persistent", sa.Boolean),
        sa.Column("constant", sa.Boolean),
        sa.Column("characteristics", Json),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "path"),
    )


def downgrade() -> None:
    for table in ("variables", "stations", "reports", "report_parts", "outbox", "notifications", "connectors", "calls"):
        op.drop_table(table)
