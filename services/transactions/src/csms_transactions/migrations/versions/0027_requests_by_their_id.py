"""A request to start is found by its id alone: the caller may have spelled the station in another case."""

from csms_db import indexes

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None
concurrently = True

NAME = "ix_remote_requests_remote_start_id"


def upgrade() -> None:
    indexes.create(NAME, "remote_requests", ["remote_start_id"])


def downgrade() -> None:
    indexes.drop(NAME, "remote_requests")
