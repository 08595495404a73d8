"""A register of VAT numbers, and settlements (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import BigId, Json, UtcDateTime

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "vat_numbers",
        sa.Column("key", sa.String(length=20), nullable=False),
        sa.Column("vat_number", sa.String(length=20), nullable=False),
        sa.Column("company", Json, nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_table(
        "settlements",
        sa.Column("id", BigId, nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("psp_ref", sa.String(length=255), nullable=False),
        sa.Column("transaction_id", sa.String(length=36), nullable=False),
        sa.Column("transaction", sa.String(length=32), nullable=True),
        sa.Column("settled_by", sa.String(length=8), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=True),
        sa.Column("currency", sa.String(length=3), nullable=True),
        sa.Column("revision", sa.Integer, nullable=True),
        sa.Column("told_at", UtcDateTime, nullable=True),
        sa.Column("status_info", sa.String(length=500), nullable=True),
        sa.Column("receipt_id", sa.String(length=50), nullable=True),
        sa.Column("receipt_url", sa.String(length=2000), nullable=True),
        sa.Column("vat_number", sa.String(length=20), nullable=True),
        sa.Column("vat_company", Json, nullable=True),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("station_id", "psp_ref", "transaction_id"),
    )
    op.create_index("ix_settlements_status", "settlements", ["status", "id"])
    op.create_index("ix_settlements_station_id", "settlements", ["station_id", "id"])
    op.create_index("ix_settlements_psp_ref", "settlements", ["psp_ref", "id"])
    op.create_index("ix_settlements_updated_at", "settlements", ["updated_at"])


def downgrade() -> None:
    op.drop_table("settlements")
    op.drop_table("vat_numbers")
