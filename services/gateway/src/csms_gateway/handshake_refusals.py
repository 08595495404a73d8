"""Reports upgrades that the gateway itself refuses, in the log and as an event, for people who miss a station.

Auth reports what auth refuses. A refusal because the gateway is full or auth is silent is only counted: it says nothing
about the station.
"""

from collections import Counter
from contextlib import suppress

import structlog
from csms.v1.events_pb2 import ConnectionRefused, DomainEvent
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_GATEWAY
from csms_ocpp import station_ids
from csms_runtime.addresses import subscriber
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id
from csms_runtime.refusals import RefusalLimiter
from websockets.http11 import Request

from csms_gateway.handshake import Refusal, Result, identity
from csms_gateway.retrying import RetryingPublisher

_log = structlog.get_logger(__name__)

_TOLD = frozenset(
    {
        Result.BAD_IDENTITY,
        Result.BAD_SUBPROTOCOL,
        Result.BAD_CREDENTIALS,
        Result.BAD_REQUEST,
        Result.NOT_WEBSOCKET,
        Result.TOO_MANY_TRIES,
    }
)
_MINUTE_MS = 60_000
_MOST_OF_ADDRESS = 300
"""Reports of one address in a minute. Without this limit a stranger who invents names would use up the total."""
_LONGEST_EXCERPT = 100
"""In characters."""


class HandshakeRefusals:
    """Publishes a ConnectionRefused, once a minute for each station and kind, or address where no station is named.

    At most 1,000 a minute, and 300 of one address; metrics count all. Never blocks.
    """

    def __init__(self, publisher: RetryingPublisher) -> None:
        self._publisher = publisher
        self._limiter = RefusalLimiter()
        self._told: Counter[str] = Counter()
        """Number of reports by address, since `_counted_from`."""
        self._counted_from = 0

    def refused(self, request: Request | None, address: str, refusal: Refusal) -> None:
        """Report that a request from this address is refused. `request` is None when it can't be read."""
        if refusal.result not in _TOLD:
            return
        station_id = "" if request is None else _station(request)
        if not self._is_due(f"{station_ids.key(station_id) or address}\n{refusal.result.value}", subscriber(address)):
            return
        told = ConnectionRefused(
            http_status=refusal.status,
            reason=_reason(request, refusal),
            remote_address=address,
            kind=refusal.result.value,
        )
        _log.warning(
            "connection refused",
            kind=told.kind,
            station_id=station_id,
            remote_address=address,
            status=told.http_status,
            reason=told.reason,
        )
        event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), station_id=station_id, connection_refused=told)
        self._publisher.put(Outgoing(EVENTS_GATEWAY.name, new_record(station_id, event=event), key=address))

    def _is_due(self, name: str, source: str) -> bool:
        now = now_ms()
        if now >= self._counted_from + _MINUTE_MS:
            self._counted_from, self._told = now, Counter()
        due = self._limiter.due([name], now)
        if not due or self._told[source] >= _MOST_OF_ADDRESS:
            return False
        self._limiter.told(due, now)
        self._told[source] += 1
        return True


def _station(request: Request) -> str:
    """Return the station that the path names; empty when no station could have that name."""
    with suppress(Refusal):
        return identity(request.path)
    return ""


def _reason(request: Request | None, refusal: Refusal) -> str:
    """Return what the answer says, and the part of the request that it is about. Never returns credentials."""
    text = refusal.text.strip().partition("\n")[0]
    if request is None:
        return text
    match refusal.result:
        case Result.BAD_SUBPROTOCOL:
            offered = ", ".join(request.headers.get_all("Sec-WebSocket-Protocol"))
            return f"{text} Offered: {_excerpt(offered) or 'none'}."
        case Result.BAD_IDENTITY:
            # Some stations write user:password into the path, so what follows a colon is not repeated.
            segment = request.path.partition("?")[0].rpartition("/")[2]
            before = segment.replace("%3a", ":").replace("%3A", ":").partition(":")[0]
            return f"{text} The path ends with: {_excerpt(before) or 'nothing'}."
        case _:
            return text


def _excerpt(text: str) -> str:
    shown = "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return shown if len(shown) <= _LONGEST_EXCERPT else shown[:_LONGEST_EXCERPT] + "…"
