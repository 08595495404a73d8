"""MeterValues: readings that belong to no transaction (OCPP 2.0.1 J01)."""

from itertools import chain
from typing import Any

import orjson
from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Outgoing
from csms_ocpp.long_list import LongList
from csms_runtime.clock import from_ms

from csms_transactions import replies
from csms_transactions.protocols import ocpp201
from csms_transactions.store.events import kept
from csms_transactions.work import MeterValuesWork, Work


def read(work: Work, station_id: str, call: StationCall) -> None:
    """Add the message to the batch. Raises OcppError when it can neither be stored nor understood."""
    payload = _beginning(call.payload)
    work.meter_values.append(
        MeterValuesWork(
            station_id,
            call,
            ocpp201.meter_values_evse(payload),
            ocpp201.meter_values_time(payload),
            from_ms(call.received_at_ms),
            kept(call.payload),
        )
    )


def _beginning(raw: bytes) -> dict[str, Any]:
    """Return the payload; of a long one with the first meter values only."""
    found = LongList.find(raw)
    payload: dict[str, Any] = orjson.loads(raw) if found is None else next(found.payloads())[1]
    return payload


def plain_replies(work: Work) -> list[Outgoing]:
    """Nothing but thanks; never a CALLERROR for business reasons (J01.FR.18)."""
    return list(
        chain.from_iterable(replies.response(item.station_id, item.call, replies.EMPTY) for item in work.meter_values)
    )
