"""Facts: what events and readings tell of their transaction, as JSON for the database."""

from collections.abc import Sequence
from datetime import datetime

import orjson

from csms_transactions.domain.events import EventType, IdToken, TransactionEvent
from csms_transactions.domain.readings import Reading, Value


def facts_of(event: TransactionEvent) -> bytes:
    """Return the facts of an event, without a key code (C04).

    They have some kilobytes, 600 at most.

    That is so since a message has no more values than `csms_transactions.domain.meter.condensed` leaves.
    """
    token = None if event.id_token is None else event.id_token.masked()
    facts = event._replace(id_token=token)._asdict()
    if event.details is None:
        del facts["details"]  # versions of this service before 2.1 do not know it
    return orjson.dumps(facts, default=list)  # tokens and readings are named tuples


def event_of(facts: bytes) -> TransactionEvent:
    """Return the event with these facts."""
    told = orjson.loads(facts)
    token, readings = told.pop("id_token"), told.pop("readings")
    kind, at = EventType(told.pop("type")), datetime.fromisoformat(told.pop("at"))
    return TransactionEvent(
        **told,
        type=kind,
        at=at,
        id_token=None if token is None else IdToken(*token),
        readings=tuple(_reading(*told) for told in readings),
    )


def facts_of_readings(found: Sequence[Reading]) -> bytes:
    """Return the facts of readings."""
    return orjson.dumps(found, default=list)


def readings_of(facts: bytes) -> list[Reading]:
    """Return the readings with these facts."""
    return [_reading(*told) for told in orjson.loads(facts)]


def _reading(at: str, context: str, values: list[tuple[int, int, float]], *flags: bool) -> Reading:
    return Reading(datetime.fromisoformat(at), context, tuple(Value(*value) for value in values), *flags)
