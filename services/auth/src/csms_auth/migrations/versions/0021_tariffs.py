"""Tariffs of drivers (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("id_tokens", sa.Column("tariff", Json))


def downgrade() -> None:
    op.drop_column("id_tokens", "tariff")
