"""Onboarding: the variables to be set, and how far it got."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", sa.Column("onboarding_variables", Json, nullable=False, server_default=sa.text("'[]'")))
    op.add_column("stations", sa.Column("onboarding_progress", Json))


def downgrade() -> None:
    op.drop_column("stations", "onboarding_progress")
    op.drop_column("stations", "onboarding_variables")
