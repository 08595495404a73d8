"""Answers to requests with an Idempotency-Key."""

from alembic import op
from csms_db.answers import INDEX, TABLE, answers_columns

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(TABLE, *answers_columns())
    op.create_index(INDEX, TABLE, ["created_at"])


def downgrade() -> None:
    op.drop_index(INDEX, TABLE)
    op.drop_table(TABLE)
