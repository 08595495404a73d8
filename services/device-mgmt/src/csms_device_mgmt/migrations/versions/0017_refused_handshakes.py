"""Who was refused at the door, whether a station of ours or not."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import BigId, UtcDateTime

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

TABLE = "refused_handshakes"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("id", BigId, primary_key=True),
        sa.Column("station_id", sa.String(48), nullable=False),
        sa.Column("remote_address", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("known", sa.Boolean, nullable=False),
        sa.Column("http_status", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.Column("security_event", sa.String(64), nullable=False),
        sa.Column("told", sa.BigInteger, nullable=False),
        sa.Column("first_at", UtcDateTime, nullable=False),
        sa.Column("last_at", UtcDateTime, nullable=False),
        sa.UniqueConstraint("station_id", "remote_address", "kind"),
    )
    op.create_index(f"ix_{TABLE}_last_at", TABLE, ["last_at", "id"])
    op.create_index(f"ix_{TABLE}_known_last_at", TABLE, ["known", "last_at", "id"])
    op.create_index(f"ix_{TABLE}_remote_address", TABLE, ["remote_address"])


def downgrade() -> None:
    op.drop_table(TABLE)
