"""OCPP 1.6: writes the answers to StartTransaction and StopTransaction."""

from datetime import UTC, datetime
from typing import Any

from csms.v1.auth_pb2 import IdTokenInfo
from csms_ocpp.id_tags import id_tag_info

from csms_transactions.versions.version import NOTHING, Json, StoredTransaction


def started(info: IdTokenInfo | None, stored: StoredTransaction | None) -> Json:
    """Write a StartTransaction.conf: whatever was decided about the idTag, with the id of the transaction."""
    if info is None or stored is None:
        raise ValueError("a StartTransaction is answered when the decision is there, and the transaction is stored")
    return {"transactionId": int(stored.identity.transaction_id), "idTagInfo": told_of(info)}


def stopped(info: IdTokenInfo | None, _stored: StoredTransaction | None) -> Json:
    """Write a StopTransaction.conf; one without an idTag is told nothing about one."""
    return NOTHING if info is None else {"idTagInfo": told_of(info)}


def told_of(info: IdTokenInfo) -> dict[str, Any]:
    """Write the IdTagInfo of a decision of auth."""
    ends = (datetime.fromtimestamp(at / 1000, UTC) for at in (info.cache_expiry_ms, info.expires_ms) if at)
    return id_tag_info(info.status, ends, info.group_id_token.id_token)
