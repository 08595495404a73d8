"""The versions of OCPP that a station may speak."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("ocpp_protocols", Json))


def downgrade() -> None:
    op.drop_column("stations", "ocpp_protocols")
