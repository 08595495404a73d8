"""What was counted for the metrics."""

from alembic import op
from csms_db.counting import TABLE, counts_columns

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(TABLE, *counts_columns())


def downgrade() -> None:
    op.drop_table(TABLE)
