"""Takes messages with meter values. Their EVSE may have a running transaction (J01.FR.14); in OCPP 1.6 they name it."""

from csms.v1.station_pb2 import StationCall
from csms_bus.several_answers import SeveralAnswers
from csms_runtime.clock import from_ms

from csms_transactions import replies
from csms_transactions.batch import Batch, BatchMeterValues
from csms_transactions.domain.identity import identity_of
from csms_transactions.store.events import kept
from csms_transactions.versions.version import MeterValuesMessage


def read(batch: Batch, station_id: str, call: StationCall, message: MeterValuesMessage) -> None:
    """Add a message to the batch."""
    named = identity_of(station_id, message.transaction_id) if message.transaction_id else None
    readings = message.readings if message.evse_id or named is not None else ()
    batch.meter_values.append(
        BatchMeterValues(
            station_id,
            call,
            message.evse_id,
            message.at,
            from_ms(call.received_at_ms),
            kept(call.payload),
            readings,
            named,
        )
    )


def plain_replies(batch: Batch, answers: SeveralAnswers) -> None:
    """Add empty answers, in all versions; never a CALLERROR for business reasons (J01.FR.18)."""
    for item in batch.meter_values:
        replies.add(answers, item.station_id, item.call, replies.EMPTY)
