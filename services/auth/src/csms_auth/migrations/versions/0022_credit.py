"""Prepaid balances of tokens, and which transactions were paid from them (OCPP 2.1, C17)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("id_tokens", sa.Column("credit", sa.BigInteger))
    op.add_column("id_tokens", sa.Column("credit_currency", sa.Text))
    op.create_table(
        "credit_charges",
        sa.Column("transaction", sa.Text, nullable=False),
        sa.Column("id_key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("charged_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("transaction", name="pk_credit_charges"),
    )
    op.create_index("ix_credit_charges_charged_at", "credit_charges", ["charged_at"])


def downgrade() -> None:
    op.drop_table("credit_charges")
    op.drop_column("id_tokens", "credit_currency")
    op.drop_column("id_tokens", "credit")
