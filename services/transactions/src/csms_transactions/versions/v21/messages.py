"""OCPP 2.1: reads TransactionEvent, with what it tells more than that of 2.0.1."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from csms.v1.auth_pb2 import IdTokenInfo
from csms_runtime.money import amount_of

from csms_transactions.domain.events import EventType, TransactionEvent
from csms_transactions.versions.v201 import messages as messages_201
from csms_transactions.versions.v201.answers import event_answer
from csms_transactions.versions.version import EventMessage, Json, StoredTransaction

_LIMITS = ("maxCost", "maxEnergy", "maxTime", "maxSoC")
_COST = ("currency", "typeOfCost")
_TOTAL = ("exclTax", "inclTax")
_USAGE = ("energy", "chargingTime", "idleTime", "reservationTime")
_FAILURE = ("failureToCalculate", "failureReason")


def event_message(raw: bytes) -> EventMessage:
    """Read a TransactionEventRequest as it came. Raises as that of 2.0.1."""
    payload, event = messages_201.read(raw)
    found = messages_201.message(raw, payload, _detailed(payload, event))
    begins = event.remote_start_id is not None and _begins(event)
    if event.type is EventType.ENDED and not begins:
        return found
    told = payload["transactionInfo"].get("transactionLimit", {})
    answer = partial(limited_answer, told, spends=not event.stops)
    return found._replace(needs_stored=found.needs_stored or begins, takes_limit=True, answer=answer)


def _begins(event: TransactionEvent) -> bool:
    """Whether it is the first event after a remote start; the cable may have started the transaction before (F02)."""
    return event.type is EventType.STARTED or event.trigger_reason == "RemoteStart"


def limited_answer(
    told: Json, info: IdTokenInfo | None, stored: StoredTransaction | None, *, spends: bool = True
) -> Json:
    """Write a TransactionEventResponse with the limits that somebody wants it to have (F07.FR.02, E16.FR.02).

    Of a prepaid token no more may be spent than there is (C17.FR.03), nor than a limit lets it that was told before.
    `told` are the station's own: those that are as low already are not repeated (E16.FR.08). `spends`: the token is the
    one that charges, and did not come to stop it.
    """
    answer = event_answer(info, stored)
    wanted = dict({} if stored is None or stored.limit is None else stored.limit)
    credit = amount_of(info.credit) if info is not None and spends else None
    if credit is not None:
        held = {} if stored is None or stored.held is None else stored.held
        wanted["maxCost"] = min(
            [float(credit), *(limits["maxCost"] for limits in (wanted, held) if "maxCost" in limits)]
        )
    limit = {name: value for name, value in wanted.items() if name not in told or told[name] > value}
    if not limit or (info is not None and info.status != "Accepted"):
        return answer
    return {**answer, "transactionLimit": limit}


def stored_event(payload: bytes, _seq_no: int) -> TransactionEvent:
    """Read the event in a payload that is stored, which says all of it."""
    return _detailed(*messages_201.read(payload))


def _detailed(payload: Json, event: TransactionEvent) -> TransactionEvent:
    found = details(payload)
    return event._replace(details=found) if found else event


def details(payload: Json) -> dict[str, Any]:
    """Return what is told of the limits, costs, tariff and operation mode of a transaction, in OCPP's words.

    Only what has a limit of size: prices by dimension and charging periods are in the stored payload.
    """
    info: Json = payload["transactionInfo"]
    found = _only(info, ("operationMode", "tariffId"))
    if "transactionLimit" in info:
        found["transactionLimit"] = _only(info["transactionLimit"], _LIMITS)
    if "costDetails" in payload:
        found["costDetails"] = _cost(payload["costDetails"])
    return found


def _cost(cost: Json) -> dict[str, Any]:
    total = cost["totalCost"]
    return {
        "totalCost": {**_only(total, _COST), "total": _only(total["total"], _TOTAL)},
        "totalUsage": _only(cost["totalUsage"], _USAGE),
        **_only(cost, _FAILURE),
    }


def _only(fields: Json, names: Iterable[str]) -> dict[str, Any]:
    return {name: fields[name] for name in names if name in fields}
