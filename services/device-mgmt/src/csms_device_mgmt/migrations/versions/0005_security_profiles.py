"""Security profiles: whose certificates, what it has connected with, what it is being moved to."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

ADDED = (
    ("organization", sa.Text),
    ("pending_security_profile", sa.Integer),
    ("reached_security_profile", sa.Integer),
    ("security_profile_change", Json),
    ("certificate_not_after", UtcDateTime),
)


def upgrade() -> None:
    for name, kind in ADDED:
        op.add_column("stations", sa.Column(name, kind))
    op.execute("UPDATE stations SET reached_security_profile = connection_security_profile")


def downgrade() -> None:
    for name, _ in reversed(ADDED):
        op.drop_column("stations", name)
