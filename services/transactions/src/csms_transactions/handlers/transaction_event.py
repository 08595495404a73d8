"""Takes messages that tell of transactions, and answers those that need no decision of auth."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from itertools import chain

from csms.v1.station_pb2 import StationCall
from csms_bus.ports import Outgoing
from csms_bus.several_answers import SeveralAnswers
from csms_runtime.clock import from_ms

from csms_transactions import replies
from csms_transactions.batch import Batch, BatchEvent, Written
from csms_transactions.domain.identity import Identity, identity_of
from csms_transactions.store.events import PLAIN_BYTES, NewEvent, kept
from csms_transactions.store.facts import facts_of
from csms_transactions.store.transaction_limits import Wanted
from csms_transactions.versions.version import Beginning, EventMessage

_DIGEST_BYTES = 16


def read(batch: Batch, station_id: str, call: StationCall, message: EventMessage) -> None:
    """Add a message to the batch."""
    named = message.transaction_id  # empty: the database knows it, or gives one
    identity = identity_of(station_id, named) if named else Identity("", station_id, named)
    payload = message.payload
    facts = facts_of(message.event) if len(payload) > PLAIN_BYTES else None
    received_at = from_ms(call.received_at_ms)
    new = NewEvent(identity.key, call.protocol, message.event, payload, received_at, kept(payload), facts)
    if message.needs_stored:
        number = len(batch.events)
        batch.answered_after.append(number)
        new = new._replace(number=number)
    if message.takes_limit:
        batch.limitable.append(len(batch.events))
    item = BatchEvent(identity, call, new, message.answer)
    if message.beginning is not None or message.else_id:
        batch.unnamed = True
        beginning = "" if message.beginning is None else _digest(station_id, message.beginning)
        item = item._replace(beginning=beginning, else_id=message.else_id)
    batch.events.append(item)


def take_limits(batch: Batch, wanted: Mapping[str, Sequence[Wanted]]) -> None:
    """Have those answers wait for what is stored that carry limits; `wanted` are those there are, by transactionId.

    Those with a token wait for limits that were told before, too: what is left of its credit must not lift them.
    """
    for number in batch.limitable:
        item = batch.events[number]
        set_since = wanted.get(item.identity.key, ())
        if any(item.token is not None or one.goes_with(item.new.event.seq_no) for one in set_since):
            batch.limits[number] = set_since
            if item.new.number is None:
                batch.events[number] = item.answered_as(number)
                batch.answered_after.append(number)


def _digest(station_id: str, beginning: Beginning) -> str:
    connector, at, meter, token = beginning
    name = f"{len(station_id)}:{station_id}{connector}/{at.isoformat()}/{meter}/{token}"
    return blake2b(name.encode(), digest_size=_DIGEST_BYTES).hexdigest()


def plain_replies(batch: Batch, answers: SeveralAnswers) -> None:
    """Add the answers to events without a token, except those made of what is stored."""
    for identity, call, new, answer, *_ in batch.events:
        if new.event.id_token is None and new.number is None:
            replies.add(answers, identity.station_id, call, answer(None, None))


def replies_after(batch: Batch, written: Written) -> list[Outgoing]:
    """Return the answers to events without a token that are made of what was stored."""
    told = (item for item in map(batch.events.__getitem__, batch.answered_after) if item.token is None)
    return list(
        chain.from_iterable(
            replies.response(item.identity.station_id, item.call, item.answer(None, written.of(item))) for item in told
        )
    )
