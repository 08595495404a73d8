"""OCPP 1.6: writes the answers to StartTransaction and StopTransaction."""

from datetime import UTC, datetime
from typing import Any

from csms.v1.auth_pb2 import IdTokenInfo
from csms_ocpp.id_tags import MAX_ID_TAG, tag_status
from csms_ocpp.times import format_datetime

from csms_transactions.versions.version import NOTHING, Json, StoredTransaction


def started(info: IdTokenInfo | None, stored: StoredTransaction | None) -> Json:
    """Write a StartTransaction.conf: whatever was decided about the idTag, with the id of the transaction."""
    if info is None or stored is None:
        raise ValueError("a StartTransaction is answered when the decision is there, and the transaction is stored")
    return {"transactionId": int(stored.identity.transaction_id), "idTagInfo": id_tag_info(info)}


def stopped(info: IdTokenInfo | None, _stored: StoredTransaction | None) -> Json:
    """Write a StopTransaction.conf; one without an idTag is told nothing about one."""
    return NOTHING if info is None else {"idTagInfo": id_tag_info(info)}


def id_tag_info(info: IdTokenInfo) -> dict[str, Any]:
    """An IdTagInfo. A group's id that is no idTag, since it is too long, is left out."""
    told: dict[str, Any] = {"status": tag_status(info.status)}
    ends = [at for at in (info.cache_expiry_ms, info.expires_ms) if at]
    if ends:
        told["expiryDate"] = format_datetime(datetime.fromtimestamp(min(ends) / 1000, UTC))
    group = info.group_id_token.id_token
    if group and len(group) <= MAX_ID_TAG:
        told["parentIdTag"] = group
    return told
