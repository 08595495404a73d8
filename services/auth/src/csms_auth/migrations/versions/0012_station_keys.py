"""Stations, and serial numbers in certificates, are compared without case."""

import sqlalchemy as sa
from alembic import op
from csms_db.identities import lower, refuse_twins

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

COLUMNS = {"station_id": "station_key", "serial_number": "serial_key"}
REMEDY = (
    "Nothing was changed. With the version before, delete all but one of each (DELETE /api/v1/stations/{id}), then "
    "upgrade; see ADR 0019"
)


def upgrade() -> None:
    connection = op.get_bind()
    refuse_twins(connection, "stations", "station_id", where="NOT deleted", remedy=REMEDY)
    for column in COLUMNS.values():
        op.add_column("stations", sa.Column(column, sa.Text, nullable=False, server_default=sa.text("''")))
    keys = ", ".join(f"{column} = {lower(of, connection.dialect.name)}" for of, column in COLUMNS.items())
    connection.execute(sa.text(f"UPDATE stations SET {keys}"))  # noqa: S608 no input
    op.drop_index("ix_stations_serial_number", "stations")
    for column in COLUMNS.values():
        op.create_index(f"ix_stations_{column}", "stations", [column])


def downgrade() -> None:
    for column in COLUMNS.values():
        op.drop_index(f"ix_stations_{column}", "stations")
        op.drop_column("stations", column)
    op.create_index("ix_stations_serial_number", "stations", ["serial_number"])
