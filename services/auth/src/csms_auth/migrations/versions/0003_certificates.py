"""Certificates signed for stations, and what becomes of requests for them."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_REQUEST_COLUMNS = ("state", "reason", "key_sha256", "attempts", "due_at", "certificate_id")


def upgrade() -> None:
    # Those that are there were refused: there was no certificate authority.
    op.add_column("certificate_requests", sa.Column("state", sa.Text, nullable=False, server_default="Refused"))
    op.add_column("certificate_requests", sa.Column("reason", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("certificate_requests", sa.Column("key_sha256", sa.LargeBinary))
    op.add_column("certificate_requests", sa.Column("attempts", sa.Integer, nullable=False, server_default="0"))
    op.add_column("certificate_requests", sa.Column("due_at", UtcDateTime))
    op.add_column("certificate_requests", sa.Column("certificate_id", sa.Text))
    op.create_index("ix_certificate_requests_due_at", "certificate_requests", ["due_at"])
    _certificates()


def downgrade() -> None:
    op.drop_table("certificates")
    op.drop_index("ix_certificate_requests_due_at", "certificate_requests")
    with op.batch_alter_table("certificate_requests") as table:
        for column in _REQUEST_COLUMNS:
            table.drop_column(column)


def _certificates() -> None:
    op.create_table(
        "certificates",
        sa.Column("certificate_id", sa.Text, nullable=False),
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("certificate_type", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("key_sha256", sa.LargeBinary, nullable=False),
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("issuer", sa.Text, nullable=False),
        sa.Column("not_before", UtcDateTime, nullable=False),
        sa.Column("not_after", UtcDateTime, nullable=False),
        sa.Column("chain", sa.Text, nullable=False),
        sa.Column("issued_at", UtcDateTime, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("order_id", sa.Text),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("due_at", UtcDateTime),
        sa.Column("renewal_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("certificate_id", name="pk_certificates"),
    )
    indexes = {
        "station_id": ["station_id", "certificate_type", "issued_at"],
        "issued_at": ["issued_at", "certificate_id"],
        "fingerprint": ["fingerprint"],
        "order_id": ["order_id"],
        "due_at": ["due_at"],
        "not_after": ["not_after"],
    }
    for name, columns in indexes.items():
        op.create_index(f"ix_certificates_{name}", "certificates", columns)
