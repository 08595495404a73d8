"""What stations of OCPP 2.1 tell more of a transaction: limits, costs, tariff, operation mode."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("transactions", sa.Column("details", Json))


def downgrade() -> None:
    op.drop_column("transactions", "details")
