"""Events with the seqNo of another one are kept; transaction ids compare without case and may be used again."""

from hashlib import blake2b

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

LAST_EVENT = """
    UPDATE transactions SET last_event_at =
    (SELECT max(e.timestamp) FROM transaction_events e WHERE e."transaction" = transactions.id) WHERE state = 'Active'
"""
SPELLED = "SELECT id, station_id, transaction_id FROM transactions WHERE transaction_id <> transaction_id_key"
MOVE = (
    "UPDATE transactions SET id = :new WHERE id = :old",
    'UPDATE transaction_events SET "transaction" = :new WHERE "transaction" = :old',
)


def upgrade() -> None:
    with op.batch_alter_table("transactions") as table:
        table.add_column(sa.Column("transaction_id_key", sa.String(108)))
        table.add_column(sa.Column("conflicts", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("last_event_at", UtcDateTime))
        table.add_column(sa.Column("closed_at", UtcDateTime))
        table.add_column(sa.Column("close_reason", sa.String(500)))
        table.add_column(sa.Column("closed_by", sa.String(255)))
        table.add_column(sa.Column("reuses", sa.Integer, nullable=False, server_default="0"))
        table.add_column(sa.Column("revision", sa.Integer, nullable=False, server_default="0"))
        table.drop_constraint("uq_transactions_station_id_transaction_id", type_="unique")
    op.execute("UPDATE transactions SET transaction_id_key = lower(transaction_id)")
    op.execute(LAST_EVENT)
    _fold_running()
    op.create_index("ix_transactions_transaction_id_key", "transactions", ["transaction_id_key", "station_id"])
    _conflicting_events()


def _fold_running() -> None:
    """Running transactions get the ids by which their next events look for them; ended ones keep theirs."""
    connection = op.get_bind()
    taken = set()
    for old, station_id, transaction_id in connection.execute(sa.text(SPELLED + " AND state = 'Active'")).all():
        name = f"{len(station_id)}:{station_id}{transaction_id.casefold()}"
        new = blake2b(name.encode(), digest_size=16).hexdigest()
        known = sa.text("SELECT 1 FROM transactions WHERE id = :new")
        if new in taken or connection.execute(known, {"new": new}).first():
            continue
        taken.add(new)
        for statement in MOVE:
            connection.execute(sa.text(statement), {"new": new, "old": old})


def _conflicting_events() -> None:
    op.create_table(
        "conflicting_events",
        sa.Column("transaction", sa.String(32), primary_key=True),
        sa.Column("seq_no", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("digest", sa.String(32), primary_key=True),
        sa.Column("follows", sa.Integer, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("protocol", sa.String(50), nullable=False),
        sa.Column("event_type", sa.String(50), nullable=False),
        sa.Column("trigger_reason", sa.String(50), nullable=False),
        sa.Column("timestamp", UtcDateTime, nullable=False),
        sa.Column("offline", sa.Boolean, nullable=False),
        sa.Column("received_at", UtcDateTime, nullable=False),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        sa.Column("facts", sa.LargeBinary),
    )


def downgrade() -> None:
    op.drop_table("conflicting_events")
    op.drop_index("ix_transactions_transaction_id_key", "transactions")
    with op.batch_alter_table("transactions") as table:
        for name in ("transaction_id_key", "conflicts", "last_event_at", "closed_at", "close_reason", "closed_by"):
            table.drop_column(name)
        table.drop_column("reuses")
        table.drop_column("revision")
        table.create_unique_constraint("uq_transactions_station_id_transaction_id", ["station_id", "transaction_id"])
