"""Calls that wait for their station to come back."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None

TABLE = "waiting_calls"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("call_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("timeout_s", sa.Double, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("deliver_until", UtcDateTime, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
    )
    op.create_index(f"ix_{TABLE}_station_id_created_at", TABLE, ["station_id", "created_at", "call_id"])
    op.create_index(f"ix_{TABLE}_due_at", TABLE, ["due_at"])
    op.add_column("stations", sa.Column("waiting_calls", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("calls", sa.Column("deliver_until", UtcDateTime))
    op.add_column("bulk_jobs", sa.Column("deliver_until", UtcDateTime))
    op.add_column("bulk_jobs", sa.Column("replaces", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    for name in ("deliver_until", "replaces"):
        op.drop_column("bulk_jobs", name)
    op.drop_column("calls", "deliver_until")
    op.drop_column("stations", "waiting_calls")
    op.drop_table(TABLE)
