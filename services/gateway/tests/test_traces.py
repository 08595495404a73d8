"""A CALL's span ends in every way that a CALL ends, and a command's span carries its result."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from csms_runtime import tracing
from csms_testing.otlp import recording
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

if TYPE_CHECKING:
    from conftest import Start, System

STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with recording() as found:
        yield found


async def ended(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The first span of this name, waiting for its end."""
    async with asyncio.timeout(10):
        while True:
            for span in spans.get_finished_spans():
                if span.name == name:
                    return span
            await asyncio.sleep(0.01)  # the gateway's own tasks end it


async def test_an_answer_ends_it(system: "System", spans: InMemorySpanExporter) -> None:
    system.services.answers["StatusNotification"] = {}
    station = await system.connect()
    await station.call("StatusNotification", STATUS, "m7")
    span = await ended(spans, "StatusNotification")
    assert span.attributes is not None
    assert span.attributes["csms.outcome"] == "result"
    assert span.attributes["ocpp.message_id"] == "m7"
    (record,) = system.services.calls("StatusNotification")
    assert record.traceparent == tracing.traceparent(span)  # type: ignore[arg-type]
    assert [event.name for event in span.events] == ["published"]


async def test_a_silent_service_ends_it(start: "Start", spans: InMemorySpanExporter) -> None:
    system = await start(service_timeout_s=0.3)
    station = await system.connect()
    await station.call("StatusNotification", STATUS)
    span = await ended(spans, "StatusNotification")
    assert (span.attributes or {})["csms.outcome"] == span.status.description == "timeout"


async def test_a_bus_that_is_away_ends_it(system: "System", spans: InMemorySpanExporter) -> None:
    station = await system.connect()
    system.bus.broken = frozenset({"ocpp.calls.devices"})
    assert (await station.call("StatusNotification", STATUS))[2] == "InternalError"
    span = await ended(spans, "StatusNotification")
    assert (span.attributes or {})["csms.outcome"] == "unpublished"
    assert [event.name for event in span.events] == ["not published"]


async def test_the_end_of_the_connection_ends_it(system: "System", spans: InMemorySpanExporter) -> None:
    station = await system.connect()
    await station.start_call("StatusNotification", STATUS)
    await system.services.call("StatusNotification")
    await station.socket.close()
    assert ((await ended(spans, "StatusNotification")).attributes or {})["csms.outcome"] == "closed"


async def test_a_commands_result_goes_on_in_its_trace(system: "System", spans: InMemorySpanExporter) -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    traces = tracing.active
    assert traces is not None
    request = traces.root("POST", {})
    assert request is not None
    with traces.within(traces.scope([request])):
        command = await system.services.command(connection, "CS1", "ClearCache", {})
    await station.receive()
    await station.send([3, command, {"status": "Accepted"}])
    await system.services.result(command)
    span = await ended(spans, "ClearCache")
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id
    assert [event.name for event in span.events] == ["sent"]
    (result,) = [record for _, record in system.services.records if record.HasField("command_result")]
    assert result.traceparent == tracing.traceparent(span)  # type: ignore[arg-type]


async def test_a_command_that_nobody_records_has_no_span(system: "System", spans: InMemorySpanExporter) -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "ClearCache", {})
    await station.receive()
    await station.send([3, command, {"status": "Accepted"}])
    await system.services.result(command)
    assert "ClearCache" not in {span.name for span in spans.get_finished_spans()}


async def test_a_refused_handshake_says_why(start: "Start", spans: InMemorySpanExporter) -> None:
    system = await start(service_timeout_s=0.3)
    system.services.decide = lambda _request: None
    with pytest.raises(Exception, match="503"):
        await system.connect()
    assert ((await ended(spans, "connect")).attributes or {})["csms.outcome"] == "auth_unavailable"


async def test_without_traces_records_carry_nothing(system: "System") -> None:
    system.services.answers["StatusNotification"] = {}
    station = await system.connect()
    await station.call("StatusNotification", STATUS)
    assert {record.traceparent for _, record in system.services.records} == {""}
