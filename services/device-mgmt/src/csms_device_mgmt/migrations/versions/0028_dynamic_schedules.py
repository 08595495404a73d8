"""What holds in dynamic charging profiles (OCPP 2.1)."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json, UtcDateTime

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dynamic_schedules",
        sa.Column("station_id", sa.String(length=48), nullable=False),
        sa.Column("profile_id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("schedule_update", Json, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("station_id", "profile_id"),
    )


def downgrade() -> None:
    op.drop_table("dynamic_schedules")
