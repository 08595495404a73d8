"""The ids that we give to transactions of OCPP 1.6."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "given_ids",
        sa.Column("beginning", sa.String(32), primary_key=True),
        sa.Column("transaction_id", sa.Integer, nullable=False),
        sa.Column("given_at", UtcDateTime, nullable=False),
    )
    op.create_index("ix_given_ids_given_at", "given_ids", ["given_at"])
    op.create_table(
        "last_given_id",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_id", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    op.drop_table("last_given_id")
    op.drop_table("given_ids")
