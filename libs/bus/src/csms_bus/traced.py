"""Has a batch handled with a span for each of its records that is traced."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from csms.v1.bus_pb2 import Record
from csms_runtime.tracing import attributes

from csms_bus.ports import Incoming, Outgoing

if TYPE_CHECKING:
    from csms_runtime.tracing.traces import Attributes, Traces
    from opentelemetry.trace import Span


async def handle(
    traces: "Traces",
    group: str,
    records: Sequence[Incoming],
    handler: Callable[[Sequence[Incoming]], Awaitable[Sequence[Outgoing]]],
) -> Sequence[Outgoing]:
    """Run the handler. Raises what it raises.

    What the handler does for a station belongs to the span of that station's record. What it does for all of them
    (a database transaction) belongs to the first span, and is linked with the others.
    """
    spans = {at: span for at, incoming in enumerate(records) if (span := _begun(traces, group, incoming, len(records)))}
    if not spans:
        return await handler(records)
    scope = traces.scope(list(spans.values()), shared=False)
    for at, span in spans.items():
        record = records[at].record
        if record is not None:
            scope.add(record.record_id, record.station_id, span)
            if record.HasField("station_call"):
                scope.answers(record.station_call.correlation_id, span)
    try:
        with traces.within(scope):
            return await handler(records)
    except BaseException as error:
        for span in spans.values():
            traces.fail(span, error)
        raise
    finally:
        for span in spans.values():
            span.end()


def action_of(record: Record, body: str) -> str:
    """Return the OCPP action that a record is about, or an empty string."""
    match body:
        case "station_call" | "station_command" | "call_order":
            return str(getattr(record, body).action)
        case "command_result":
            return record.command_result.command.action
    return ""


def _begun(traces: "Traces", group: str, incoming: Incoming, size: int) -> "Span | None":
    record = incoming.record
    if record is None or not record.traceparent:
        return None
    body = record.WhichOneof("body") or "unknown"
    action = action_of(record, body)
    told: Attributes = {
        attributes.GROUP: group,
        attributes.TOPIC: incoming.topic,
        attributes.PARTITION: str(incoming.partition),
        attributes.OFFSET: incoming.offset,
        attributes.BATCH_RECORDS: size,
        attributes.STATION_ID: record.station_id,
        attributes.BODY: body,
        attributes.ACTION: action,
    }
    return traces.consumed(record.traceparent, f"{group} {action or body}", told)
