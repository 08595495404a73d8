"""remoteStartIds are counted by the station's key; stations with meter values alone are found in any case."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from csms_ocpp import station_ids

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

NAME, TABLE = "ix_meter_value_bytes_spelling", "meter_value_bytes"
_STARTS = sa.table("remote_start_ids", sa.column("station_id", sa.String), sa.column("last_id", sa.Integer))


def upgrade() -> None:
    op.create_index(NAME, TABLE, [sa.text("lower(station_id)"), "station_id"])
    rows = op.get_bind().execute(sa.select(_STARTS)).all()
    last: dict[str, int] = {}
    for station_id, last_id in rows:
        key = station_ids.key(station_id)
        last[key] = max(last.get(key, 0), last_id)
    op.execute(sa.delete(_STARTS))
    if last:
        op.bulk_insert(_STARTS, _rows(last))


def downgrade() -> None:
    op.drop_index(NAME, TABLE)


def _rows(last: dict[str, int]) -> list[dict[str, Any]]:
    return [{"station_id": key, "last_id": last_id} for key, last_id in last.items()]
