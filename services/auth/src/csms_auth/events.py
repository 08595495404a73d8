"""Domain events of auth, as they go into the outbox."""

from csms.v1.events_pb2 import ConnectionRefused, DomainEvent, IdTokenChanged
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_AUTH
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id

from csms_auth.domain.connections import Refused
from csms_auth.domain.tokens import KEY_CODE, Token

MAX_KEY = 255
"""Characters of a key that the outbox can hold."""


def connection_refused(station_id: str, refused: Refused, remote_address: str) -> Outgoing:
    """Return the event of a refused connection."""
    told = ConnectionRefused(http_status=refused.http_status, reason=refused.reason, remote_address=remote_address)
    event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), station_id=station_id, connection_refused=told)
    return Outgoing(EVENTS_AUTH.name, new_record(station_id, event=event))


def id_token_changed(token: Token, *, deleted: bool = False) -> Outgoing:
    """Return the event of a token created, changed or deleted. A key code is masked (C04.FR.04).

    It is about no station: the key is the token, so that the events of one token stay in order.
    """
    ref = token.ref
    told = IdTokenChanged(id_token=ref.shown, type=ref.type, status=token.status, deleted=deleted)
    event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), id_token_changed=told)
    key = ref.type if ref.type == KEY_CODE else f"{ref.type}/{ref.key}"
    return Outgoing(EVENTS_AUTH.name, new_record("", event=event), key=key[:MAX_KEY])
