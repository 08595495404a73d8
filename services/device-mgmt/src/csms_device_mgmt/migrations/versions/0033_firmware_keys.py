"""What firmware versions are ordered by. The service writes it, also of stations that are there, while it counts."""

import sqlalchemy as sa
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    by_bytes = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.add_column("stations", sa.Column("firmware_key", by_bytes, nullable=False, server_default=sa.text("''")))


def downgrade() -> None:
    op.drop_column("stations", "firmware_key")
