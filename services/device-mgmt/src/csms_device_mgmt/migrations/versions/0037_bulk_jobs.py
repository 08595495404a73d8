"""Commands for many stations."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.packed import PackedJson

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

_ID = sa.String(length=64)


def upgrade() -> None:
    op.create_table(
        "bulk_jobs",
        sa.Column("bulk_id", _ID, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("request", Json, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=True),
        sa.Column("selection", PackedJson, nullable=False),
        sa.Column("selected_until", sa.Text, nullable=True),
        sa.Column("total", sa.Integer, nullable=False),
        sa.Column("is_selected", sa.Boolean, nullable=False),
        sa.Column("rate_per_s", sa.Double, nullable=False),
        sa.Column("timeout_s", sa.Double, nullable=True),
        sa.Column("requested_by", sa.Text, nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("counts", Json, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("finished_at", UtcDateTime, nullable=True),
        sa.Column("lease_owner", _ID, nullable=True),
        sa.Column("lease_until", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("bulk_id"),
    )
    op.create_index("ix_bulk_jobs_created_at", "bulk_jobs", ["created_at", "bulk_id"])
    _partial("ix_bulk_jobs_unfinished", "created_at", "finished_at IS NULL")
    _partial("ix_bulk_jobs_finished_at", "finished_at", "finished_at IS NOT NULL")
    op.create_table(
        "bulk_targets",
        sa.Column("bulk_id", _ID, nullable=False),
        sa.Column("position", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("call_id", _ID, nullable=True),
        sa.Column("refusal", Json, nullable=True),
        sa.Column("completed_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("bulk_id", "position"),
    )
    op.create_index("ix_bulk_targets_status", "bulk_targets", ["bulk_id", "status", "position"])


def _partial(name: str, column: str, where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, "bulk_jobs", [column], postgresql_where=condition, sqlite_where=condition)


def downgrade() -> None:
    op.drop_table("bulk_targets")
    op.drop_table("bulk_jobs")
