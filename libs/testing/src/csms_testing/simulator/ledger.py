"""What the stations know to have sent: the other half of every comparison with the CSMS's database."""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

import orjson

from csms_testing.simulator.clock import timestamp
from csms_testing.simulator.frames import Json


class State(StrEnum):
    """What became of a message about a transaction."""

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
    """One message of one station about a transaction, and how its delivery went."""

    station_id: str
    transaction_id: str
    """That of the CSMS, as soon as the station knows it, where the CSMS gives transactions their ids (OCPP 1.6)."""
    seq_no: int | None
    """The number of the event in the CSMS; None: it is no event there (MeterValues of OCPP 1.6)."""
    event_type: str
    payload_hash: str
    """Of what was sent; until then, where that depends on earlier answers, of the event."""
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
"""Station, transaction, seqNo."""


class Ledger:
    """What any number of stations say of transactions, in the order in which it happened. Not persistent by itself."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._transactions: dict[tuple[str, str], list[Entry]] = {}
        self._used: set[tuple[str, str, int | None]] = set()
        self._given: set[str] = set()
        self.violations: list[str] = []
        """What the CSMS sent that broke the protocol; empty after a good run."""

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def record(self, station_id: str, event: Json) -> Entry:
        """Note an event (`Message.event`) to be delivered. Raises ValueError when its seqNo was used before."""
        transaction_id, seq_no = event["transactionInfo"]["transactionId"], event.get("seqNo")
        key = (station_id, transaction_id, seq_no)
        # That a CSMS gives two transactions one id is noted by `rename`.
        if seq_no is not None and transaction_id not in self._given and key in self._used:
            raise ValueError(f"seqNo used twice: {key}")
        self._used.add(key)
        offline = event.get("offline", False)
        told = event["eventType"], payload_hash(event), event["timestamp"], offline
        return self._add(Entry(*key, *told))

    def _add(self, entry: Entry) -> Entry:
        self._entries.append(entry)
        self._transactions.setdefault((entry.station_id, entry.transaction_id), []).append(entry)
        return entry

    def rename(self, station_id: str, own_id: str, given_id: str) -> None:
        """Note the id that the CSMS gave a transaction. That no two have the same is for it to see to."""
        if given_id in self._given:
            self.violations.append(f"{station_id}: the CSMS gave two transactions the id {given_id}")
        self._given.add(given_id)
        entries = self._transactions.pop((station_id, own_id))
        for entry in entries:
            entry.transaction_id = given_id
        self._transactions.setdefault((station_id, given_id), []).extend(entries)

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

    def _keys(self, chosen: Callable[[Entry], object]) -> set[Key]:
        return {
            (entry.station_id, entry.transaction_id, entry.seq_no)
            for entry in self
            if entry.seq_no is not None and chosen(entry)
        }

    def acknowledged_keys(self) -> set[Key]:
        """(station, transaction, seqNo) of every event the CSMS must have stored."""
        return self._keys(lambda entry: entry.state is State.ACKNOWLEDGED)

    def sent_keys(self) -> set[Key]:
        """(station, transaction, seqNo) of every event that was sent at least once: all the CSMS may have stored."""
        return self._keys(lambda entry: entry.message_ids)

    def acknowledged_meter_values(self) -> set[tuple[str, str]]:
        """(station, hash) of every acknowledged message that is no event: meter values of OCPP 1.6."""
        return {
            (entry.station_id, entry.payload_hash)
            for entry in self.in_state(State.ACKNOWLEDGED)
            if entry.seq_no is None
        }

    def resent(self) -> list[Entry]:
        """Entries that were sent more than once."""
        return [entry for entry in self if len(entry.message_ids) > 1]

    def transactions(self) -> dict[tuple[str, str], list[int]]:
        """The sorted seqNos of every (station, transaction)."""
        return {
            key: sorted(entry.seq_no for entry in entries if entry.seq_no is not None)
            for key, entries in self._transactions.items()
        }

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
            ledger._add(entry)
        ledger.violations = stored["violations"]
        return ledger
