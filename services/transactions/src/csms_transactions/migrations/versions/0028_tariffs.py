"""Tariffs, and the one that held when a transaction began."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "tariffs",
        sa.Column("id", sa.String(60), nullable=False),
        sa.Column("station_id", sa.String(48)),
        sa.Column("station_key", sa.String(108), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("start_fee", sa.BigInteger, nullable=False),
        sa.Column("price_per_kwh", sa.BigInteger, nullable=False),
        sa.Column("price_per_hour", sa.BigInteger, nullable=False),
        sa.Column("idle_price_per_hour", sa.BigInteger, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tariffs"),
    )
    op.create_index("uq_tariffs_station_key", "tariffs", ["station_key"], unique=True)
    op.add_column("transactions", sa.Column("tariff", Json))


def downgrade() -> None:
    op.drop_column("transactions", "tariff")
    op.drop_table("tariffs")
