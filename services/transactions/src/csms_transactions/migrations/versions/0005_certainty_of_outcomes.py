"""How much is known of what became of a remote request, so that an outcome is only replaced by a better one."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KNOWN = "UPDATE remote_requests SET certainty = 4611686018427387904 WHERE outcome IN ('result', 'error')"
NO_ANSWER = "UPDATE remote_requests SET certainty = 0 WHERE outcome IS NOT NULL AND certainty IS NULL"


def upgrade() -> None:
    op.add_column("remote_requests", sa.Column("certainty", sa.BigInteger))
    op.execute(KNOWN)
    op.execute(NO_ANSWER)


def downgrade() -> None:
    op.drop_column("remote_requests", "certainty")
