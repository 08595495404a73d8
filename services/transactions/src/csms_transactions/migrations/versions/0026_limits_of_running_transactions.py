"""Limits that are set for running transactions (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "transaction_limits",
        sa.Column("transaction", sa.String(length=32), nullable=False),
        sa.Column("named", sa.String(length=32), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("transaction_limit", Json, nullable=False),
        sa.Column("set_by", sa.String(length=255), nullable=False),
        sa.Column("set_at", UtcDateTime, nullable=False),
        sa.Column("told_seq_no", sa.Integer, nullable=True),
        sa.Column("told_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("transaction"),
    )
    op.create_index("ix_transaction_limits_named", "transaction_limits", ["named"])


def downgrade() -> None:
    op.drop_table("transaction_limits")
