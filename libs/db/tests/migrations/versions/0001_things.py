"""Things and the outbox."""

import sqlalchemy as sa
from alembic import op
from csms_db.answers import INDEX, TABLE, answers_columns
from csms_db.base import BigId, Json, UtcDateTime
from csms_db.counting import TABLE as COUNTS
from csms_db.counting import counts_columns
from csms_db.outbox import outbox_columns, set_aside_columns

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "things",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("name", sa.String(50), nullable=False, unique=True),
        sa.Column("at", UtcDateTime),
        sa.Column("value", Json),
    )
    op.create_table(
        "parts",
        sa.Column("id", BigId, primary_key=True),
        sa.Column("thing_id", sa.BigInteger, sa.ForeignKey("things.id", ondelete="CASCADE"), nullable=False),
    )
    op.create_table("outbox", *outbox_columns())
    op.create_table("set_aside_records", *set_aside_columns())
    op.create_table(TABLE, *answers_columns())
    op.create_index(INDEX, TABLE, ["created_at"])
    op.create_table(COUNTS, *counts_columns())
