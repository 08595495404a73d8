"""A ledger that sees when stations are served again, and remembers what their events tell of each transaction."""

import time
from dataclasses import dataclass, field

from csms_testing.simulator import Entry, Ledger
from csms_testing.simulator.frames import Json

_REGISTER = "Energy.Active.Import.Register"
Token = tuple[str, str]
"""Its id and type."""


@dataclass(slots=True)
class Told:
    """What a station told of a transaction, whatever became of the messages."""

    registers: dict[int, float] = field(default_factory=dict)
    """By seqNo, in Wh."""
    tokens: dict[int, Token] = field(default_factory=dict)
    """By seqNo; that of the end is the one that stopped it."""
    ended: int | None = None
    """seqNo of its Ended event."""

    def note(self, payload: Json) -> None:
        """Take up an event."""
        seq_no: int = payload["seqNo"]
        if payload["eventType"] == "Ended":
            self.ended = seq_no
        if "idToken" in payload:
            self.tokens[seq_no] = (payload["idToken"]["idToken"], payload["idToken"]["type"])
        for value in payload.get("meterValue", ()):
            for sampled in value["sampledValue"]:
                if sampled.get("measurand") == _REGISTER:
                    self.registers[seq_no] = sampled["value"]

    @property
    def energy_wh(self) -> float | None:
        """From its first register to its last; None: it told no two."""
        if len(self.registers) < 2:  # noqa: PLR2004
            return None
        return self.registers[max(self.registers)] - self.registers[min(self.registers)]

    @property
    def token(self) -> Token | None:
        """The one that started it."""
        started = [seq_no for seq_no in self.tokens if seq_no != self.ended]
        return self.tokens[min(started)] if started else None

    @property
    def stop_token(self) -> Token | None:
        """The one that stopped it."""
        return None if self.ended is None else self.tokens.get(self.ended)


class WatchedLedger(Ledger):
    """A ledger that tells when each station got an event acknowledged that happened after a chosen moment.

    Stations deliver in order, so by then all that had piled up before is delivered as well.
    """

    def __init__(self) -> None:
        super().__init__()
        self.served: dict[str, float] = {}
        """By station: when (time.monotonic()) the first event that happened since `watch` was acknowledged."""
        self.told: dict[tuple[str, str], Told] = {}
        """By station and transaction."""
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
        self.told.setdefault((entry.station_id, entry.transaction_id), Told()).note(payload)
        return entry

    def acknowledge(self, entry: Entry, answer: Json) -> None:
        """See `Ledger.acknowledge`."""
        super().acknowledge(entry, answer)
        made = self._made.pop((entry.station_id, entry.transaction_id, entry.seq_no))
        if made >= self._since:
            self.served.setdefault(entry.station_id, time.monotonic())
