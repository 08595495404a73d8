"""The limits with which transactions are to be started (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("remote_requests", sa.Column("transaction_limit", Json))


def downgrade() -> None:
    op.drop_column("remote_requests", "transaction_limit")
