"""Stations as auth knows them, ID tokens, certificate signing requests, outbox."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.outbox import outbox_table

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _stations()
    _id_tokens()
    _certificate_requests()
    outbox_table(sa.MetaData()).create(op.get_bind())


def downgrade() -> None:
    for table in ("outbox", "certificate_requests", "id_tokens", "stations"):
        op.drop_table(table)


def _stations() -> None:
    op.create_table(
        "stations",
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sa.Column("security_profile", sa.SmallInteger, nullable=False),
        sa.Column("serial_number", sa.Text, nullable=False),
        sa.Column("registration", sa.Text),
        sa.Column("message_timeout_s", sa.Integer, nullable=False),
        sa.Column("password_digest", sa.LargeBinary),
        sa.Column("password_revision", sa.BigInteger, nullable=False),
        sa.Column("deleted", sa.Boolean, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", name="pk_stations"),
    )


def _id_tokens() -> None:
    op.create_table(
        "id_tokens",
        sa.Column("id_key", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("id_token", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("group_id", sa.Text),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("language1", sa.Text),
        sa.Column("personal_message", sa.Text),
        sa.Column("evse_ids", Json),
        sa.Column("concurrent_tx_limit", sa.Integer),
        sa.Column("charging_priority", sa.SmallInteger),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("id_key", "type", name="pk_id_tokens"),
    )
    op.create_index("ix_id_tokens_group_id", "id_tokens", ["group_id"])


def _certificate_requests() -> None:
    op.create_table(
        "certificate_requests",
        sa.Column("station_id", sa.Text, nullable=False),
        sa.Column("certificate_type", sa.Text, nullable=False),
        sa.Column("csr", sa.Text, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "certificate_type", name="pk_certificate_requests"),
    )
