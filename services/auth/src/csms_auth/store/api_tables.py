"""The tables about who calls the HTTP API, as the migrations make them."""

from csms_db.base import Json, UtcDateTime
from sqlalchemy import Column, LargeBinary, Table, Text

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
