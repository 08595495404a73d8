"""When a dead letter was published again, and by whom."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = (("replayed_at", UtcDateTime), ("replayed_by", sa.String(255)))


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("dead_letters", sa.Column(name, kind))


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("dead_letters", name)
