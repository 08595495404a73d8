"""On which connection a station booted, whose time a status has, since when a report comes, which stations wait."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

PENDING = sa.text("registration_status = 'Pending'")


def upgrade() -> None:
    op.add_column("stations", sa.Column("boot_connection_id", sa.String(64)))
    op.add_column("assembled_reports", sa.Column("first_part_at", UtcDateTime))
    op.add_column("connectors", sa.Column("is_own_time", sa.Boolean, nullable=False, server_default=sa.text("true")))
    op.create_index("ix_stations_pending", "stations", ["station_id"], postgresql_where=PENDING, sqlite_where=PENDING)


def downgrade() -> None:
    op.drop_index("ix_stations_pending", "stations")
    op.drop_column("connectors", "is_own_time")
    op.drop_column("assembled_reports", "first_part_at")
    op.drop_column("stations", "boot_connection_id")
