"""Tells of messages that could not be taken, or only tolerated: in the log, and device-mgmt, which shows them."""

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
"""What the station did; the others are about our services, or harmless repeats."""
_MOST_OF_STATION = 50
"""Told in a minute of one station, whatever it thinks of: else a few of them would hide those of all others."""
_MINUTE_MS = 60_000
_LONGEST_DETAIL = 500
"""In characters."""


class MessageRefusals:
    """Logs what sessions notice and publishes a RefusedMessage, once a minute for each station, kind and action.

    More often would fill disks: a station may repeat itself hundreds of times a second. Metrics count all. Never
    blocks.
    """

    def __init__(self, publisher: RetryingPublisher) -> None:
        self._publisher = publisher
        self._limiter = RefusalLimiter()
        self._told: Counter[str] = Counter()
        """By station, since `_counted_from`."""
        self._counted_from = 0

    def noticed(self, connection: StationConnection, notice: Notice) -> None:
        """Tell what a session noticed; device-mgmt, if it is about the station."""
        self._tell(connection.station_id, connection.protocol, connection.connection_id, notice)

    def owes(self, station_id: str, protocol: str) -> None:
        """Tell that a station was not let in, since it has sent more than it may."""
        self._tell(
            station_id,
            protocol,
            "",
            Notice(NoticeKind.RATE_LIMITED, "it has sent more than it may, and is refused for a while"),
        )

    def _tell(self, station_id: str, protocol: str, connection_id: str, notice: Notice) -> None:
        now = now_ms()
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
