"""Stations are found by their site."""

import sqlalchemy as sa
from csms_db import indexes
from csms_db.sql import apart

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    indexes.create("ix_stations_site", "stations", ["site_id", apart(sa.column("station_id", sa.String))])
