"""OCPP 2.0.1: writes the answers to TransactionEvent, with what it costs where we compute it (I02, I03)."""

from datetime import UTC, datetime
from typing import Any

from csms.v1.auth_pb2 import IdTokenInfo
from csms_ocpp.times import format_datetime

from csms_transactions.domain.cost import by_tariff, told, used
from csms_transactions.domain.transaction import State, Transaction
from csms_transactions.versions.version import NOTHING, Json, StoredTransaction


def event_answer(info: IdTokenInfo | None, stored: StoredTransaction | None) -> Json:
    """Write a TransactionEventResponse; an event without an idToken is told nothing about one (C12.FR.03)."""
    answer = NOTHING if info is None else {"idTokenInfo": id_token_info(info)}
    if stored is None or stored.transaction.tariff is None:
        return answer
    return {**answer, **_cost(stored.transaction)}


def _cost(transaction: Transaction) -> Json:
    """Return what it costs by our tariff, so far; at the end for the driver to read, too (C24). Not what it told."""
    cost = None if told(transaction.details) else by_tariff(transaction.tariff, used(transaction))
    if cost is None:
        return NOTHING
    total = {"totalCost": float(cost.amount)}
    if transaction.state is not State.ENDED:
        return total
    return {**total, "updatedPersonalMessage": {"format": "UTF8", "content": f"{cost.amount} {cost.currency}"}}


def id_token_info(info: IdTokenInfo) -> dict[str, Any]:
    """An IdTokenInfoType with only the fields that say something."""
    answer: dict[str, Any] = {"status": info.status}
    if info.cache_expiry_ms:
        expiry = datetime.fromtimestamp(info.cache_expiry_ms / 1000, UTC)
        answer["cacheExpiryDateTime"] = format_datetime(expiry)
    if info.charging_priority:
        answer["chargingPriority"] = info.charging_priority
    if info.language1:
        answer["language1"] = info.language1
    if info.evse_ids:
        answer["evseId"] = list(info.evse_ids)
    if info.HasField("group_id_token"):  # C09.FR.02: also in the TransactionEventResponse
        group = info.group_id_token
        answer["groupIdToken"] = {"idToken": group.id_token, "type": group.type}
    if info.personal_message:
        answer["personalMessage"] = {"format": "UTF8", "content": info.personal_message}
    return answer
