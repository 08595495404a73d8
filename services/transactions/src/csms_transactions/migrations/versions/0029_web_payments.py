"""Payments that drivers begin with a QR code (OCPP 2.1, C25)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.sql import apart

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "web_payment_settings",
        sa.Column("station_key", sa.String(108), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("shared_secret", sa.LargeBinary, nullable=False),
        sa.Column("validity_time_s", sa.Integer, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_key", name="pk_web_payment_settings"),
    )
    op.create_table(
        "web_payments",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("evse_id", sa.Integer),
        sa.Column("transaction_limit", Json, nullable=False),
        sa.Column("psp_ref", sa.String(255)),
        sa.Column("call_id", sa.String(36)),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.Column("authorized_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id", name="pk_web_payments"),
    )
    op.create_index("ix_web_payments_all", "web_payments", [apart(sa.column("created_at", UtcDateTime)), "id"])
    op.create_index("ix_web_payments_station_id", "web_payments", ["station_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("web_payments")
    op.drop_table("web_payment_settings")
