"""Recorded messages of all stations are found by action and by site."""

import sqlalchemy as sa
from csms_db import indexes

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    indexes.create("ix_notifications_of_action", "notifications", ["action", "received_at", "record_id"])
    has_site = sa.text("site_id IS NOT NULL")
    indexes.create(
        "ix_notifications_site",
        "notifications",
        ["site_id", "received_at", "record_id"],
        postgresql_where=has_site,
        sqlite_where=has_site,
    )
