"""Reports of all kinds are assembled alike, jobs are followed, installed certificates are kept."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

REPORTS = "station_id, request_id, kind, call_id, status, generated_at, created_at, completed_at"
PARTS = "station_id, request_id, seq_no, tbc, entries, received_at"


def upgrade() -> None:
    _reports()
    _jobs()
    op.create_table(
        "installed_certificates",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("position", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("certificate_type", sa.String(length=64), nullable=False),
        sa.Column("hash_data", Json, nullable=False),
        sa.Column("child_hash_data", Json, nullable=False),
        sa.Column("reported_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "position"),
    )


def _reports() -> None:
    """Make the tables anew, for their primary keys grow; what was there are reports of the device model."""
    op.create_table(
        "assembled_reports",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64)),
        sa.Column("call_id", sa.String(length=64)),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("generated_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("station_id", "message", "request_id"),
    )
    op.create_table(
        "assembled_report_parts",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("message", sa.String(length=64), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("seq_no", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("tbc", sa.Boolean, nullable=False),
        sa.Column("entries", Json, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "message", "request_id", "seq_no"),
    )
    for new, old, columns in (
        ("assembled_reports", "reports", REPORTS),
        ("assembled_report_parts", "report_parts", PARTS),
    ):
        op.execute(f"INSERT INTO {new} (message, {columns}) SELECT 'NotifyReport', {columns} FROM {old}")  # noqa: S608 constants
        op.drop_table(old)


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("call_id", sa.String(length=64)),
        sa.Column("request", Json),
        sa.Column("response", Json),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=64)),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "kind", "request_id"),
    )
    op.create_index("ix_jobs_station_id_kind_created_at", "jobs", ["station_id", "kind", "created_at", "request_id"])
    op.create_table(
        "job_steps",
        sa.Column("record_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("request_id", sa.BigInteger, nullable=False),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=64), nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("record_id"),
    )
    op.create_index("ix_job_steps_job", "job_steps", ["station_id", "kind", "request_id", "received_at"])


def downgrade() -> None:
    for table in ("installed_certificates", "job_steps", "jobs"):
        op.drop_table(table)
    op.create_table(
        "reports",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=64)),
        sa.Column("call_id", sa.String(length=64)),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("generated_at", UtcDateTime),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("completed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("station_id", "request_id"),
    )
    op.create_table(
        "report_parts",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("seq_no", sa.BigInteger, autoincrement=False, nullable=False),
        sa.Column("tbc", sa.Boolean, nullable=False),
        sa.Column("entries", Json, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "request_id", "seq_no"),
    )
    for new, old, columns in (
        ("assembled_reports", "reports", REPORTS),
        ("assembled_report_parts", "report_parts", PARTS),
    ):
        op.execute(f"INSERT INTO {old} ({columns}) SELECT {columns} FROM {new} WHERE message = 'NotifyReport'")  # noqa: S608 constants
        op.drop_table(new)
