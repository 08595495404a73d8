"""Messages of stations that the gateway could not take."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLE = "refused_messages"
INDEX = f"ix_{TABLE}_station_id_received_at"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("record_id", sa.String(64), primary_key=True),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("protocol", sa.String(16), nullable=False),
        sa.Column("connection_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("detail", sa.String(500), nullable=False),
        sa.Column("received_at", UtcDateTime(), nullable=False),
    )
    op.create_index(INDEX, TABLE, ["station_id", "received_at", "record_id"])
    op.create_index(f"ix_{TABLE}_received_at", TABLE, ["received_at"])


def downgrade() -> None:
    op.drop_table(TABLE)
