"""OCPP 1.6: reads StartTransaction, StopTransaction and MeterValues.

The two are the first and the last event of a transaction, seqNo 0 and 1. MeterValues messages are no events: they count
by their own time, so that there are no gaps and nothing to be late for.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import chain
from typing import Any

import orjson
from csms_ocpp import long_list
from csms_ocpp.long_list import LongList, NotInPiecesError
from csms_ocpp.times import format_datetime

from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.meter import condensed
from csms_transactions.domain.readings import (
    ENERGY_REGISTER,
    MEASURANDS,
    TRANSACTION_BEGIN,
    TRANSACTION_END,
    Sample,
    readings,
)
from csms_transactions.versions.fields import in_range, moment, moment_or, optional
from csms_transactions.versions.v16 import answers
from csms_transactions.versions.version import Beginning, EventMessage, Json, MeterValuesMessage

_CONNECTOR = 1
"""A connector of OCPP 1.6 is an EVSE with one connector."""
_BEGINS, _ENDS = 0, 1
"""The seqNo of the two events."""
_LONGEST_ID = 36
_DIGITS = frozenset("0123456789+-.eE")
Samples = Iterable[tuple[datetime, Sample]]


def start_message(raw: bytes) -> EventMessage:
    """Read a StartTransaction as it came. Raises OcppError(PropertyConstraintViolation): a bad time or number."""
    payload: Json = orjson.loads(raw)
    event = _start(payload)
    token = event.id_token.value.casefold() if event.id_token else ""
    beginning = Beginning(in_range(payload["connectorId"], "connectorId"), event.at, int(payload["meterStart"]), token)
    return EventMessage("", event, raw, answers.started, needs_stored=True, beginning=beginning)


def stop_message(raw: bytes) -> EventMessage:
    """Read a StopTransaction as it came. Raises as `start_message`.

    The id may be one that we never gave: of another station, of the CSMS before us, or -1 where a station got no
    answer. Such transactions are told apart by the time of their end.
    """
    payload, event = _read_stop(raw)
    number = str(int(payload["transactionId"]))
    else_id = f"{number}@{format_datetime(event.at)}"[:_LONGEST_ID]
    return EventMessage(number, event, raw, answers.stopped, else_id=else_id)


def stored_event(payload: bytes, seq_no: int) -> TransactionEvent:
    """Read the event in a payload that is stored. Only the seqNo says which message it was: all else is a station's."""
    return _start(orjson.loads(payload)) if seq_no == _BEGINS else _read_stop(payload)[1]


def shown_event(payload: bytes) -> dict[str, Any]:
    """Return a stored payload: there is no secret in it."""
    shown: dict[str, Any] = long_list.loads(payload)
    return shown


def meter_values_in(payload: Json) -> list[dict[str, Any]]:
    """Return the meter values of a message. meterStart and meterStop are written as such, too."""
    begin = [_register(payload, "meterStart", TRANSACTION_BEGIN)] if "meterStart" in payload else []
    end = [_register(payload, "meterStop", TRANSACTION_END)] if "meterStop" in payload else []
    return [*begin, *payload.get("transactionData", ()), *end]


def _register(payload: Json, name: str, context: str) -> dict[str, Any]:
    value = {"value": str(payload[name]), "context": context, "measurand": ENERGY_REGISTER, "unit": "Wh"}
    return {"timestamp": payload["timestamp"], "sampledValue": [value]}


def meter_values(raw: bytes) -> MeterValuesMessage:
    """Read a MeterValues as it came, of a long one the meter values a few at a time. Raises as `start_message`."""
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
    found = condensed(readings(_samples(chain((first,), values), at), apart=True))
    number = int(payload.get("transactionId", 0))
    named = str(number) if number > 0 else ""
    return MeterValuesMessage(in_range(payload["connectorId"], "connectorId"), at, found, named)


def _start(payload: Json) -> TransactionEvent:
    at = moment(payload["timestamp"], "/timestamp")
    connector = in_range(payload["connectorId"], "connectorId")
    return TransactionEvent(
        seq_no=_BEGINS,
        type=EventType.STARTED,
        at=at,
        evse_id=connector if connector > 0 else None,
        connector_id=_CONNECTOR if connector > 0 else None,
        id_token=_token(payload["idTag"]),
        reservation_id=optional(payload, "reservationId"),
        readings=condensed(readings([_sampled(payload, "meterStart", at, TRANSACTION_BEGIN)], at)),
    )


def _read_stop(raw: bytes) -> tuple[Json, TransactionEvent]:
    """Read a StopTransaction; the meter values of a long one a few at a time. They are not in what is returned then."""
    found = LongList.find(raw)
    if found is not None and found.path == ("transactionData",):
        with suppress(NotInPiecesError):
            items = chain.from_iterable(piece.items for piece in found.pieces())
            return found.around, _stop(found.around, items)
    payload: Json = orjson.loads(raw)
    return payload, _stop(payload, payload.get("transactionData", ()))


def _stop(payload: Json, told: Iterable[Json]) -> TransactionEvent:
    at = moment(payload["timestamp"], "/timestamp")
    token = payload.get("idTag")
    register = _sampled(payload, "meterStop", at, TRANSACTION_END)
    return TransactionEvent(
        seq_no=_ENDS,
        type=EventType.ENDED,
        at=at,
        id_token=_token(token) if token and token.strip() else None,
        stopped_reason=payload.get("reason"),
        readings=condensed(readings(chain(_samples(told, at), (register,)), at)),
    )


def _token(tag: str) -> IdToken:
    """An idTag, which has no type. Some stations fill it up with blanks."""
    return IdToken(tag.strip(), "")


def _sampled(payload: Json, name: str, at: datetime, context: str) -> tuple[datetime, Sample]:
    return at, Sample(float(payload[name]), context)


def _samples(meter_values: Iterable[Json], default: datetime) -> Iterator[tuple[datetime, Sample]]:
    """Yield the samples of energy that can be read; times that can't are those of the message."""
    for meter_value in meter_values:
        found = [sample for value in meter_value["sampledValue"] if (sample := _sample(value)) is not None]
        if found:
            at = moment_or(meter_value["timestamp"], default)
            yield from ((at, sample) for sample in found)


def _sample(value: Json) -> Sample | None:
    """Return a sample of energy. None: it is of something else, signed data, or no number."""
    measurand = value.get("measurand", ENERGY_REGISTER)
    if measurand not in MEASURANDS or value.get("format", "Raw") != "Raw":
        return None
    number = _number(value["value"])
    if number is None:
        return None
    return Sample(
        number,
        value.get("context", "Sample.Periodic"),
        value.get("location", "Outlet"),
        value.get("phase"),
        value.get("unit", "Wh").strip(),
        0,
        measurand,
    )


def _number(text: str | float) -> float | None:
    """Return the number in a text, or a number as it is; None: a comma, for one, may stand for thousands or tenths."""
    told = str(text).strip()
    if not told or not _DIGITS.issuperset(told):  # float() would take underscores, words and other scripts
        return None
    try:
        return float(told)
    except ValueError:
        return None
