"""A report knows how far it has arrived, so that its next part costs no more than its first."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

REPORTS, PARTS, INDEX = "assembled_reports", "assembled_report_parts", "ix_assembled_report_parts_digest"
NUMBERS = ("parts_in_row", "entry_count")
# Parts in a row are counted when the next one comes.
PROGRESS = """
    UPDATE assembled_reports SET
      last_seq_no = (SELECT max(p.seq_no) FROM assembled_report_parts p WHERE NOT p.tbc
        AND p.station_id = assembled_reports.station_id AND p.message = assembled_reports.message
        AND p.request_id = assembled_reports.request_id),
      entry_count = (SELECT coalesce(sum(p.entry_count), 0) FROM assembled_report_parts p
        WHERE p.station_id = assembled_reports.station_id AND p.message = assembled_reports.message
        AND p.request_id = assembled_reports.request_id)
"""


def upgrade() -> None:
    op.add_column(REPORTS, sa.Column("last_seq_no", sa.BigInteger))
    for name in NUMBERS:
        op.add_column(REPORTS, sa.Column(name, sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.execute(PROGRESS)
    numbered = sa.text("digest IS NOT NULL")
    columns = ["station_id", "message", "request_id", "digest"]
    op.create_index(INDEX, PARTS, columns, postgresql_where=numbered, sqlite_where=numbered)


def downgrade() -> None:
    op.drop_index(INDEX, PARTS)
    for name in (*NUMBERS, "last_seq_no"):
        op.drop_column(REPORTS, name)
