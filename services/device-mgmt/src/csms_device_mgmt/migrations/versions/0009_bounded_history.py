"""What stations tell is stored packed, and what each station's history takes is known."""

from typing import Any

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

GROWN = """
    UPDATE stations SET history_bytes =
      (SELECT coalesce(sum(length(payload) + 250), 0) FROM notifications n WHERE n.station_id = stations.station_id)
      + (SELECT coalesce(sum(length(entries) + 250), 0) FROM assembled_report_parts p
         WHERE p.station_id = stations.station_id)
      + (SELECT coalesce(sum(length(detail) + 250), 0) FROM job_steps j WHERE j.station_id = stations.station_id)
      + (SELECT count(*) * 250 FROM refused_messages r WHERE r.station_id = stations.station_id)
      + (SELECT count(*) * 250 FROM calls c WHERE c.station_id = stations.station_id)
"""


def upgrade() -> None:
    _to_bytes("notifications", "payload", ["size"])
    _to_bytes("assembled_report_parts", "entries", ["size", "entry_count"])
    _to_bytes("job_steps", "detail", ["size"])
    op.add_column("assembled_report_parts", sa.Column("digest", sa.String(64)))
    op.execute("UPDATE notifications SET size = length(payload)")
    op.execute("UPDATE job_steps SET size = length(detail)")
    op.execute(f"UPDATE assembled_report_parts SET size = length(entries), entry_count = {_entry_count()}")  # noqa: S608 constants
    for table in ("assembled_report_parts", "job_steps"):
        op.create_index(f"ix_{table}_station_id_received_at", table, ["station_id", "received_at"])
    op.add_column("calls", sa.Column("size", sa.Integer, nullable=False, server_default=sa.text("0")))
    op.add_column("stations", sa.Column("history_bytes", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.add_column("stations", sa.Column("history_since", UtcDateTime))
    op.execute(GROWN)


def _to_bytes(table: str, column: str, numbers: list[str]) -> None:
    """Make a JSON column one of its text in bytes; on SQLite the last one: what is before it is read without it."""
    on_sqlite = not _on_postgresql()
    order: list[tuple[str, ...]] = [("received_at", column)] if on_sqlite else []
    with op.batch_alter_table(table, partial_reordering=order) as batch:
        changed: dict[str, Any] = {"existing_type": Json(), "existing_nullable": False}
        batch.alter_column(
            column, type_=sa.LargeBinary(), postgresql_using=f"convert_to({column}::text, 'UTF8')", **changed
        )
        for number in numbers:
            new = sa.Column(number, sa.Integer, nullable=False, server_default=sa.text("0"))
            batch.add_column(new, insert_before=column if on_sqlite else None)


def _on_postgresql() -> bool:
    return op.get_bind().dialect.name == "postgresql"


def _entry_count() -> str:
    if _on_postgresql():
        return "jsonb_array_length(convert_from(entries, 'UTF8')::jsonb)"
    return "json_array_length(cast(entries AS text))"


def downgrade() -> None:
    raise NotImplementedError("what is packed cannot be read by the version before")
