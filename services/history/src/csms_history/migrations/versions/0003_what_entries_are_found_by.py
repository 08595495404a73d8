"""What entries of timelines are found by; connections; what was last known in what is deleted."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FACTS = (
    ("kind", sa.String(50)),
    ("told_at", UtcDateTime),
    ("evse_id", sa.Integer),
    ("connector_id", sa.Integer),
    ("status", sa.String(50)),
    ("fault", sa.String(50)),
    ("token_key", sa.String(255)),
)


def upgrade() -> None:
    for name, kind in _FACTS:
        op.add_column("timeline_entries", sa.Column(name, kind))
    op.create_table(
        "connections",
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("connection_id", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("begun_at", UtcDateTime, nullable=False),
        sa.Column("protocol", sa.String(50)),
        sa.Column("security_profile", sa.Integer),
        sa.Column("remote_address", sa.String(64)),
        sa.Column("gateway_slot", sa.Integer),
        sa.Column("gateway_epoch", sa.BigInteger),
        sa.Column("closed_at", UtcDateTime),
        sa.Column("close_code", sa.Integer),
        sa.Column("close_reason", sa.String(500)),
        sa.PrimaryKeyConstraint("station_key", "connection_id", name="pk_connections"),
    )
    op.create_index("ix_connections_begun_at", "connections", ["station_key", "begun_at", "connection_id"])
    op.create_index("ix_connections_closed_at", "connections", [apart(sa.column("closed_at", UtcDateTime))])
    op.create_table(
        "gateways",
        sa.Column("slot", sa.Integer, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("heard_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("slot", "epoch", name="pk_gateways"),
    )
    op.create_table(
        "baselines",
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("what", sa.String(50), nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("connector_id", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("status", sa.String(50), nullable=False),
        sa.PrimaryKeyConstraint("station_key", "what", "evse_id", "connector_id", name="pk_baselines"),
    )


def downgrade() -> None:
    for table in ("baselines", "gateways", "connections"):
        op.drop_table(table)
    for name, _ in reversed(_FACTS):
        op.drop_column("timeline_entries", name)
