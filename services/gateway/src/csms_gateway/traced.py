"""The spans of a gateway: stations' CALLs, CALLs to stations, and handshakes, where traces are on."""

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, NamedTuple

from csms.v1.bus_pb2 import Record
from csms_bus.ports import BusError
from csms_ocpp.session import CommandDone, Dispatch, Outcome
from csms_runtime import tracing
from csms_runtime.tracing import attributes

from csms_gateway.handshake import Refusal

if TYPE_CHECKING:
    from csms_runtime.tracing.traces import Traces
    from opentelemetry.trace import Span

    from csms_gateway.connection import StationConnection
    from csms_gateway.connection_requests import Allowed


class Visit(NamedTuple):
    """What a handshake tells of who wants to connect."""

    station_id: str
    protocol: str
    security_profile: int


async def handshake(traces: "Traces", visit: Visit, ask: Callable[[], Awaitable["Allowed"]]) -> "Allowed":
    """Ask whether a station may connect, in a trace of its own if it is recorded. Raises what `ask` raises.

    The span's version is the one that auth chose, and of a refused station the one that the gateway would have spoken.
    """
    about: dict[str, str | int | bool] = {
        attributes.STATION_ID: visit.station_id,
        attributes.VERSION: visit.protocol,
        attributes.SECURITY_PROFILE: visit.security_profile,
    }
    span = traces.root("connect", about)
    if span is None:
        return await ask()
    outcome = "failed"
    try:
        with traces.within(traces.scope([span])):
            answer = await ask()
        outcome = "allowed"
        span.set_attribute(attributes.VERSION, answer.protocol.value)
    except Refusal as refusal:
        outcome = refusal.result.value
        raise
    else:
        return answer
    finally:
        ended(span, outcome)


def call_span(
    traces: "Traces", connection: "StationConnection", dispatch: Dispatch, topic: str, waited_s: float
) -> "Span | None":
    """Begin the trace of a station's CALL or SEND, which has waited for its turn. None: it is not recorded."""
    about: dict[str, str | int | bool] = {
        attributes.STATION_ID: connection.station_id,
        attributes.ACTION: dispatch.action,
        attributes.MESSAGE_ID: dispatch.message_id,
        attributes.VERSION: connection.protocol.value,
        attributes.TOPIC: topic,
    }
    return traces.root(dispatch.action, about, ago_s=waited_s)


def published(span: "Span", error: BusError | None, *, is_last: bool) -> None:
    """Note that the record is durable, or why it is not. `is_last`: a SEND is not answered."""
    if not span.is_recording():
        return  # the CALL ended before: its station went, or its time was over
    span.add_event("published" if error is None else "not published")
    if is_last:
        ended(span, "sent" if error is None else "unpublished")


def ended(span: "Span", outcome: str) -> None:
    """End the span: the station's answer is written. Outcomes are those of `csms_gateway_station_calls_total`."""
    span.set_attribute(attributes.OUTCOME, outcome)
    if outcome in {"timeout", "unpublished", "failed"} and tracing.active is not None:
        tracing.active.fail(span, outcome)
    span.end()


class CommandSpans:
    """The spans of the CALLs that wait to be sent to stations, or to be answered: at most one for each of them."""

    def __init__(self) -> None:
        self._open: dict[str, Span] = {}

    def begin(self, traces: "Traces", record: Record) -> None:
        """Begin the span of a command, if what caused it is recorded."""
        if not record.traceparent:
            return
        command = record.station_command
        about = {
            attributes.STATION_ID: record.station_id,
            attributes.ACTION: command.action,
            attributes.MESSAGE_ID: command.correlation_id,
            attributes.VERSION: command.protocol,
            attributes.ORIGIN: command.origin,
        }
        span = traces.commanded(record.traceparent, command.action, about)
        if span is not None:
            self._open[command.correlation_id] = span

    def end(self, record: Record, done: CommandDone, sent_s_ago: float | None) -> str:
        """End the span of a command, and return the traceparent of its result; without a span, that of the command."""
        span = self._open.pop(done.id, None)
        if span is None:
            return record.traceparent
        if sent_s_ago is not None:
            span.add_event("sent", timestamp=time.time_ns() - int(sent_s_ago * 1e9))
        span.set_attribute(attributes.OUTCOME, done.outcome.value)
        if done.outcome in {Outcome.TIMEOUT, Outcome.UNKNOWN} and tracing.active is not None:
            tracing.active.fail(span, done.outcome.value)
        span.end()
        return tracing.traceparent(span)
