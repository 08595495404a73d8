"""Indexes for every filter of the lists: none walks through a table for what is old, or not there."""

import sqlalchemy as sa
from csms_db import indexes
from csms_db.sql import apart

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None
concurrently = True


def upgrade() -> None:
    id_key, station_id = apart(sa.column("id_key", sa.Text)), apart(sa.column("station_id", sa.Text))
    indexes.create("ix_id_tokens_group", "id_tokens", ["group_id", id_key, "type"])
    indexes.create("ix_id_tokens_status", "id_tokens", ["status", id_key, "type"])
    indexes.create("ix_id_tokens_type", "id_tokens", ["type", id_key])
    indexes.create("ix_certificate_requests_state", "certificate_requests", ["state", station_id, "certificate_type"])
    indexes.create("ix_certificate_requests_type", "certificate_requests", ["certificate_type", station_id])
    newest = ["issued_at", "certificate_id"]
    indexes.create("ix_certificates_state", "certificates", ["state", *newest])
    indexes.create("ix_certificates_type", "certificates", ["certificate_type", *newest])
    indexes.create("ix_certificates_all", "certificates", [apart(sa.column("issued_at")), "certificate_id"])
    by_path = {"postgresql_ops": {"path": "text_pattern_ops"}}
    indexes.create("ix_audit_path", "audit", ["path", "occurred_at", "record_id"], **by_path)
    indexes.create("ix_audit_all", "audit", [apart(sa.column("occurred_at")), "record_id"])
    for name, table in (
        ("ix_id_tokens_group_id", "id_tokens"),
        ("ix_certificates_issued_at", "certificates"),
        ("ix_audit_occurred_at", "audit"),
    ):
        indexes.drop(name, table)
