"""The ids of transactions of OCPP 1.6 come of their beginnings, no longer of a counter. No release has had that."""

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None
contracts = "no release has had given_ids or last_given_id"


def upgrade() -> None:
    op.create_index("uq_given_ids_transaction_id", "given_ids", ["transaction_id"], unique=True)
    op.drop_table("last_given_id")


def downgrade() -> None:
    op.create_table(
        "last_given_id",
        sa.Column("only", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("last_id", sa.Integer, nullable=False),
    )
    op.drop_index("uq_given_ids_transaction_id", "given_ids")
