"""Records of the outbox that can never be published."""

from alembic import op
from csms_db.outbox import set_aside_columns

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("set_aside_records", *set_aside_columns())


def downgrade() -> None:
    op.drop_table("set_aside_records")
