"""Publishes stations' CALLs for the services that answer them, and gives the answers back to the stations."""

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import structlog
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import Reply, StationCall
from csms_bus.ports import BusError, Outgoing, RecordTooLarge
from csms_bus.records import envelope
from csms_ocpp.effects import NoticeKind
from csms_ocpp.errors import ErrorCode, OcppError, parse_code
from csms_ocpp.session import Dispatch
from csms_runtime import metrics, tracing
from csms_runtime.clock import now_ms
from csms_runtime.ids import new_id, trace_id

from csms_gateway.connection import StationConnection
from csms_gateway.identity import GatewayId
from csms_gateway.large_calls import LARGE_BYTES, LargeCalls
from csms_gateway.publisher import Publisher
from csms_gateway.traced import call_span, ended, published

if TYPE_CHECKING:
    from opentelemetry.trace import Span

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _OpenCall:
    """A CALL that waits for its service."""

    connection: StationConnection
    dispatch: Dispatch
    topic: str
    started: float
    """When it began, in seconds of the event loop's clock."""
    span: "Span | None"
    """None: it is not traced."""
    stored: bool = False
    """Whether the record is known to be durable."""


class StationCallRouter:
    """The open CALLs of all stations, by correlation id.

    Each CALL ends in exactly one way: by the service's reply, by its silence for `service_timeout_s`, by a failure to
    publish, or by the end of the connection. A reply that comes later is counted and dropped. Large CALLs first wait
    for their turn.
    """

    def __init__(
        self,
        gateway: GatewayId,
        publisher: Publisher,
        *,
        service_timeout_s: float,
        bus_is_durable: bool,
        max_message_bytes: int,
    ) -> None:
        self._max_message_bytes = max_message_bytes
        self._gateway = gateway
        self._publisher = publisher
        self._service_timeout_s = service_timeout_s
        self._bus_is_durable = bus_is_durable
        self._open: dict[str, _OpenCall] = {}
        """The oldest CALL comes first. All have the same time, so one timer, for the first, is enough."""
        self._large: defaultdict[str, LargeCalls] = defaultdict(LargeCalls)
        """By topic: the large CALLs of one service."""
        self._timer: asyncio.TimerHandle | None = None
        metrics.GATEWAY_CALLS_OPEN.set_function(self.__len__)

    def __len__(self) -> int:
        return len(self._open)

    def dispatch(self, connection: StationConnection, dispatch: Dispatch) -> None:
        """Publish a CALL or SEND. The answer follows by `connection.reply` or `replied_late`. Never blocks."""
        if len(dispatch.payload) > self._max_message_bytes:
            text = f"{len(dispatch.payload)} bytes, and at most {self._max_message_bytes} are carried"
            connection.refuse(dispatch, NoticeKind.TOO_LARGE, OcppError(ErrorCode.GENERIC_ERROR, text))
            return
        correlation_id = new_id()
        if dispatch.no_reply or len(dispatch.payload) < LARGE_BYTES:
            self._begin(correlation_id, connection, dispatch)
        else:
            self._wait_for_turn(correlation_id, connection, dispatch)

    def _wait_for_turn(self, correlation_id: str, connection: StationConnection, dispatch: Dispatch) -> None:
        connection.open_call = correlation_id
        started = asyncio.get_running_loop().time()
        begin = partial(self._begin_in_time, started, correlation_id, connection, dispatch)
        if not self._large_calls(connection, dispatch).ask(correlation_id, len(dispatch.payload), begin):
            connection.open_call = None
            connection.reply(dispatch.correlation, _busy())

    def _large_calls(self, connection: StationConnection, dispatch: Dispatch) -> LargeCalls:
        return self._large[connection.version.topics[dispatch.action]]

    def _begin_in_time(
        self, started: float, correlation_id: str, connection: StationConnection, dispatch: Dispatch
    ) -> None:
        waited_s = asyncio.get_running_loop().time() - started
        if waited_s < self._service_timeout_s:
            self._begin(correlation_id, connection, dispatch, waited_s)
            return
        connection.open_call = None
        self._large_calls(connection, dispatch).end(correlation_id)
        connection.reply(dispatch.correlation, _busy())

    def _begin(
        self, correlation_id: str, connection: StationConnection, dispatch: Dispatch, waited_s: float = 0.0
    ) -> None:
        topic = connection.version.topics[dispatch.action]
        span = None if tracing.active is None else call_span(tracing.active, connection, dispatch, topic, waited_s)
        if not dispatch.no_reply:
            self._remember(correlation_id, connection, dispatch, topic, span)
        record = envelope(connection.station_id, traceparent="" if span is None else tracing.traceparent(span))
        self._write_call(record.station_call, correlation_id, connection, dispatch)
        self._publisher.submit(Outgoing(topic, record), partial(self._published, correlation_id, record, span))

    def _remember(
        self,
        correlation_id: str,
        connection: StationConnection,
        dispatch: Dispatch,
        topic: str,
        span: "Span | None",
    ) -> None:
        loop = asyncio.get_running_loop()
        self._open[correlation_id] = _OpenCall(connection, dispatch, topic, loop.time(), span)
        if self._timer is None:
            self._timer = loop.call_later(self._service_timeout_s, self._end_silent)
        connection.open_call = correlation_id

    def _write_call(
        self, call: StationCall, correlation_id: str, connection: StationConnection, dispatch: Dispatch
    ) -> None:
        call.correlation_id = correlation_id
        call.protocol = connection.protocol
        call.action = dispatch.action
        call.message_id = dispatch.message_id
        call.payload = dispatch.payload
        call.received_at_ms = received_at_ms = now_ms()
        call.deadline_ms = received_at_ms + int(self._service_timeout_s * 1000)
        call.gateway_epoch = self._gateway.epoch
        call.connection_id = connection.connection_id
        call.connection_number = connection.number
        call.security_profile = connection.peer.security_profile
        call.certificate_common_name = connection.peer.certificate_common_name
        if dispatch.no_reply:
            call.no_reply = True
        else:
            self._gateway.write_reply_to(call.reply_to)

    def _published(self, correlation_id: str, record: Record, span: "Span | None", error: BusError | None) -> None:
        if span is not None:
            published(span, error, is_last=record.station_call.no_reply)
        if error is None:
            call = self._open.get(correlation_id)
            if call is not None:
                call.stored = self._bus_is_durable
            return
        action = record.station_call.action
        trace = {} if span is None else {"trace_id": trace_id(record.traceparent)}
        _log.warning("CALL not published", station_id=record.station_id, action=action, error=str(error), **trace)
        call = self._take(correlation_id, "unpublished")
        if call is None:
            return
        if isinstance(error, RecordTooLarge):
            call.connection.refuse(call.dispatch, NoticeKind.TOO_LARGE, _not_taken(error))
        else:
            call.connection.reply(call.dispatch.correlation, _not_taken(error))
        _end(call, "unpublished")

    def on_reply(self, reply: Reply) -> bool:
        """Take a service's answer from the inbox. Returns False when nobody waits for it."""
        is_error = reply.WhichOneof("outcome") != "payload"
        outcome = _refused(reply) if is_error else "result"
        call = self._take(reply.correlation_id, outcome)
        if call is None:
            return False
        call.connection.reply(call.dispatch.correlation, _error(reply) if is_error else reply.payload)
        _end(call, outcome)
        return True

    def forget(self, connection: StationConnection) -> None:
        """Drop the connection's open CALL: the connection has ended."""
        correlation_id = connection.open_call
        if correlation_id is None:
            return
        call = self._take(correlation_id, "closed")
        if call is not None:
            _end(call, "closed")
            return
        for large_calls in self._large.values():
            large_calls.end(correlation_id)

    def _end_silent(self) -> None:
        """End the CALLs whose time is over. Look again when the time of the next one is over."""
        loop = asyncio.get_running_loop()
        self._timer = None
        while self._open:
            correlation_id, call = next(iter(self._open.items()))
            due = call.started + self._service_timeout_s
            if due > loop.time():
                self._timer = loop.call_at(due, self._end_silent)
                return
            self._take(correlation_id, "timeout")
            call.connection.replied_late(call.dispatch.correlation, stored=call.stored)
            _end(call, "timeout")

    def _take(self, correlation_id: str, outcome: str) -> _OpenCall | None:
        call = self._open.pop(correlation_id, None)
        if call is None:
            return None
        call.connection.open_call = None
        if len(call.dispatch.payload) >= LARGE_BYTES:
            self._large[call.topic].end(correlation_id)
        metrics.GATEWAY_CALLS_IN.labels(call.dispatch.action, outcome).inc()
        elapsed = asyncio.get_running_loop().time() - call.started
        metrics.GATEWAY_ANSWER_SECONDS.labels(call.topic).observe(elapsed)
        return call


def _refused(reply: Reply) -> str:
    """Return whether the CALL was wrong, or its service failed: it gave the record up, or could not decide."""
    return "failed" if reply.error.code == ErrorCode.INTERNAL_ERROR else "error"


def _end(call: _OpenCall, outcome: str) -> None:
    if call.span is not None:
        ended(call.span, outcome)


def _busy() -> OcppError:
    return OcppError(ErrorCode.INTERNAL_ERROR, "too many large messages are in work; send it again later")


def _not_taken(error: BusError) -> OcppError:
    if isinstance(error, RecordTooLarge):
        return OcppError(ErrorCode.GENERIC_ERROR, "the message is larger than this system carries")
    # The station keeps its message and sends it again.
    return OcppError(ErrorCode.INTERNAL_ERROR, "the message could not be taken; send it again later")


def _error(reply: Reply) -> OcppError:
    return OcppError(parse_code(reply.error.code) or ErrorCode.INTERNAL_ERROR, reply.error.description)
