"""On which connection a call was sent: it is sent on another one only when it never was sent on this."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

COLUMNS = (
    ("target_slot", sa.Integer),
    ("target_epoch", sa.BigInteger),
    ("target_connection_id", sa.String(64)),
    ("target_number", sa.BigInteger),
)


def upgrade() -> None:
    for name, kind in COLUMNS:
        op.add_column("calls", sa.Column(name, kind))


def downgrade() -> None:
    for name, _ in reversed(COLUMNS):
        op.drop_column("calls", name)
