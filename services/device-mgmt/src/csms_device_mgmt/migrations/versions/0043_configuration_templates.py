"""Configuration templates, and what jobs for many stations do beyond one call."""

import sqlalchemy as sa
from alembic import op
from csms_db.base import UtcDateTime
from csms_db.packed import PackedJson

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None

TABLE = "configuration_templates"


def upgrade() -> None:
    op.create_table(
        TABLE,
        sa.Column("template_id", sa.String(length=48), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("selection", PackedJson, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("on_connect", sa.Boolean, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("updated_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("template_id"),
    )
    op.add_column("bulk_jobs", sa.Column("procedure", sa.String(length=32)))


def downgrade() -> None:
    op.drop_column("bulk_jobs", "procedure")
    op.drop_table(TABLE)
