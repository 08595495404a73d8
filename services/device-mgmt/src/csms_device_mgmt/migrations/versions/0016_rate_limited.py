"""When a station was last not listened to, since it sent more than it may."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("rate_limited_at", UtcDateTime))


def downgrade() -> None:
    op.drop_column("stations", "rate_limited_at")
