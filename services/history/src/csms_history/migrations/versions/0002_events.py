"""Events in the order in which others are told them."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import BigId, UtcDateTime
from csms_db.sql import apart

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_log",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("topic", sa.String(50), nullable=False),
        sa.Column("event_id", sa.String(100), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("station_key", sa.String(48)),
        sa.Column("site_id", sa.String(255)),
        sa.Column("recorded_at", UtcDateTime, nullable=False),
        sa.Column("text", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.UniqueConstraint("topic", "event_id", name="uq_event_log_topic_event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_event_log_recorded_at", "event_log", [apart(sa.column("recorded_at", UtcDateTime))])
    op.create_table(
        "station_sites",
        sa.Column("station_key", sa.String(48), primary_key=True),
        sa.Column("site_id", sa.String(255), nullable=False),
    )


def downgrade() -> None:
    for table in ("station_sites", "event_log"):
        op.drop_table(table)
