"""OCPP 2.0.1: reads TransactionEvent and MeterValues.

Payloads come from the gateway, valid by their JSON schema; what schemas leave open (times, ranges) is checked here.
"""

from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any

import orjson
from csms_ocpp import long_list
from csms_ocpp.long_list import LongList, NotInPiecesError
from csms_ocpp.redaction import may_hold_secret_as_sent, redact
from csms_ocpp.versions import Protocol

from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.meter import condensed
from csms_transactions.domain.readings import ENERGY_REGISTER, MEASURANDS, Reading, Sample, readings
from csms_transactions.versions.fields import in_range, moment, moment_or, optional
from csms_transactions.versions.v201.answers import event_answer
from csms_transactions.versions.version import EventMessage, Json, MeterValuesMessage

_EVENT_TYPES = {kind.value: kind for kind in EventType}


def transaction_event(payload: Json, meter_values: Iterable[Json] | None = None) -> TransactionEvent:
    """Read a TransactionEventRequest. Raises OcppError(PropertyConstraintViolation): a bad time or number.

    `meter_values`: those of a long one, which are not kept, in place of those in the payload.
    """
    info: Json = payload["transactionInfo"]
    evse: Json = payload.get("evse", {})
    at = moment(payload["timestamp"], "/timestamp")
    # In the order of the fields: with their names a named tuple of so many takes nearly three times as long.
    return TransactionEvent(
        in_range(payload["seqNo"], "seqNo"),
        _EVENT_TYPES[payload["eventType"]],
        at,
        payload["triggerReason"],
        payload.get("offline", False),
        optional(evse, "id"),
        optional(evse, "connectorId"),
        _id_token(payload["idToken"]) if "idToken" in payload else None,
        info.get("chargingState"),
        optional(info, "timeSpentCharging"),
        info.get("stoppedReason"),
        optional(info, "remoteStartId"),
        optional(payload, "reservationId"),
        optional(payload, "numberOfPhasesUsed"),
        _readings(payload.get("meterValue", ()) if meter_values is None else meter_values, at),
    )


def _id_token(value: Json) -> IdToken:
    """An IdTokenType; additionalInfo plays no part in which token it is (C01.FR.25)."""
    return IdToken(value["idToken"], value["type"])


def event_message(raw: bytes) -> EventMessage:
    """Read a TransactionEventRequest as it came. Raises as `transaction_event`."""
    return message(raw, *read(raw))


def message(raw: bytes, payload: Json, event: TransactionEvent) -> EventMessage:
    """Return the message that was read from `raw`."""
    name: str = payload["transactionInfo"]["transactionId"]
    ends = event.type is EventType.ENDED  # the answer says what it costs in all
    return EventMessage(name, event, _without_key_code(raw, event.id_token), event_answer, ends)


def stored_event(payload: bytes, _seq_no: int) -> TransactionEvent:
    """Read the event in a payload that is stored, which says all of it."""
    return read(payload)[1]


def shown_event(payload: bytes) -> dict[str, Any]:
    """Return a stored payload with its secrets masked."""
    parsed: Any = long_list.loads(payload)
    if may_hold_secret_as_sent(payload):
        parsed = redact(Protocol.OCPP201, "TransactionEvent", parsed)
    return parsed  # type: ignore[no-any-return]


def meter_values_in(payload: Json) -> list[dict[str, Any]]:
    """Return the MeterValueTypes of a message."""
    found: list[dict[str, Any]] = payload.get("meterValue", [])
    return found


def _without_key_code(raw: bytes, token: IdToken | None) -> bytes:
    """Return the payload as it is stored: as the station sent it, but without a key code (C04)."""
    if token is None or token.masked() == token:
        return raw
    payload: dict[str, Any] = long_list.loads(raw)
    return orjson.dumps(payload | {"idToken": {"idToken": token.masked().value, "type": token.type}})


def read(raw: bytes) -> tuple[Json, TransactionEvent]:
    """Read a request; the meter values of a long one a few at a time. They are not in what is returned then.

    Raises as `transaction_event`.
    """
    found = LongList.find(raw)
    if found is not None and found.path == ("meterValue",):
        with suppress(NotInPiecesError):
            items = chain.from_iterable(piece.items for piece in found.pieces())
            return found.around, transaction_event(found.around, items)
    payload: Json = orjson.loads(raw)
    return payload, transaction_event(payload)


def _readings(meter_values: Iterable[Json], default: datetime) -> tuple[Reading, ...]:
    """Readings of energy in order of time, as far as the times can be read."""
    samples: list[tuple[datetime, Sample]] = []
    for meter_value in meter_values:
        samples += _samples(meter_value, default)
    return condensed(readings(samples, default))


def meter_values(raw: bytes) -> MeterValuesMessage:
    """Read a MeterValuesRequest as it came, of a long one the meter values a few at a time.

    Raises OcppError(PropertyConstraintViolation): a bad time or number.
    """
    found = LongList.find(raw)
    if found is not None and found.path == ("meterValue",):
        with suppress(NotInPiecesError):
            return _measured(found.around, chain.from_iterable(piece.items for piece in found.pieces()))
    payload: Json = orjson.loads(raw)
    return _measured(payload, payload["meterValue"])


def _measured(payload: Json, told: Iterable[Json]) -> MeterValuesMessage:
    values = iter(told)
    first = next(values)
    at = moment(first["timestamp"], "/meterValue/0/timestamp")
    samples = chain.from_iterable(_samples(meter_value, at) for meter_value in chain((first,), values))
    return MeterValuesMessage(in_range(payload["evseId"], "evseId"), at, condensed(readings(samples, apart=True)))


def _samples(meter_value: Json, default: datetime) -> list[tuple[datetime, Sample]]:
    found: list[tuple[datetime, Sample]] = []
    at: datetime | None = None
    for value in meter_value["sampledValue"]:
        if value.get("measurand", ENERGY_REGISTER) in MEASURANDS:
            at = at or moment_or(meter_value["timestamp"], default)
            found.append((at, _sample(value)))
    return found


def _sample(value: Json) -> Sample:
    unit: Json | None = value.get("unitOfMeasure")
    return Sample(
        value["value"],
        value.get("context", "Sample.Periodic"),
        value.get("location", "Outlet"),
        value.get("phase"),
        "Wh" if unit is None else unit.get("unit", "Wh"),
        # 1.0 is an integer to JSON Schema, but no exponent to Decimal
        0 if unit is None else int(unit.get("multiplier", 0)),
        value.get("measurand", ENERGY_REGISTER),
    )
