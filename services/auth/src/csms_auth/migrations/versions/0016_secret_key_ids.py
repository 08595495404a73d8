"""Which key the digests of passwords and key codes were made with."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stations", Column("secret_key_id", Text))
    op.add_column("id_tokens", Column("secret_key_id", Text))


def downgrade() -> None:
    op.drop_column("id_tokens", "secret_key_id")
    op.drop_column("stations", "secret_key_id")
