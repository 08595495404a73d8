"""How a station is spelled is looked up without case."""

import sqlalchemy as sa
from csms_db import indexes

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None
concurrently = True

NAME = "ix_transactions_spelling"


def upgrade() -> None:
    indexes.create(NAME, "transactions", [sa.func.lower(sa.column("station_id", sa.String)), "station_id"])


def downgrade() -> None:
    indexes.drop(NAME, "transactions")
