"""Passwords that stations came with when nobody had created them."""

from alembic import op
from sqlalchemy import Column, LargeBinary

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", Column("claimed_digest", LargeBinary))


def downgrade() -> None:
    op.drop_column("stations", "claimed_digest")
