"""What firmware campaigns keep to."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import Json

revision = "0044"
down_revision = "0043"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("bulk_jobs", sa.Column("plan", Json))
    op.add_column("bulk_jobs", sa.Column("note", sa.Text))
    op.create_index("ix_bulk_jobs_procedure", "bulk_jobs", ["procedure", "created_at", "bulk_id"])


def downgrade() -> None:
    op.drop_index("ix_bulk_jobs_procedure", "bulk_jobs")
    for name in ("note", "plan"):
        op.drop_column("bulk_jobs", name)
