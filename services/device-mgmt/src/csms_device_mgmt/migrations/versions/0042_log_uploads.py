"""Logs that stations upload to the CSMS."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "log_uploads",
        sa.Column("upload_id", sa.String(length=64), nullable=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("request_id", sa.BigInteger, nullable=False),
        sa.Column("password_digest", sa.LargeBinary, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=True),
        sa.Column("asked_at", UtcDateTime, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=True),
        sa.PrimaryKeyConstraint("upload_id"),
    )
    op.create_index("ix_log_uploads_station_id", "log_uploads", ["station_id", "asked_at", "upload_id"])
    op.create_index("ix_log_uploads_asked_at", "log_uploads", ["asked_at"])
    op.create_table(
        "log_pieces",
        sa.Column("upload_id", sa.String(length=64), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("number", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("upload_id", "attempt", "number"),
    )
    op.create_index("ix_log_pieces_station_id", "log_pieces", ["station_id"])


def downgrade() -> None:
    op.drop_table("log_pieces")
    op.drop_table("log_uploads")
