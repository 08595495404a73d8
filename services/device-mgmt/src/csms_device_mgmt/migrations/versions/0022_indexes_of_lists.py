"""Indexes for every filter of the lists: none walks through a table for what is old, or not there."""

import sqlalchemy as sa
from csms_db import indexes
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    station_id, received_at = apart(sa.column("station_id", sa.String)), apart(sa.column("received_at", UtcDateTime))
    status = sa.func.coalesce(sa.column("registration_status", sa.String), sa.column("registration", sa.String))
    indexes.create("ix_stations_registration", "stations", [status, station_id])
    of_action = ["station_id", "action", "received_at", "record_id"]
    indexes.create("ix_notifications_action", "notifications", of_action)
    indexes.create("ix_dead_letters_topic", "dead_letters", ["topic", "id"])
    indexes.create("ix_dead_letters_reason", "dead_letters", ["reason", "id"])
    for name, which in (("replayed", "replayed_at IS NOT NULL"), ("not_replayed", "replayed_at IS NULL")):
        where = {"postgresql_where": sa.text(which), "sqlite_where": sa.text(which)}
        indexes.create(f"ix_dead_letters_{name}", "dead_letters", ["id"], **where)
    for table in ("notifications", "refused_messages"):
        indexes.create(f"ix_{table}_all", table, [received_at])
        indexes.drop(f"ix_{table}_received_at", table)
