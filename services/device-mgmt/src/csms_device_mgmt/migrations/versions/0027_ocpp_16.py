"""What stations of OCPP 1.6 say: a connector's status in their own words, and their meter."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

_METER = ("meter_type", "meter_serial_number")


def upgrade() -> None:
    op.add_column("connectors", sa.Column("reported", Json))
    for name in _METER:
        op.add_column("stations", sa.Column(name, sa.Text))


def downgrade() -> None:
    for name in _METER:
        op.drop_column("stations", name)
    op.drop_column("connectors", "reported")
