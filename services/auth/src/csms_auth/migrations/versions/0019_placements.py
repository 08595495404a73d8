"""Where stations belong, and the stations that a token may be used at."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("placement", Json))
    op.add_column("stations", sa.Column("placement_revision", sa.BigInteger))
    op.add_column("id_tokens", sa.Column("limits", Json))


def downgrade() -> None:
    op.drop_column("id_tokens", "limits")
    op.drop_column("stations", "placement_revision")
    op.drop_column("stations", "placement")
