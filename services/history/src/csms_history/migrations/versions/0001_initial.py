"""Timelines of stations, and how much is kept of each."""

import sqlalchemy as sa
from alembic import op
from csms_db.answers import INDEX, TABLE, answers_columns
from csms_db.base import UtcDateTime
from csms_db.packed import PackedJson
from csms_db.sql import apart

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "timeline_entries",
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("entry_id", sa.String(64), nullable=False),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("type", sa.String(50), nullable=False),
        sa.Column("detail", PackedJson, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("station_key", "occurred_at", "entry_id", name="pk_timeline_entries"),
    )
    op.create_index(
        "ix_timeline_entries_station_key_type", "timeline_entries", ["station_key", "type", "occurred_at", "entry_id"]
    )
    op.create_index(
        "ix_timeline_entries_occurred_at", "timeline_entries", [apart(sa.column("occurred_at", UtcDateTime))]
    )
    op.create_table(
        "station_bytes",
        sa.Column("station_key", sa.String(48), nullable=False),
        sa.Column("kind", sa.String(50), nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("station_key", "kind", name="pk_station_bytes"),
    )
    op.create_table(TABLE, *answers_columns())
    op.create_index(INDEX, TABLE, ["created_at"])


def downgrade() -> None:
    for table in (TABLE, "station_bytes", "timeline_entries"):
        op.drop_table(table)
