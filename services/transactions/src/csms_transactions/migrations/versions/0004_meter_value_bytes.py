"""How much the MeterValues messages of each station take."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

COUNTED = """
    INSERT INTO meter_value_bytes (station_id, bytes)
    SELECT station_id, sum(length(payload) + 250) FROM meter_values GROUP BY station_id
"""


def upgrade() -> None:
    op.create_table(
        "meter_value_bytes",
        sa.Column("station_id", sa.String(48), primary_key=True),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.execute(COUNTED)


def downgrade() -> None:
    op.drop_table("meter_value_bytes")
