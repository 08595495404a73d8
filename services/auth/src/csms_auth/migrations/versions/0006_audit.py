"""What was asked for over the HTTP APIs."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "audit",
        sa.Column("record_id", sa.Text, nullable=False),
        sa.Column("occurred_at", UtcDateTime, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("principal", sa.Text),
        sa.Column("authentication", sa.Text),
        sa.Column("remote_address", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("route", sa.Text, nullable=False),
        sa.Column("status", sa.SmallInteger, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("request", sa.LargeBinary),
        sa.PrimaryKeyConstraint("record_id", name="pk_audit"),
    )
    op.create_index("ix_audit_occurred_at", "audit", ["occurred_at", "record_id"])
    op.create_index("ix_audit_principal", "audit", ["principal", "occurred_at"])


def downgrade() -> None:
    op.drop_table("audit")
