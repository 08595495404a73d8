"""TransactionEvent (OCPP 2.0.1 E)."""

from itertools import chain
from typing import Any

import orjson
from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Outgoing
from csms_ocpp import long_list
from csms_runtime.clock import from_ms

from csms_transactions import replies
from csms_transactions.domain.events import TransactionEvent
from csms_transactions.domain.identity import transaction_key
from csms_transactions.protocols import ocpp201
from csms_transactions.protocols.stored import facts_of
from csms_transactions.store.events import PLAIN_BYTES, NewEvent, kept
from csms_transactions.store.transactions import Identity
from csms_transactions.work import EventWork, Work


def read(work: Work, station_id: str, call: StationCall) -> None:
    """Add the event to the batch. Raises OcppError when it can neither be stored nor understood."""
    transaction_id, event = ocpp201.event_as_sent(call.payload)
    key = transaction_key(station_id, transaction_id)
    shown = _without_key_code(call, event)
    facts = facts_of(event) if len(shown) > PLAIN_BYTES else None
    new = NewEvent(key, call.protocol, event, shown, from_ms(call.received_at_ms), kept(shown), facts)
    work.events.append(EventWork(Identity(key, station_id, transaction_id), call, new))


def _without_key_code(call: StationCall, event: TransactionEvent) -> bytes:
    """Return the payload as it is stored: as the station sent it, but without a key code (C04)."""
    token = event.id_token
    if token is None or token.masked() == token:
        return call.payload
    payload: dict[str, Any] = long_list.loads(call.payload)
    return orjson.dumps(payload | {"idToken": {"idToken": token.masked().value, "type": token.type}})


def plain_replies(work: Work) -> list[Outgoing]:
    """Events without a token say nothing about one (C12.FR.03): they need no decision, only to be stored."""
    told = (item for item in work.events if item.token is None)
    return list(
        chain.from_iterable(replies.response(item.identity.station_id, item.call, replies.EMPTY) for item in told)
    )
