"""Passwords that stations were asked to take, until the outcome is known."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("pending_digests", sa.LargeBinary))


def downgrade() -> None:
    op.drop_column("stations", "pending_digests")
