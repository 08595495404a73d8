"""Stations that were removed lately, whose late messages go, too; a job that the station rejects is "rejected"."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "removed_stations",
        sa.Column("station_id", sa.String(48), primary_key=True),
        sa.Column("removed_at", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_removed_stations_due_at", "removed_stations", ["due_at"])
    op.execute("UPDATE jobs SET state = 'rejected' WHERE state = 'refused'")
    op.drop_index("ix_stations_pending", "stations")  # ix_stations_registration does


def downgrade() -> None:
    pending = sa.text("registration_status = 'Pending'")
    op.create_index("ix_stations_pending", "stations", ["station_id"], postgresql_where=pending, sqlite_where=pending)
    op.execute("UPDATE jobs SET state = 'refused' WHERE state = 'rejected'")
    op.drop_table("removed_stations")
