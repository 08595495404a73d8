"""What this service reads from the bus: type of domain event → who keeps something of it."""

from collections.abc import Iterable, Mapping, Sequence

from csms_bus.events import CATALOGUE
from csms_bus.ports import Incoming, Outgoing
from csms_db.engine import Database

from csms_history.connections.connections import Connections
from csms_history.event_log.recording import EventLog
from csms_history.events import Event, Handler
from csms_history.settings import HistorySettings
from csms_history.timeline.entries import TimelineEntries
from csms_history.timeline.facts import TYPES

Handlers = Mapping[str, Sequence[Handler]]


def handlers(settings: HistorySettings) -> Handlers:
    """Return the handlers of each type of event. Every one is recorded for those who follow the events."""
    timeline, log = TimelineEntries(settings.station_timeline_bytes), EventLog()
    connections = Connections(settings.station_timeline_bytes)
    kept: dict[str, Sequence[Handler]] = dict.fromkeys(TYPES, (timeline,))
    kept |= dict.fromkeys(("station_connected", "station_disconnected"), (timeline, connections))
    return {event_type.name: (*kept.get(event_type.name, ()), log) for event_type in CATALOGUE}


class EventRecords:
    """Handles the topics events.*: a batch in one transaction, in which each handler is called once."""

    def __init__(self, database: Database, by_type: Handlers) -> None:
        self._database = database
        self._types = {handler: _types_of(handler, by_type) for handler in _each(by_type.values())}
        self._wanted = frozenset(by_type)

    async def __call__(self, batch: Sequence[Incoming]) -> Sequence[Outgoing]:
        """Handle a batch (a csms_bus BatchHandler). Raises Later, or whatever a handler raises."""
        events = [event for event in map(_event, batch) if event.type in self._wanted]
        if events:
            async with self._database.transaction() as session:
                for handler, types in self._types.items():
                    mine = [event for event in events if event.type in types]
                    if mine:
                        await handler(session, mine)
        return []


def _event(incoming: Incoming) -> Event:
    if incoming.record is None:
        raise ValueError("a tombstone")
    body = incoming.record.event
    return Event(incoming.topic, body.WhichOneof("event") or "", body)


def _each(groups: Iterable[Sequence[Handler]]) -> list[Handler]:
    """Return each handler once, in the order of the table."""
    return list(dict.fromkeys(handler for group in groups for handler in group))


def _types_of(handler: Handler, by_type: Handlers) -> frozenset[str]:
    return frozenset(kind for kind, those in by_type.items() if handler in those)
