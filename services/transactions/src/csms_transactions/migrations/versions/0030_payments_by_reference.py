"""A payment service provider's reference is that of one payment by QR code."""

from csms_db import indexes

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None
concurrently = True

NAME = "ix_web_payments_psp_ref"


def upgrade() -> None:
    indexes.create(NAME, "web_payments", ["psp_ref"], unique=True)


def downgrade() -> None:
    indexes.drop(NAME, "web_payments")
