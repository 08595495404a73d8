"""The versions of OCPP that a station may speak."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("protocols", sa.Text))


def downgrade() -> None:
    op.drop_column("stations", "protocols")
