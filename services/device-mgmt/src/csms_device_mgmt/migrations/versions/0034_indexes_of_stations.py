"""Stations are found by what they are, how they connect, and the status of their connectors."""

import sqlalchemy as sa
from csms_db import indexes
from csms_db.sql import apart

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None
concurrently = True

_FILTERS = {
    "vendor": "vendor_name",
    "model": "model",
    "firmware": "firmware_key",
    "protocol": "connection_protocol",
    "security_profile": "security_profile",
    "connection_security_profile": "connection_security_profile",
}


def upgrade() -> None:
    station = apart(sa.column("station_id", sa.String))
    for name, column in _FILTERS.items():
        indexes.create(f"ix_stations_{name}", "stations", [column, station])
    indexes.create("ix_connectors_status", "connectors", ["status", station])
