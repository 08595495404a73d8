"""The tables of auth, as the migrations make them."""

from csms_db.base import Json, UtcDateTime, new_metadata
from csms_db.outbox import outbox_table
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, LargeBinary, SmallInteger, Table, Text

metadata = new_metadata()

stations = Table(
    "stations",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("revision", BigInteger, nullable=False),
    Column("security_profile", SmallInteger, nullable=False),
    Column("serial_number", Text, nullable=False),
    Column("registration", Text),
    Column("message_timeout_s", Integer, nullable=False),
    Column("password_digest", LargeBinary),
    Column("password_revision", BigInteger, nullable=False),
    # One after the other, 32 bytes each; none: no password is pending.
    Column("pending_digests", LargeBinary),
    Column("deleted", Boolean, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
)

id_tokens = Table(
    "id_tokens",
    metadata,
    # Case-folded: what the id is compared by (C01.FR.25). First in the key, since OCPP 1.6 asks without a type.
    Column("id_key", Text, primary_key=True),
    Column("type", Text, primary_key=True),
    # As it was given.
    Column("id_token", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("group_id", Text),
    Column("expires_at", UtcDateTime),
    Column("language1", Text),
    Column("personal_message", Text),
    Column("evse_ids", Json),
    Column("concurrent_tx_limit", Integer),
    Column("charging_priority", SmallInteger),
    Column("created_at", UtcDateTime, nullable=False),
    Column("updated_at", UtcDateTime, nullable=False),
    Index("ix_id_tokens_group_id", "group_id"),
)

# The newest certificate signing request of each station and kind: bounded, whatever a station repeats (A02.FR.17).
certificate_requests = Table(
    "certificate_requests",
    metadata,
    Column("station_id", Text, primary_key=True),
    Column("certificate_type", Text, primary_key=True),
    Column("csr", Text, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
)

outbox = outbox_table(metadata)
