"""OCPP 2.0.1: TransactionEvent, MeterValues, RequestStartTransaction, RequestStopTransaction.

Payloads come from the gateway, valid by their JSON schema; what schemas leave open (times, ranges) is checked here.
"""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from itertools import chain
from typing import Any, NamedTuple

import orjson
from csms.v1.auth_pb2 import IdTokenInfo
from csms_ocpp.errors import ErrorCode, OcppError
from csms_ocpp.long_list import LongList, NotInPiecesError
from csms_ocpp.rules.remote_start import request_start_transaction
from csms_ocpp.times import format_datetime, parse_datetime
from csms_ocpp.validation import Violation

from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.meter import condensed
from csms_transactions.domain.readings import ENERGY_REGISTER, MEASURANDS, Reading, Sample, readings

Json = Mapping[str, Any]

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1
_EVENT_TYPES = {kind.value: kind for kind in EventType}


class Told(NamedTuple):
    """A TransactionEvent and the transaction it belongs to."""

    transaction_id: str
    event: TransactionEvent


def transaction_event(payload: Json, meter_values: Iterable[Json] | None = None) -> Told:
    """Read a TransactionEventRequest. Raises OcppError(PropertyConstraintViolation): a bad time or number.

    `meter_values`: those of a long one, which are not kept, in place of those in the payload.
    """
    info: Json = payload["transactionInfo"]
    evse: Json = payload.get("evse", {})
    at = _time(payload["timestamp"], "/timestamp")
    event = TransactionEvent(
        seq_no=_in_range(payload["seqNo"], "seqNo"),
        type=_EVENT_TYPES[payload["eventType"]],
        at=at,
        trigger_reason=payload["triggerReason"],
        offline=payload.get("offline", False),
        evse_id=_optional(evse, "id"),
        connector_id=_optional(evse, "connectorId"),
        id_token=id_token(payload["idToken"]) if "idToken" in payload else None,
        charging_state=info.get("chargingState"),
        time_spent_charging=_optional(info, "timeSpentCharging"),
        stopped_reason=info.get("stoppedReason"),
        remote_start_id=_optional(info, "remoteStartId"),
        reservation_id=_optional(payload, "reservationId"),
        number_of_phases_used=_optional(payload, "numberOfPhasesUsed"),
        readings=_readings(payload.get("meterValue", ()) if meter_values is None else meter_values, at),
    )
    return Told(info["transactionId"], event)


def id_token(value: Json | None) -> IdToken | None:
    """An IdTokenType; additionalInfo plays no part in which token it is (C01.FR.25)."""
    return None if value is None else IdToken(value["idToken"], value["type"])


def event_as_sent(raw: bytes) -> Told:
    """Read a TransactionEventRequest as it came, of a long one the meter values a few at a time.

    Raises as `transaction_event`.
    """
    found = LongList.find(raw)
    if found is not None and found.path == ("meterValue",):
        with suppress(NotInPiecesError):
            return transaction_event(found.around, chain.from_iterable(piece.items for piece in found.pieces()))
    return transaction_event(orjson.loads(raw))


def _readings(meter_values: Iterable[Json], default: datetime) -> tuple[Reading, ...]:
    """Readings of energy in order of time, as far as the times can be read."""
    return condensed(
        readings(chain.from_iterable(_samples(meter_value, default) for meter_value in meter_values), default)
    )


class Measured(NamedTuple):
    """A MeterValuesRequest."""

    evse_id: int
    """0: the main meter (J01.FR.18)."""
    at: datetime
    """The time of the first meterValue."""
    readings: tuple[Reading, ...]
    """Of the registers of energy, in order of time."""


def meter_values_as_sent(raw: bytes) -> Measured:
    """Read a MeterValuesRequest as it came, of a long one the meter values a few at a time.

    Raises OcppError(PropertyConstraintViolation): a bad time or number.
    """
    found = LongList.find(raw)
    if found is not None and found.path == ("meterValue",):
        with suppress(NotInPiecesError):
            return _measured(found.around, chain.from_iterable(piece.items for piece in found.pieces()))
    payload: Json = orjson.loads(raw)
    return _measured(payload, payload["meterValue"])


def _measured(payload: Json, meter_values: Iterable[Json]) -> Measured:
    values = iter(meter_values)
    first = next(values)
    at = _time(first["timestamp"], "/meterValue/0/timestamp")
    samples = chain.from_iterable(_samples(meter_value, at) for meter_value in chain((first,), values))
    return Measured(_in_range(payload["evseId"], "evseId"), at, condensed(readings(samples, apart=True)))


def _samples(meter_value: Json, default: datetime) -> list[tuple[datetime, Sample]]:
    found = [
        _sample(value) for value in meter_value["sampledValue"] if value.get("measurand", ENERGY_REGISTER) in MEASURANDS
    ]
    if not found:
        return []
    at = _time_or(meter_value["timestamp"], default)
    return [(at, sample) for sample in found]


def _sample(value: Json) -> Sample:
    unit: Json = value.get("unitOfMeasure", {})
    return Sample(
        value["value"],
        value.get("context", "Sample.Periodic"),
        value.get("location", "Outlet"),
        value.get("phase"),
        unit.get("unit", "Wh"),
        int(unit.get("multiplier", 0)),  # 1.0 is an integer to JSON Schema, but no exponent to Decimal
        value.get("measurand", ENERGY_REGISTER),
    )


def transaction_event_response(info: IdTokenInfo | None) -> dict[str, Any]:
    """A TransactionEventResponse; `info` None: the event had no idToken, so there is nothing to say about one."""
    return {} if info is None else {"idTokenInfo": id_token_info(info)}


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


def request_start(
    *, remote_start_id: int, token: Json, evse_id: int | None, group: Json | None, profile: Json | None
) -> tuple[str, dict[str, Any]]:
    """The action and payload that ask a station to start a transaction (F01, F02)."""
    payload: dict[str, Any] = {"remoteStartId": remote_start_id, "idToken": dict(token)}
    optional = {"evseId": evse_id, "groupIdToken": group, "chargingProfile": profile}
    payload.update({name: value for name, value in optional.items() if value is not None})
    return "RequestStartTransaction", payload


def start_violations(payload: Json) -> list[Violation]:
    """What is wrong with a RequestStartTransaction that is valid by its schema, with the requirement ids."""
    found = request_start_transaction(payload)
    return [Violation(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, pointer, detail) for pointer, detail in found]


def request_stop(transaction_id: str) -> tuple[str, dict[str, Any]]:
    """The action and payload that ask a station to stop a transaction (F03)."""
    return "RequestStopTransaction", {"transactionId": transaction_id}


def _time(text: str, pointer: str) -> datetime:
    try:
        return parse_datetime(text)
    except ValueError as error:
        raise OcppError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"{pointer}: not a date-time", {}) from error


def _time_or(text: str, default: datetime) -> datetime:
    try:
        return parse_datetime(text)
    except ValueError:
        return default


def _in_range(value: float, name: str) -> int:
    """JSON knows no integer size; the database does. 1.0 is an integer to JSON Schema."""
    if not _INT32_MIN <= value <= _INT32_MAX:
        raise OcppError(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, f"/{name}: not a 32 bit integer", {})
    return int(value)


def _optional(container: Json, name: str) -> int | None:
    value = container.get(name)
    return None if value is None else _in_range(value, name)
