"""Security profiles: a pending one, the one a station does not fall below any more; organizations of certificates."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name, kind, default in (
        ("pending_security_profile", sa.SmallInteger, "0"),
        ("proven_profile", sa.SmallInteger, "0"),
        ("proven_revision", sa.BigInteger, "-1"),
    ):
        op.add_column("stations", sa.Column(name, kind, nullable=False, server_default=default))
    op.add_column("stations", sa.Column("organization", sa.Text))


def downgrade() -> None:
    with op.batch_alter_table("stations") as table:
        for name in ("organization", "proven_revision", "proven_profile", "pending_security_profile"):
            table.drop_column(name)
