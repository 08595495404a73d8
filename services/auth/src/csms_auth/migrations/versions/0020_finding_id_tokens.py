"""Tokens are found by when they end, and by how their ids begin."""

from csms_db import indexes

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    indexes.create("ix_id_tokens_expires", "id_tokens", ["expires_at", "id_key", "type"])
    indexes.create("ix_id_tokens_prefix", "id_tokens", ["id_key"], postgresql_ops={"id_key": "text_pattern_ops"})
