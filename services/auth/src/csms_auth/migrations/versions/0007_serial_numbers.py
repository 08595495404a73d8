"""Stations are looked up by their serial number: is a certificate's CN another station's?"""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_stations_serial_number", "stations", ["serial_number"])


def downgrade() -> None:
    op.drop_index("ix_stations_serial_number", "stations")
