"""A batch's records keep their own traces; what they share is linked."""

from collections.abc import Iterator, Sequence

import pytest
from csms.v1.bus_pb2 import Record
from csms.v1.events_pb2 import DomainEvent
from csms.v1.station_pb2 import ReplyTo, StationCall
from csms_bus import records, traced
from csms_bus.ports import Incoming, Outgoing
from csms_runtime import tracing
from csms_runtime.tracing.traces import MOST_LINKS
from csms_testing.otlp import recording
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with recording() as found:
        yield found


def parent(number: int, flags: str = "01") -> str:
    return f"00-{number:032x}-{number:016x}-{flags}"


def called(number: int, traceparent: str, station_id: str = "") -> Incoming:
    call = StationCall(
        action="BootNotification",
        correlation_id=f"c{number}",
        payload=b'{"secret": "payload"}',
        reply_to=ReplyTo(topic="gateway.inbox", partition=1),
    )
    record = records.new_record(station_id or f"CS{number}", traceparent=traceparent, station_call=call)
    return Incoming("ocpp.calls.devices", 0, number, record.station_id, record)


def new(station_id: str) -> Record:
    return records.new_record(station_id, event=DomainEvent())


async def handled(batch: Sequence[Incoming]) -> list[Outgoing]:
    """Use the database, and answer each."""
    assert tracing.active is not None
    database = tracing.active.database("devices transaction", {})
    if database is not None:
        database.end()
    calls = [incoming.record for incoming in batch if incoming.record is not None]
    return [records.reply_to(record.station_call, payload=b"{}", station_id=record.station_id) for record in calls]


async def run(batch: Sequence[Incoming]) -> Sequence[Outgoing]:
    assert tracing.active is not None
    return await traced.handle(tracing.active, "devices", batch, handled)


def by_trace(spans: InMemorySpanExporter, name: str) -> dict[int, object]:
    return {span.context.trace_id: span for span in spans.get_finished_spans() if span.name == name}


async def test_each_record_keeps_its_trace_and_its_answer_goes_on_in_it(spans):
    out = await run([called(1, parent(1)), called(2, parent(2))])
    found = by_trace(spans, "devices BootNotification")
    assert set(found) == {1, 2}
    assert {trace: span.parent.span_id for trace, span in found.items()} == {1: 1, 2: 2}
    answers = {each.record.station_id: each.record.traceparent for each in out}
    assert answers == {f"CS{trace}": tracing.traceparent(found[trace]) for trace in (1, 2)}
    assert found[1].attributes["csms.station_id"] == "CS1"
    assert found[1].attributes["csms.batch.records"] == 2


async def test_what_is_not_recorded_costs_no_span_and_is_told_to_nobody(spans):
    out = await run([called(1, ""), called(2, parent(2, "00")), called(3, "nonsense-01")])
    assert spans.get_finished_spans() == ()
    assert {each.record.traceparent for each in out} == {""}


async def test_a_shared_transaction_lies_in_the_first_trace_and_is_linked_with_the_others(spans):
    await run([called(1, ""), called(2, parent(2)), called(3, parent(3))])
    first, other = (by_trace(spans, "devices BootNotification")[trace] for trace in (2, 3))
    (database,) = by_trace(spans, "devices transaction").values()
    assert (database.context.trace_id, database.parent.span_id) == (2, first.context.span_id)
    assert [link.context.span_id for link in database.links] == [other.context.span_id]
    assert [link.context.span_id for link in other.links] == [database.context.span_id]
    assert first.links == ()


async def test_links_are_bounded(spans):
    await run([called(number, parent(number)) for number in range(1, 200)])
    (database,) = by_trace(spans, "devices transaction").values()
    assert len(database.links) == MOST_LINKS


@pytest.mark.usefixtures("spans")
async def test_a_stations_records_in_one_batch_are_kept_apart():
    told = []

    async def handler(batch: Sequence[Incoming]) -> list[Outgoing]:
        assert tracing.active is not None
        for incoming in batch:
            assert incoming.record is not None
            tracing.active.turn_to(incoming.record.record_id, "CS1")
            told.append(new("CS1").traceparent[3:35])
        return []

    batch = [called(1, parent(1), "CS1"), called(2, "", "CS1"), called(3, parent(3), "CS1")]
    assert tracing.active is not None
    await traced.handle(tracing.active, "devices", batch, handler)
    assert told == [f"{1:032x}", "", f"{3:032x}"]


async def test_a_failure_is_marked_without_its_text(spans):
    async def handler(_batch: Sequence[Incoming]) -> list[Outgoing]:
        raise ValueError("the password is s3cret")

    assert tracing.active is not None
    with pytest.raises(ValueError, match="s3cret"):
        await traced.handle(tracing.active, "devices", [called(1, parent(1))], handler)
    (span,) = spans.get_finished_spans()
    assert span.status.description == "ValueError"
    assert "s3cret" not in span.to_json()
    assert "payload" not in span.to_json()


@pytest.mark.usefixtures("spans")
async def test_what_goes_on_after_the_batch_belongs_to_nothing():
    left = []

    async def handler(_batch: Sequence[Incoming]) -> list[Outgoing]:
        assert tracing.active is not None
        left.append(new("CS1").traceparent)
        return []

    assert tracing.active is not None
    await traced.handle(tracing.active, "devices", [called(1, parent(1))], handler)
    assert left[0]
    assert new("CS1").traceparent == ""
    assert tracing.active.database("devices transaction", {}) is None
