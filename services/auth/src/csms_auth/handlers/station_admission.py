"""device-mgmt tells of a station what decides on its connections. Idempotent by the revision."""

from csms.v1.auth_pb2 import StationAdmissionResult
from csms.v1.bus_pb2 import Record
from csms_bus.ports import Outgoing
from csms_bus.records import new_record

from csms_auth import bus_messages
from csms_auth.handlers.turn import Step, Turn


def step(record: Record, _now_ms: int) -> Step:
    """Return how to apply it. It has no deadline: the change counts, even if nobody waits any more."""
    told = record.station_admission

    def run(turn: Turn) -> None:
        applied = turn.admit(bus_messages.admission(record.station_id, told))
        if not told.reply_to.topic:
            return
        result = StationAdmissionResult(correlation_id=told.correlation_id, applied=applied)
        reply = new_record(record.station_id, station_admission_result=result)
        turn.outgoing.append(Outgoing(told.reply_to.topic, reply, partition=told.reply_to.partition))

    return Step(run, station_id=record.station_id, stores=True)
