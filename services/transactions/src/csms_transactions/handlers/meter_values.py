"""MeterValues (OCPP 2.0.1 J01): readings outside of transactions, or of the EVSE of a running one (J01.FR.14)."""

from itertools import chain

from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Outgoing
from csms_runtime.clock import from_ms

from csms_transactions import replies
from csms_transactions.protocols import ocpp201
from csms_transactions.store.events import kept
from csms_transactions.work import MeterValuesWork, Work


def read(work: Work, station_id: str, call: StationCall) -> None:
    """Add the message to the batch. Raises OcppError when it can neither be stored nor understood."""
    told = ocpp201.meter_values_as_sent(call.payload)
    readings = told.readings if told.evse_id else ()
    work.meter_values.append(
        MeterValuesWork(
            station_id, call, told.evse_id, told.at, from_ms(call.received_at_ms), kept(call.payload), readings
        )
    )


def plain_replies(work: Work) -> list[Outgoing]:
    """Nothing but thanks; never a CALLERROR for business reasons (J01.FR.18)."""
    return list(
        chain.from_iterable(replies.response(item.station_id, item.call, replies.EMPTY) for item in work.meter_values)
    )
