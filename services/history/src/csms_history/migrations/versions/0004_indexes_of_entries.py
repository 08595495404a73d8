"""Indexes for what entries of timelines are found by."""

from typing import Any

import sqlalchemy as sa
from csms_db import indexes
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None
concurrently = True

_AUTHORIZATION = sa.text("kind = 'authorization'")
_FAULT = sa.text("fault IS NOT NULL")
_TIME = ["occurred_at", "entry_id"]


def upgrade() -> None:
    table = "timeline_entries"
    of_all: list[Any] = [apart(sa.column("occurred_at", UtcDateTime)), "entry_id"]
    indexes.create("ix_timeline_entries_kind", table, ["station_key", "kind", *_TIME])
    for name, columns, where in (
        ("station_faults", ["station_key", *_TIME], _FAULT),
        ("tokens", ["token_key", *_TIME], _AUTHORIZATION),
        ("decisions", ["status", *_TIME], _AUTHORIZATION),
        ("all_decisions", of_all, _AUTHORIZATION),
    ):
        indexes.create(f"ix_timeline_entries_{name}", table, columns, postgresql_where=where, sqlite_where=where)
    indexes.drop("ix_timeline_entries_station_key_type", table)
