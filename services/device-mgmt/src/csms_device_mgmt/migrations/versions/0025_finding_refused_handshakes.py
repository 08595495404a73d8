"""Each filter of the refused handshakes has an index that goes on in the order of the list."""

import sqlalchemy as sa
from csms_db import indexes
from csms_db.base import UtcDateTime
from csms_db.sql import apart

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None
concurrently = True

TABLE = "refused_handshakes"


def upgrade() -> None:
    last_at, station = apart(sa.column("last_at", UtcDateTime)), sa.func.lower(sa.column("station_id", sa.String))
    indexes.create(f"ix_{TABLE}_all", TABLE, [last_at, "id"])
    indexes.create(f"ix_{TABLE}_station", TABLE, [station, "last_at", "id"])
    indexes.create(f"ix_{TABLE}_address", TABLE, ["remote_address", "last_at", "id"])
    indexes.create(f"ix_{TABLE}_kind", TABLE, ["kind", "last_at", "id"])
    for name in ("last_at", "remote_address"):
        indexes.drop(f"ix_{TABLE}_{name}", TABLE)


def downgrade() -> None:
    indexes.create(f"ix_{TABLE}_last_at", TABLE, ["last_at", "id"])
    indexes.create(f"ix_{TABLE}_remote_address", TABLE, ["remote_address"])
    for name in ("all", "station", "address", "kind"):
        indexes.drop(f"ix_{TABLE}_{name}", TABLE)
