"""The number of the last connection that each station was allowed (a fencing token)."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "connection_numbers",
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_connection_numbers"),
    )


def downgrade() -> None:
    op.drop_table("connection_numbers")
