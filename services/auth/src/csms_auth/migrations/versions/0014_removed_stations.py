"""An index for what is left of removed stations, which goes after a time."""

import sqlalchemy as sa
from csms_db import indexes

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None
concurrently = True

REMOVED = sa.text("deleted")


def upgrade() -> None:
    indexes.create("ix_stations_removed", "stations", ["updated_at"], sqlite_where=REMOVED, postgresql_where=REMOVED)


def downgrade() -> None:
    indexes.drop("ix_stations_removed", "stations")
