"""Stations for which nothing is signed after a revocation."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "certificate_bars",
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("since", UtcDateTime, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("certificate_id", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_certificate_bars"),
    )


def downgrade() -> None:
    op.drop_table("certificate_bars")
