"""What was decided about each token in an event."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("transactions") as table:
        table.add_column(sa.Column("authorized_by", sa.Integer))
        table.alter_column("id_token_key", type_=sa.Text, existing_type=sa.String(255))
    op.create_index("ix_transactions_id_token_key_state", "transactions", ["id_token_key", "state"])
    op.create_table(
        "authorizations",
        sa.Column("transaction", sa.String(32), primary_key=True),
        sa.Column("seq_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("token_key", sa.Text, primary_key=True),
        sa.Column("id_token", sa.String(255), nullable=False),
        sa.Column("id_token_type", sa.String(50), nullable=False),
        sa.Column("evse_id", sa.Integer, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("stops", sa.Boolean, nullable=False),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("status", sa.String(50)),
        sa.Column("info", sa.LargeBinary),
        sa.Column("decided_at", UtcDateTime),
    )
    undecided = sa.text("status IS NULL")
    op.create_index(
        "ix_authorizations_undecided",
        "authorizations",
        ["asked_at"],
        sqlite_where=undecided,
        postgresql_where=undecided,
    )


def downgrade() -> None:
    op.drop_table("authorizations")
    op.drop_index("ix_transactions_id_token_key_state", "transactions")
    with op.batch_alter_table("transactions") as table:
        table.alter_column("id_token_key", type_=sa.String(255), existing_type=sa.Text)
        table.drop_column("authorized_by")
