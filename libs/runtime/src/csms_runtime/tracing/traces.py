"""Spans, and which of them the work in hand belongs to.

A trace begins with a station's frame, a handshake or an HTTP request. There it is decided whether it is recorded.
Everything else follows: what was caused by something that is not recorded is not recorded, and costs next to nothing.

A span never holds a payload, an idToken or a password: `csms_runtime.tracing.attributes` names all that it may hold.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from random import random

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags, Tracer

from csms_runtime.ids import is_traceparent
from csms_runtime.tracing import traceparent

MOST_LINKS = 32
"""Spans that a database transaction is linked with at most."""
Attributes = Mapping[str, str | int | bool]
_NO_PARENT = trace.set_span_in_context(trace.INVALID_SPAN)


class Scope:
    """The recorded spans that the work in hand belongs to: that of one request, or those of a batch's records."""

    __slots__ = ("_answers", "_by_record", "_by_station", "_shared", "spans")

    def __init__(self, spans: Sequence[Span], *, shared: bool) -> None:
        """`shared`: whether whatever is done belongs to the first span, as in a request."""
        self.spans = list(spans)
        self._shared = shared
        self._by_station: dict[str, Span] = {}
        self._by_record: dict[str, Span] = {}
        self._answers: dict[str, str] = {}

    def add(self, record_id: str, station_id: str, span: Span) -> None:
        """Have work for the station belong to the span of its record."""
        self._by_record[record_id] = span
        self._by_station[station_id] = span

    def answers(self, correlation_id: str, span: Span) -> None:
        """Have the answer to a station's CALL carry this span. That outlives the scope."""
        self._answers[correlation_id] = traceparent(span)

    def turn_to(self, record_id: str, station_id: str) -> None:
        """Have work for the station belong to this record's span from now on: it may have several in a batch."""
        span = self._by_record.get(record_id)
        if span is None:
            self._by_station.pop(station_id, None)
        else:
            self._by_station[station_id] = span

    def of(self, station_id: str) -> Span | None:
        """Return the span that work for this station belongs to."""
        if self._shared:
            return self.spans[0] if self.spans else None
        return self._by_station.get(station_id)

    def of_answer(self, correlation_id: str) -> str:
        """Return the traceparent of the answer to a station's CALL."""
        return self._answers.get(correlation_id, "")

    def close(self) -> None:
        """End it. Tasks that were begun in it may live on: their work belongs to nothing."""
        self.spans.clear()
        self._by_station.clear()
        self._by_record.clear()


_scope: ContextVar[Scope | None] = ContextVar("csms_trace_scope", default=None)


class Traces:
    """Makes the spans of a process. A span is None where nothing is recorded."""

    def __init__(self, tracer: Tracer, share: float = 1.0) -> None:
        """`share`: of what comes without a parent, this share is given to the tracer's sampler. The rest costs less."""
        self._tracer = tracer
        self._share = share

    def root(self, name: str, attributes: Attributes, *, parent: str = "", ago_s: float = 0.0) -> Span | None:
        """Begin a trace with what came from outside, or follow its traceparent, if the sampler records it.

        `ago_s`: how many seconds ago it came.
        """
        if self._share < 1.0 and random() >= self._share and not is_traceparent(parent):  # noqa: S311 no secret
            return None
        start = time.time_ns() - int(ago_s * 1e9) if ago_s else None
        span = self._tracer.start_span(name, _below(parent), SpanKind.SERVER, attributes, start_time=start)
        return span if span.is_recording() else None

    def consumed(self, traceparent: str, name: str, attributes: Attributes) -> Span | None:
        """Begin the span of a record that is handled, if what caused it is recorded."""
        return self._followed(traceparent, name, SpanKind.CONSUMER, attributes)

    def commanded(self, traceparent: str, name: str, attributes: Attributes) -> Span | None:
        """Begin the span of a CALL to a station, if what caused it is recorded."""
        return self._followed(traceparent, name, SpanKind.CLIENT, attributes)

    def database(self, name: str, attributes: Attributes) -> Span | None:
        """Begin the span of a database transaction, if the work in hand is recorded.

        One that several records share lies in the trace of the first, and is linked with the others.
        """
        scope = _scope.get()
        if scope is None or not scope.spans:
            return None
        first, *others = scope.spans
        links = [Link(span.get_span_context()) for span in others[:MOST_LINKS]]
        context = trace.set_span_in_context(first)
        span = self._tracer.start_span(name, context, SpanKind.CLIENT, attributes, links)
        for other in others:
            other.add_link(span.get_span_context())
        return span

    def scope(self, spans: Sequence[Span], *, shared: bool = True) -> Scope:
        """Return a scope of recorded spans, to be entered with `within`."""
        return Scope(spans, shared=shared)

    @contextmanager
    def within(self, scope: Scope) -> Iterator[None]:
        """What is done inside belongs to the spans of the scope."""
        token = _scope.set(scope)
        try:
            yield
        finally:
            _scope.reset(token)
            scope.close()

    def turn_to(self, record_id: str, station_id: str) -> None:
        """Say which record of a batch is being handled, for handlers that take one after the other."""
        scope = _scope.get()
        if scope is not None:
            scope.turn_to(record_id, station_id)

    def traceparent(self, station_id: str) -> str:
        """Return what a new record for a station carries."""
        scope = _scope.get()
        span = None if scope is None else scope.of(station_id)
        return "" if span is None else traceparent(span)

    def of_answer(self, correlation_id: str) -> str:
        """Return the traceparent that the answer to a station's CALL carries."""
        scope = _scope.get()
        return "" if scope is None else scope.of_answer(correlation_id)

    def of_all(self) -> str:
        """Return the traceparent of a record that concerns all of a batch: that of its first span."""
        scope = _scope.get()
        return traceparent(scope.spans[0]) if scope is not None and scope.spans else ""

    def fail(self, span: Span, error: BaseException | str) -> None:
        """Mark a span as failed. Of an exception only the type is told: its text may hold what a station sent."""
        span.set_status(StatusCode.ERROR, error if isinstance(error, str) else type(error).__name__)

    def _followed(self, traceparent: str, name: str, kind: SpanKind, attributes: Attributes) -> Span | None:
        if not (traceparent.endswith("-01") and is_traceparent(traceparent)):
            return None
        span = self._tracer.start_span(name, _below(traceparent), kind, attributes)
        return span if span.is_recording() else None


def _below(text: str) -> Context:
    if not text or not is_traceparent(text):
        return _NO_PARENT
    flags = TraceFlags(int(text[53:55], 16) & TraceFlags.SAMPLED)
    remote = SpanContext(int(text[3:35], 16), int(text[36:52], 16), is_remote=True, trace_flags=flags)
    return trace.set_span_in_context(NonRecordingSpan(remote))
