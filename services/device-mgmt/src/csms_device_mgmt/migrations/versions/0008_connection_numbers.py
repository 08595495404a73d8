"""The newest connection of a station is told by its number, not by where its record stood."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLE = "stations"
BEFORE = ("connection_offset", "connection_produced_at_ms")


def upgrade() -> None:
    op.add_column(TABLE, sa.Column("connection_number", sa.BigInteger))
    for name in BEFORE:
        op.drop_column(TABLE, name)


def downgrade() -> None:
    for name in BEFORE:
        op.add_column(TABLE, sa.Column(name, sa.BigInteger))
    op.drop_column(TABLE, "connection_number")
