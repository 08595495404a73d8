"""Stations are compared without case."""

import sqlalchemy as sa
from alembic import op
from csms_db.identities import lower, refuse_twins

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

REMEDY = (
    "Nothing was changed. With the version before, delete all but one of each (DELETE /api/v1/stations/{id}), then "
    "upgrade; see ADR 0019"
)


def upgrade() -> None:
    connection = op.get_bind()
    refuse_twins(connection, "stations", "station_id", remedy=REMEDY)
    op.add_column("stations", sa.Column("station_key", sa.String(48), nullable=False, server_default=sa.text("''")))
    key = lower("station_id", connection.dialect.name)
    connection.execute(sa.text(f"UPDATE stations SET station_key = {key}"))  # noqa: S608 no input
    op.create_index("ix_stations_station_key", "stations", ["station_key"], unique=True)


def downgrade() -> None:
    op.drop_index("ix_stations_station_key", "stations")
    op.drop_column("stations", "station_key")
