"""One trace from a station's frame through gateway, bus, service and database, and one for a command, on both buses."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from csms_testing.cluster.layout import free_port
from csms_testing.fixtures import MODES
from csms_testing.kafka import LocalKafka, kafka_requirement
from csms_testing.otlp import Collector, Seen, collecting, silent
from csms_testing.requirements import require
from csms_testing.simulator import Station
from csms_testing.systems import API_KEY, System, distributed, standalone, standalone_process

pytestmark = pytest.mark.asyncio(loop_scope="module")

STATION = "CS-TRACED"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=MODES)
async def traced(
    request: pytest.FixtureRequest, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[System]:
    """A CSMS that sends all its traces to the collector."""
    directory: Path = tmp_path_factory.mktemp("traces")
    collector.spans.clear()
    if request.param == "standalone":
        async with standalone(directory, **collector.settings) as system:
            yield system
        return
    require(kafka_requirement())
    # Its own: another system's consumers are in the groups on the broker of the other tests.
    broker = await asyncio.to_thread(LocalKafka().__enter__)
    request.addfinalizer(broker.close)
    database_url = request.getfixturevalue("test_databases").empty_postgresql()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in collector.settings.items():
            patch.setenv(name, value)
        async with distributed(directory, kafka=broker.bootstrap, database_url=database_url, gateways=1) as system:
            yield system


def _named(system: System, service: str) -> str:
    return "csms" if system.mode == "standalone" else f"csms-{service}"


def _below(parent: Seen, spans: list[Seen]) -> list[Seen]:
    return [one for one in spans if one.span.parent_span_id == parent.span.span_id]


async def _only(collector: Collector, parent: Seen, name: str) -> Seen:
    """The span of this name below another one."""
    found = await collector.find(lambda one: one.name == name and one.span.parent_span_id == parent.span.span_id)
    assert found.trace_id == parent.trace_id
    return found


async def test_a_frame_is_one_trace_to_the_database_and_back(traced: System, collector: Collector):
    async with Station(f"{traced.ocpp_urls[0]}", STATION) as station:
        await station.wait_accepted()
        frame = await collector.find(lambda one: one.name == "BootNotification")
        handling = await _only(collector, frame, "device-mgmt BootNotification")
        database = await _only(collector, handling, "devices transaction")
    assert frame.service == _named(traced, "gateway")
    assert handling.service == database.service == _named(traced, "device-mgmt")
    assert frame.span.parent_span_id == b""
    assert frame.attributes["csms.station_id"] == handling.attributes["csms.station_id"] == STATION
    assert (frame.attributes["ocpp.action"], frame.attributes["csms.outcome"]) == ("BootNotification", "result")
    assert frame.attributes["ocpp.message_id"]
    assert database.attributes["csms.outcome"] == "committed"
    assert [event.name for event in frame.span.events] == ["published"]
    assert frame.span.start_time_unix_nano <= handling.span.start_time_unix_nano
    assert handling.span.start_time_unix_nano <= database.span.start_time_unix_nano
    assert database.span.end_time_unix_nano <= handling.span.end_time_unix_nano <= frame.span.end_time_unix_nano


async def test_a_command_is_one_trace_from_the_request_to_the_station_and_back(traced: System, collector: Collector):
    async with Station(f"{traced.ocpp_urls[0]}", STATION) as station, traced.client() as api:
        await station.wait_accepted()
        answer = await api.post(
            f"/stations/{STATION}/calls/TriggerMessage",
            json={"requestedMessage": "Heartbeat"},
            headers={"traceparent": f"00-{TRACE}-{CALLER}-01"},
        )
        assert answer.status_code == 200, answer.text
    request = await collector.find(lambda one: one.name == "POST /api/v1/stations/{station_id}/calls/{action}")
    assert (request.trace_id, request.span.parent_span_id.hex()) == (TRACE, CALLER)
    recorded = await _only(collector, request, "devices transaction")
    command = await _only(collector, request, "TriggerMessage")
    result = await _only(collector, command, "device-mgmt TriggerMessage")
    stored = await _only(collector, result, "devices transaction")
    assert command.service == _named(traced, "gateway")
    assert request.service == recorded.service == result.service == stored.service == _named(traced, "device-mgmt")
    assert command.attributes["csms.station_id"] == request.attributes["csms.station_id"] == STATION
    assert command.attributes["csms.outcome"] == "result"
    assert [event.name for event in command.span.events] == ["sent"]
    assert result.span.end_time_unix_nano <= request.span.end_time_unix_nano


async def test_a_handshake_is_a_trace_of_its_own(traced: System, collector: Collector):
    async with Station(f"{traced.ocpp_urls[0]}", "CS-TRACED-TOO") as station:
        await station.wait_accepted()
    connect = await collector.find(
        lambda one: one.name == "connect" and one.attributes["csms.station_id"] == "CS-TRACED-TOO"
    )
    decided = await _only(collector, connect, "auth connection_request")
    await _only(collector, decided, "auth reading")
    assert connect.attributes["csms.outcome"] == "allowed"


async def test_a_token_is_asked_about_in_the_trace_of_its_event(traced: System, collector: Collector):
    async with Station(f"{traced.ocpp_urls[0]}", "CS-TRACED-TOKEN") as station, traced.client() as api:
        (await api.put("/id-tokens/ISO14443/TRACED", json={"status": "Accepted"})).raise_for_status()
        await station.wait_accepted()
        await station.charge(1, "TRACED", energy_wh=1000, meter_interval_s=0)
    decided = await collector.find(lambda one: one.name == "auth-questions authorization_request")
    # A span is sent when it has ended: what is above another comes later.
    handling = await collector.find(lambda one: one.span.span_id == decided.span.parent_span_id)
    frame = await collector.find(lambda one: one.span.span_id == handling.span.parent_span_id)
    assert (frame.name, handling.name) == ("TransactionEvent", "transactions TransactionEvent")
    await collector.find(
        lambda one: (
            one.name == "transactions transaction" and one in _below(handling, collector.trace(decided.trace_id))
        )
    )


async def test_a_collector_that_never_answers_slows_down_nobody(tmp_path: Path):
    ocpp_port, http_port = free_port(), free_port()
    async with silent() as collector:
        settings = collector.settings | {"OTEL_BSP_MAX_QUEUE_SIZE": "4", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4"}
        process = standalone_process(tmp_path, ocpp_port, http_port, **settings)
        await process.start()
        try:
            await process.ready()
            async with Station(f"ws://127.0.0.1:{ocpp_port}/ocpp", STATION) as station:
                await station.wait_accepted()
                headers = {"Authorization": f"Bearer {API_KEY}"}
                async with httpx2.AsyncClient(base_url=f"http://127.0.0.1:{http_port}/api/v1", headers=headers) as api:
                    for _ in range(20):  # more than wait for the collector
                        started = time.monotonic()
                        answer = await api.post(
                            f"/stations/{STATION}/calls/TriggerMessage", json={"requestedMessage": "Heartbeat"}
                        )
                        assert answer.status_code == 200
                        assert time.monotonic() - started < 5
        finally:
            started = time.monotonic()
            await process.stop(deadline_s=20)
    assert time.monotonic() - started < 10
    log = (tmp_path / "standalone.log").read_text()
    assert "the last spans were not sent" in log
    assert "Traceback" not in log
