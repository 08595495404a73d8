"""What the CSMS told other teams of one drill's stations: the domain events of a distributed system."""

from collections import Counter
from dataclasses import dataclass, field

import orjson
from csms.v1.events_pb2 import DomainEvent, Transaction
from csms_bus.topics import EVENTS_DEVICES, EVENTS_TRANSACTIONS

from csms_testing.drills.topics import records

TransactionKey = tuple[str, str]
"""Station and transaction, both as the station has them."""


@dataclass(slots=True)
class DomainEvents:
    """Domain events, repeats left out."""

    started: Counter[TransactionKey] = field(default_factory=Counter)
    ended: Counter[TransactionKey] = field(default_factory=Counter)
    newest: dict[TransactionKey, Transaction] = field(default_factory=dict)
    """What was told last of each transaction: the highest revision."""
    notices: Counter[str] = field(default_factory=Counter)
    """Security events by their texts."""
    restored: bool = False
    """Whether the database went back to an earlier moment meanwhile. Then what was told since is told again."""
    _seen: set[str] = field(default_factory=set)

    def take(self, event: DomainEvent) -> None:
        """Take up an event; one that was taken before changes nothing."""
        if event.event_id in self._seen:
            return
        self._seen.add(event.event_id)
        kind = event.WhichOneof("event")
        if kind in {"transaction_started", "transaction_updated", "transaction_ended"}:
            self._take_transaction(event.station_id, kind, getattr(event, kind).transaction)
        elif kind == "station_notified" and event.station_notified.action == "SecurityEventNotification":
            self.notices[orjson.loads(event.station_notified.payload)["techInfo"]] += 1

    def _take_transaction(self, station_id: str, kind: str, transaction: Transaction) -> None:
        key = station_id, transaction.transaction_id
        if kind == "transaction_started":
            self.started[key] += 1
        elif kind == "transaction_ended":
            self.ended[key] += 1
        known = self.newest.get(key)
        if known is None or known.revision <= transaction.revision:
            self.newest[key] = transaction


async def domain_events(bootstrap_servers: str, prefix: str, *, restored: bool = False) -> DomainEvents:
    """Return what was told of stations whose identities begin with `prefix`. Raises BusUnavailable.

    `restored`: see `DomainEvents`.
    """
    found = DomainEvents(restored=restored)
    async for record in records(bootstrap_servers, EVENTS_TRANSACTIONS.name, EVENTS_DEVICES.name):
        if record.event.station_id.startswith(prefix):
            found.take(record.event)
    return found
