"""The tables about who calls the HTTP API, as the migrations make them."""

from csms_db.base import Json, UtcDateTime
from csms_db.sql import apart
from sqlalchemy import Column, Index, LargeBinary, SmallInteger, Table, Text

from csms_auth.store.tables import metadata

# Made over the API. Never the keys themselves.
api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("scopes", Json, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
    Column("revoked_by", Text),
)

# What was asked for over the HTTP APIs. Secrets are redacted.
audit = Table(
    "audit",
    metadata,
    # The record's: a repeat is recognised.
    Column("record_id", Text, primary_key=True),
    Column("occurred_at", UtcDateTime, nullable=False),
    Column("service", Text, nullable=False),
    Column("principal", Text),
    Column("authentication", Text),
    Column("remote_address", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("route", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("request_id", Text, nullable=False),
    # JSON as it was, which JSONB would not keep (and not take with a NUL in it).
    Column("request", LargeBinary),
    Index("ix_audit_principal", "principal", "occurred_at"),
    Index("ix_audit_path", "path", "occurred_at", "record_id", postgresql_ops={"path": "text_pattern_ops"}),
)
Index("ix_audit_all", apart(audit.c.occurred_at), audit.c.record_id)
