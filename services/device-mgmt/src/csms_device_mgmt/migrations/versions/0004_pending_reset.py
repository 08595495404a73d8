"""A reset that the station agreed to and has not done yet."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("pending_reset", Json))


def downgrade() -> None:
    op.drop_column("stations", "pending_reset")
