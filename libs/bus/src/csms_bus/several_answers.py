"""Puts small answers for one gateway into one record: a record costs several times what a small answer does."""

from csms.v1.station_pb2 import Replies, StationCall
from csms_runtime import tracing

from csms_bus.ports import Outgoing
from csms_bus.records import envelope, reply_to

MOST_ANSWERS = 64
"""Answers of one record. With their ids they take 20 KB at most, which any limit of messages leaves room for."""
MOST_BYTES = 256
"""Bytes. A longer answer has a record of its own."""


class SeveralAnswers:
    """Collects CALLRESULTs. `records` are to be published.

    Those for a gateway that takes several are put together, unless they are long or traced. Such a record is about no
    single station: it goes into the gateway's partition, and its key is empty.
    """

    def __init__(self) -> None:
        self.records: list[Outgoing] = []
        self._open: dict[tuple[str, int], Replies] = {}

    def add(self, call: StationCall, station_id: str, payload: bytes) -> None:
        """Answer a station's CALL. Raises ValueError for a CALL with `no_reply`."""
        to = call.reply_to
        if not to.takes_several or call.no_reply or len(payload) > MOST_BYTES or _is_traced(call):
            self.records.append(reply_to(call, payload=payload, station_id=station_id))
            return
        place = to.topic, to.partition
        several = self._open.get(place)
        if several is None or len(several.replies) >= MOST_ANSWERS:
            record = envelope("")
            several = self._open[place] = record.replies
            self.records.append(Outgoing(place[0], record, partition=place[1]))
        several.replies.add(correlation_id=call.correlation_id, payload=payload)


def _is_traced(call: StationCall) -> bool:
    traces = tracing.active
    return traces is not None and bool(traces.of_answer(call.correlation_id))
