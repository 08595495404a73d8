"""The numbers of requests for certificates (OCPP 2.1)."""

from alembic import op
from sqlalchemy import Column, Integer

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("certificate_requests", Column("request_id", Integer))
    op.add_column("certificates", Column("request_id", Integer))


def downgrade() -> None:
    op.drop_column("certificates", "request_id")
    op.drop_column("certificate_requests", "request_id")
