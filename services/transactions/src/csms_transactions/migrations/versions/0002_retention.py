"""Finding remote requests that are older than they are to be kept."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_remote_requests_requested_at", "remote_requests", ["requested_at"])


def downgrade() -> None:
    op.drop_index("ix_remote_requests_requested_at", "remote_requests")
