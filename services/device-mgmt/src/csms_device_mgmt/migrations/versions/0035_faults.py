"""Faults of stations; and the site of a station that a recorded message is from."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

_STATION_ID, _SITE_ID = sa.String(length=48), sa.String(length=48)


def upgrade() -> None:
    op.create_table(
        "faults",
        sa.Column("fault_id", sa.String(96), primary_key=True),
        sa.Column("station_id", _STATION_ID, nullable=False),
        sa.Column("site_id", _SITE_ID),
        sa.Column("evse_id", sa.BigInteger),
        sa.Column("connector_id", sa.BigInteger),
        sa.Column("source", sa.String(16), nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("info", sa.Text),
        sa.Column("vendor_id", sa.Text),
        sa.Column("vendor_error_code", sa.Text),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_faults_all", "faults", [apart(sa.column("received_at", UtcDateTime)), "fault_id"])
    for name, column in (("station", "station_id"), ("site", "site_id"), ("code", "code")):
        op.create_index(f"ix_faults_{name}", "faults", [column, "received_at", "fault_id"])
    op.add_column("notifications", sa.Column("site_id", _SITE_ID))


def downgrade() -> None:
    op.drop_column("notifications", "site_id")
    op.drop_table("faults")
