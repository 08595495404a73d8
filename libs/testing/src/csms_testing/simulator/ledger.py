"""What the stations know to have sent: the other half of every comparison with the CSMS's database."""

import hashlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import orjson

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json


class State(StrEnum):
    """What became of a TransactionEvent."""

    PENDING = "pending"
    """Not answered yet: in the station's queue, perhaps never sent."""
    ACKNOWLEDGED = "acknowledged"
    """Answered with a CALLRESULT: the CSMS must not lose it any more."""
    DROPPED = "dropped"
    """Given up after the last attempt (E13.FR.04), or for want of room (E12.FR.04)."""


def payload_hash(payload: Json) -> str:
    """SHA-256 (hex) of a payload, independent of the order of its keys."""
    return hashlib.sha256(orjson.dumps(payload, option=orjson.OPT_SORT_KEYS)).hexdigest()


@dataclass(slots=True)
class Entry:
    """One TransactionEvent of one station and how its delivery went."""

    station_id: str
    transaction_id: str
    seq_no: int
    event_type: str
    payload_hash: str
    created_at: str
    offline: bool
    state: State = State.PENDING
    message_ids: list[str] = field(default_factory=list)
    """One per transmission, in order; more than one means that it was sent again."""
    errors: list[str] = field(default_factory=list)
    """Why transmissions failed: CALLERRORs, timeouts, lost connections."""
    answered_at: str | None = None
    answer: Json | None = None


Key = tuple[str, str, int]


class Ledger:
    """TransactionEvents of any number of stations, in the order in which they happened. Not persistent by itself."""

    def __init__(self) -> None:
        self._entries: dict[Key, Entry] = {}
        self.violations: list[str] = []
        """What the CSMS sent that broke the protocol; empty after a good run."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    def record(self, station_id: str, payload: Json) -> Entry:
        """Note a TransactionEventRequest to be delivered. Raises ValueError when its seqNo was used before."""
        transaction_id = payload["transactionInfo"]["transactionId"]
        key = (station_id, transaction_id, payload["seqNo"])
        if key in self._entries:
            raise ValueError(f"seqNo used twice: {key}")
        offline = payload.get("offline", False)
        entry = Entry(*key, payload["eventType"], payload_hash(payload), payload["timestamp"], offline)
        self._entries[key] = entry
        return entry

    def acknowledge(self, entry: Entry, answer: Json) -> None:
        """Note that the CSMS answered with a CALLRESULT."""
        entry.state, entry.answer, entry.answered_at = State.ACKNOWLEDGED, answer, timestamp()

    def entries(self, station_id: str | None = None, transaction_id: str | None = None) -> list[Entry]:
        """All entries, or those of one station, or of one transaction of one station."""
        return [
            entry
            for entry in self
            if station_id in (None, entry.station_id) and transaction_id in (None, entry.transaction_id)
        ]

    def in_state(self, state: State) -> list[Entry]:
        """All entries in this state."""
        return [entry for entry in self if entry.state is state]

    def acknowledged_keys(self) -> set[Key]:
        """(station, transaction, seqNo) of every event the CSMS must have stored."""
        return {key for key, entry in self._entries.items() if entry.state is State.ACKNOWLEDGED}

    def sent_keys(self) -> set[Key]:
        """(station, transaction, seqNo) of every event that was sent at least once: all the CSMS may have stored."""
        return {key for key, entry in self._entries.items() if entry.message_ids}

    def resent(self) -> list[Entry]:
        """Entries that were sent more than once."""
        return [entry for entry in self if len(entry.message_ids) > 1]

    def transactions(self) -> dict[tuple[str, str], list[int]]:
        """The sorted seqNos of every (station, transaction)."""
        found: dict[tuple[str, str], list[int]] = {}
        for station_id, transaction_id, seq_no in self._entries:
            found.setdefault((station_id, transaction_id), []).append(seq_no)
        return {key: sorted(numbers) for key, numbers in found.items()}

    def summary(self) -> dict[str, int]:
        """Counts by state, plus transactions, resent, violations."""
        counts = {state.value: len(self.in_state(state)) for state in State}
        more = {"transactions": len(self.transactions()), "resent": len(self.resent())}
        return {"events": len(self), **counts, **more, "violations": len(self.violations)}

    def to_json(self) -> bytes:
        """Everything, as `{"summary": {...}, "entries": [...], "violations": [...]}`."""
        entries = [asdict(entry) for entry in self]
        return orjson.dumps({"summary": self.summary(), "entries": entries, "violations": self.violations})

    def save(self, path: Path) -> None:
        """Write `to_json` to a file (blocking)."""
        path.write_bytes(self.to_json())

    @classmethod
    def load(cls, path: Path) -> "Ledger":
        """Read what `save` wrote (blocking)."""
        stored, ledger = orjson.loads(path.read_bytes()), cls()
        for fields in stored["entries"]:
            entry = Entry(**{**fields, "state": State(fields["state"])})
            ledger._entries[entry.station_id, entry.transaction_id, entry.seq_no] = entry
        ledger.violations = stored["violations"]
        return ledger
