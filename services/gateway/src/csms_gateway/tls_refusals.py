"""Reports TLS handshakes that failed, in the log and as an event, for people who watch security (A00.FR.408)."""

from functools import partial

import structlog
from csms.v1.events_pb2 import ConnectionRefused, DomainEvent
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import EVENTS_GATEWAY
from csms_runtime import metrics
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id
from csms_runtime.refusals import RefusalLimiter, RefusedLately

from csms_gateway.retrying import RetryingPublisher
from csms_gateway.tls import REPORTED, TlsFailure

_log = structlog.get_logger(__name__)


class TlsRefusals:
    """Publishes a ConnectionRefused with HTTP status 0, at most one a minute for each address. It names no station."""

    def __init__(self, publisher: RetryingPublisher) -> None:
        self._publisher = publisher
        self._limiter = RefusalLimiter()
        self._lately = RefusedLately()
        for reason in REPORTED:
            metrics.GATEWAY_TLS_REFUSED_ADDRESSES.labels(reason).set_function(partial(self._lately.count, reason))

    def passed(self, address: str) -> None:
        """Take note of a handshake that succeeded."""
        self._lately.let_in(address)

    def failed(self, why: TlsFailure, address: str) -> None:
        """Report a handshake that failed."""
        if not why.worth_telling:
            _log.debug("TLS handshake failed", reason=why.reason, remote_address=address)
            return
        self._lately.refused(address, why.result)
        due = self._limiter.due([address], now_ms())
        if not due:
            return
        self._limiter.told(due, now_ms())
        _log.warning("TLS handshake failed", reason=why.reason, remote_address=address)
        self._publisher.put(_event(why, address))


def _event(why: TlsFailure, address: str) -> Outgoing:
    told = ConnectionRefused(
        http_status=0, reason=why.reason, remote_address=address, security_event=why.security_event, kind="tls"
    )
    event = DomainEvent(event_id=new_id(), occurred_at_ms=now_ms(), connection_refused=told)
    return Outgoing(EVENTS_GATEWAY.name, new_record("", event=event), key=address)
