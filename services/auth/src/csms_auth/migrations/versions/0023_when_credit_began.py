"""When tokens became prepaid ones: what ended before is not paid from their balance."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("id_tokens", sa.Column("credit_since", UtcDateTime))


def downgrade() -> None:
    op.drop_column("id_tokens", "credit_since")
