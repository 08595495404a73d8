"""Reports messages that were refused or only tolerated, in the log and to device-mgmt, which shows them."""

from collections import Counter

import structlog
from csms.v1.station_pb2 import RefusedMessage
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_bus.topics import CALLS_DEVICES
from csms_ocpp.effects import Notice, NoticeKind
from csms_runtime.clock import now_ms
from csms_runtime.refusals import RefusalLimiter

from csms_gateway.connection import StationConnection
from csms_gateway.flooding import Flooding
from csms_gateway.retrying import RetryingPublisher

_log = structlog.get_logger(__name__)

_WORTH_TELLING = frozenset(
    {
        NoticeKind.INVALID_FRAME,
        NoticeKind.BINARY_FRAME,
        NoticeKind.CALL_REFUSED,
        NoticeKind.SEND_REFUSED,
        NoticeKind.DUPLICATE_CALL,
        NoticeKind.TOLERATED,
        NoticeKind.OVERLOADED,
        NoticeKind.INVALID_ANSWER,
        NoticeKind.LATE_ANSWER,
        NoticeKind.UNKNOWN_ANSWER,
        NoticeKind.RESULT_REFUSED,
        NoticeKind.TOO_LARGE,
        NoticeKind.RATE_LIMITED,
    }
)
"""Notices about what the station did. The others are about our services, or about harmless repeats."""
_MOST_OF_STATION = 50
"""Reports of one station in a minute, of any kind. Without this limit a few stations would use up the total."""
_MINUTE_MS = 60_000
_LONGEST_DETAIL = 500
"""In characters."""


class MessageRefusals:
    """Logs what sessions notice and publishes a RefusedMessage, once a minute for each station, kind and action.

    A station may repeat itself hundreds of times a second, and reports of all of it would fill disks. Metrics count
    all. Never blocks.
    """

    def __init__(self, publisher: RetryingPublisher) -> None:
        self._publisher = publisher
        self._limiter = RefusalLimiter()
        self._told: Counter[str] = Counter()
        """Number of reports by station, since `_counted_from`."""
        self._counted_from = 0
        self._flooding = Flooding()

    def noticed(self, connection: StationConnection, notice: Notice) -> None:
        """Log what a session noticed, and report it to device-mgmt if it is about the station."""
        self._tell(connection.station_id, connection.protocol, connection.connection_id, notice)

    def owes(self, station_id: str, protocol: str) -> None:
        """Report that a station was not let in because it has sent more than it may."""
        self._tell(
            station_id,
            protocol,
            "",
            Notice(NoticeKind.RATE_LIMITED, "it has sent more than it may, and is refused for a while"),
        )

    def _tell(self, station_id: str, protocol: str, connection_id: str, notice: Notice) -> None:
        now = now_ms()
        if notice.kind is NoticeKind.RATE_LIMITED:
            self._flooding.seen(station_id)
        if not self._is_due(station_id, notice, now):
            return
        _log.info(
            notice.kind.value,
            station_id=station_id,
            action=notice.action,
            code=notice.code.value if notice.code else "",
            detail=notice.detail,
        )
        if notice.kind in _WORTH_TELLING:
            refused = RefusedMessage(
                protocol=protocol,
                connection_id=connection_id,
                kind=notice.kind.value,
                action=notice.action,
                code=notice.code.value if notice.code else "",
                detail=notice.detail[:_LONGEST_DETAIL],
                received_at_ms=now,
            )
            self._publisher.put(Outgoing(CALLS_DEVICES.name, new_record(station_id, refused_message=refused)))

    def _is_due(self, station_id: str, notice: Notice, now: int) -> bool:
        if now >= self._counted_from + _MINUTE_MS:
            self._counted_from, self._told = now, Counter()
        due = self._limiter.due([f"{station_id}\n{notice.kind.value}\n{notice.action}"], now)
        is_crowded = self._told[station_id] >= _MOST_OF_STATION and notice.kind is not NoticeKind.RATE_LIMITED
        if not due or is_crowded:
            return False
        self._limiter.told(due, now)
        self._told[station_id] += 1
        return True
