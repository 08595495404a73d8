"""A ledger that sees when stations are served again, and remembers what their events tell of each transaction."""

import time
from dataclasses import dataclass

from csms_testing.simulator import Entry, Ledger
from csms_testing.simulator.frames import Json

_REGISTER = "Energy.Active.Import.Register"
Token = tuple[str, str]
"""Its id and type."""


@dataclass(slots=True)
class Told:
    """What a station told of a transaction, whatever became of the messages."""

    first_wh: float | None = None
    last_wh: float | None = None
    registers: int = 0
    token: Token | None = None
    """The one that started it."""
    stop_token: Token | None = None
    """The one that stopped it."""

    def note(self, event: Json) -> None:
        """Take up an event; they come in the order in which they happened."""
        if "idToken" in event:
            self._note_token((event["idToken"]["idToken"], event["idToken"]["type"]), event["eventType"])
        for value in event.get("meterValue", ()):
            for sampled in value["sampledValue"]:
                if sampled.get("measurand") == _REGISTER:
                    self._note_register(sampled["value"])

    def _note_token(self, token: Token, event_type: str) -> None:
        if event_type == "Ended":
            self.stop_token = token
        elif self.token is None:
            self.token = token

    def _note_register(self, value: float) -> None:
        self.first_wh = value if self.first_wh is None else self.first_wh
        self.last_wh = value
        self.registers += 1

    @property
    def energy_wh(self) -> float | None:
        """From its first register to its last; None: it told no two."""
        if self.first_wh is None or self.last_wh is None or self.registers == 1:
            return None
        return self.last_wh - self.first_wh


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
        self._made: dict[int, float] = {}
        """By id() of the entry, which lives as long as the ledger."""

    def watch(self, since: float) -> None:
        """Begin to watch; `since` is a time.monotonic() that has come or is to come."""
        self._since = since
        self.served = {}

    def record(self, station_id: str, event: Json) -> Entry:
        """See `Ledger.record`."""
        entry = super().record(station_id, event)
        self._made[id(entry)] = time.monotonic()
        self.told.setdefault((entry.station_id, entry.transaction_id), Told()).note(event)
        return entry

    def rename(self, station_id: str, own_id: str, given_id: str) -> None:
        """See `Ledger.rename`."""
        super().rename(station_id, own_id, given_id)
        self.told[station_id, given_id] = self.told.pop((station_id, own_id))

    def acknowledge(self, entry: Entry, answer: Json) -> None:
        """See `Ledger.acknowledge`."""
        super().acknowledge(entry, answer)
        if self._made.pop(id(entry)) >= self._since:
            self.served.setdefault(entry.station_id, time.monotonic())
