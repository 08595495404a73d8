"""How good an energy is and why; how long was charged.

Energies of before are marked as such. They are computed again, by the new rules, with the next event of their
transaction.
"""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

EARLIER_RULE = "UPDATE transactions SET energy_quality = 'estimated', energy_reasons = 1 WHERE energy_wh IS NOT NULL"
FORGET_FACTS = "UPDATE transaction_events SET facts = NULL WHERE facts IS NOT NULL"


def upgrade() -> None:
    op.add_column("transactions", sa.Column("charging_since", UtcDateTime))
    op.add_column("transactions", sa.Column("charged_s", sa.Double))
    op.add_column("transactions", sa.Column("meter", Json))
    op.add_column("transactions", sa.Column("energy_quality", sa.String(50)))
    op.add_column("transactions", sa.Column("energy_reasons", sa.Integer, nullable=False, server_default="0"))
    op.execute(EARLIER_RULE)
    op.execute(FORGET_FACTS)
    for name in ("meter_start_exact", "meter_stop_exact", "meter_source"):
        op.drop_column("transactions", name)


def downgrade() -> None:
    for name in ("meter_start_exact", "meter_stop_exact"):
        op.add_column("transactions", sa.Column(name, sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("transactions", sa.Column("meter_source", sa.SmallInteger))
    for name in ("charging_since", "charged_s", "meter", "energy_quality", "energy_reasons"):
        op.drop_column("transactions", name)
