"""What a large event tells of its transaction, apart from its payload."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transaction_events", sa.Column("facts", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("transaction_events", "facts")
