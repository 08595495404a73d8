"""A ledger that sees when stations are served again."""

import time

from csms_testing.simulator import Entry, Ledger
from csms_testing.simulator.frames import Json


class WatchedLedger(Ledger):
    """A ledger that tells when each station got an event acknowledged that happened after a chosen moment.

    Stations deliver in order, so by then all that had piled up before is delivered as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, float] = {}
        """By station: when (time.monotonic()) the first event that happened since `watch` was acknowledged."""
        self._since = 0.0
        self._made: dict[tuple[str, str, int], float] = {}

    def watch(self, since: float) -> None:
        """Begin to watch; `since` is a time.monotonic() that has come or is to come."""
        self._since = since
        self.served = {}

    def record(self, station_id: str, payload: Json) -> Entry:
        """See `Ledger.record`."""
        entry = super().record(station_id, payload)
        self._made[entry.station_id, entry.transaction_id, entry.seq_no] = time.monotonic()
        return entry

    def acknowledge(self, entry: Entry, answer: Json) -> None:
        """See `Ledger.acknowledge`."""
        super().acknowledge(entry, answer)
        made = self._made.pop((entry.station_id, entry.transaction_id, entry.seq_no))
        if made >= self._since:
            self.served.setdefault(entry.station_id, time.monotonic())
