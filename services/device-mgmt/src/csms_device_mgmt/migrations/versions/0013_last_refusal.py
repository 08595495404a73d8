"""Why a station was refused last, and as of which of its revisions it is known whether it has a password."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

COLUMNS = (("last_refusal", Json), ("password_revision", sa.BigInteger))


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("stations", sa.Column(name, kind))


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("stations", name)
