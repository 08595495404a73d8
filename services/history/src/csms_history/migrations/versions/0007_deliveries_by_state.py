"""An index for a webhook's deliveries of one state, the newest first."""

from csms_db import indexes

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
concurrently = True

_NAME, _TABLE = "ix_webhook_deliveries_webhook_id_state_id", "webhook_deliveries"


def upgrade() -> None:
    indexes.create(_NAME, _TABLE, ["webhook_id", "state", "id"])


def downgrade() -> None:
    indexes.drop(_NAME, _TABLE)
