"""Sites, and the labels of stations."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime
from csms_db.sql import apart

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_STATION_ID, _SITE_ID = sa.String(length=48), sa.String(length=48)


def upgrade() -> None:
    op.create_table(
        "sites",
        sa.Column("site_id", _SITE_ID, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("address", sa.Text),
        sa.Column("latitude", sa.Float),
        sa.Column("longitude", sa.Float),
        sa.Column("time_zone", sa.Text),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
    )
    op.create_table(
        "station_labels",
        sa.Column("station_id", _STATION_ID, primary_key=True),
        sa.Column("label", sa.Text, primary_key=True),
    )
    op.create_index("ix_station_labels_label", "station_labels", ["label", apart(sa.column("station_id", sa.String))])
    op.add_column("stations", sa.Column("site_id", _SITE_ID))
    op.add_column("stations", sa.Column("labels", Json, nullable=False, server_default=sa.text("'{}'")))


def downgrade() -> None:
    op.drop_column("stations", "labels")
    op.drop_column("stations", "site_id")
    op.drop_table("station_labels")
    op.drop_table("sites")
