"""OpenTelemetry traces. They are off, and nothing of OpenTelemetry is imported, unless an exporter is set.

`csms_runtime.tracing.export` switches them on. Others ask `tracing.active`, which costs nothing when it is None.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from opentelemetry.trace import Span

    from csms_runtime.tracing.traces import Traces

active: "Traces | None" = None
"""The traces of this process; None: they are off."""


def traceparent(span: "Span") -> str:
    """Return the W3C traceparent of a recorded span."""
    context = span.get_span_context()
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-01"
