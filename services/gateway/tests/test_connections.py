import asyncio
from typing import TYPE_CHECKING

import pytest
from csms.v1.auth_pb2 import REGISTRATION_STATUS_ACCEPTED, ConnectionDecision
from csms.v1.bus_pb2 import Record
from csms.v1.station_pb2 import (
    CONNECTION_STATE_CLOSED,
    CONNECTION_STATE_OPEN,
    GATEWAY_STATE_ALIVE,
    GATEWAY_STATE_DRAINING,
    GATEWAY_STATE_STOPPED,
    OUTCOME_NOT_CONNECTED,
    OUTCOME_RESULT,
    OUTCOME_UNKNOWN,
    CloseConnection,
)
from csms_bus.ports import Outgoing
from csms_bus.records import new_record
from csms_testing.scripted import RawStation
from websockets.exceptions import InvalidStatus

if TYPE_CHECKING:
    from conftest import Start, System

STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


async def test_the_newest_connection_wins(system: "System") -> None:
    old = await system.connect()
    first = await system.services.connection("CS1")
    new = await system.connect()
    assert await old.closed() == (1000, "replaced")
    assert len(system.gateway.connections) == 1
    assert (await new.call("Heartbeat", {}))[0] == 3
    await new.socket.close()
    last = await system.services.connection("CS1", 4)
    said = {(record.connection_number, record.state): record for record in system.services.connections("CS1")}
    assert sorted(said) == [
        (first.connection_number, CONNECTION_STATE_OPEN),
        (first.connection_number, CONNECTION_STATE_CLOSED),
        (last.connection_number, CONNECTION_STATE_OPEN),
        (last.connection_number, CONNECTION_STATE_CLOSED),
    ]
    assert said[first.connection_number, CONNECTION_STATE_CLOSED].close_reason == "replaced"


async def test_a_connection_that_is_older_than_the_present_one_is_closed_itself(system: "System") -> None:
    """Two handshakes of a station may end in another order than auth decided on them."""
    numbers = iter([7, 3])
    system.services.decide = lambda _request: ConnectionDecision(
        allowed=True, registration_status=REGISTRATION_STATUS_ACCEPTED, connection_number=next(numbers)
    )
    newer = await system.connect()
    await system.services.connection("CS1")
    older = await system.connect()
    assert await older.closed() == (1000, "replaced")
    assert (await newer.call("Heartbeat", {}))[0] == 3
    closed = await system.services.connection("CS1", 2)
    assert (closed.state, closed.connection_number) == (CONNECTION_STATE_CLOSED, 3)
    assert len(system.gateway.connections) == 1


async def test_open_connections_are_said_again(start: "Start") -> None:
    system = await start(connection_refresh_s=0.02)
    await system.connect()
    first = await system.services.connection("CS1")
    again = await system.services.connection("CS1", 2)
    assert (again.state, again.connection_id) == (CONNECTION_STATE_OPEN, first.connection_id)
    assert (first.refresh, again.refresh) == (False, True)


async def test_a_new_connection_does_not_wait_for_a_dead_old_one(system: "System") -> None:
    old = await system.connect()
    old.socket.transport.pause_reading()  # it will never see the closing handshake
    await system.services.connection("CS1")
    new = await system.connect()
    assert (await new.call("Heartbeat", {}))[0] == 3
    assert len(system.gateway.connections) == 1


async def test_what_became_of_a_command_of_a_replaced_connection_is_not_known(system: "System") -> None:
    old = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "ClearCache", {})
    await old.receive()
    await system.connect()
    result = await system.services.result(command)
    assert (result.outcome, result.sent_at_ms > 0) == (OUTCOME_UNKNOWN, True)


async def close_elsewhere(system: "System", epoch: int, connection_id: str) -> None:
    request = CloseConnection(gateway_epoch=epoch, connection_id=connection_id)
    record: Record = new_record("CS1", close_connection=request)
    await system.bus.publish([Outgoing("gateway.inbox", record, partition=0)])


async def test_a_station_that_connected_to_another_gateway_is_closed_here(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    await close_elsewhere(system, connection.gateway_epoch, "another")
    assert (await station.call("Heartbeat", {}))[0] == 3
    await close_elsewhere(system, connection.gateway_epoch, connection.connection_id)
    assert await station.closed() == (1000, "replaced")
    closed = await system.services.connection("CS1", 2)
    assert (closed.state, closed.close_reason) == (CONNECTION_STATE_CLOSED, "replaced")


async def frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readexactly(2)
    assert head[1] < 126, "long frames are not needed here"
    return head[0] & 0x0F, await reader.readexactly(head[1])


async def raw_station(system: "System") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect without a WebSocket library, which would answer pings by itself."""
    reader, writer = await asyncio.open_connection("127.0.0.1", system.gateway.port)
    writer.write(
        b"GET /ocpp/CS1 HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n"
    )
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    return reader, writer


async def test_a_dead_peer_is_found_by_our_ping(start: "Start") -> None:
    system = await start(ping_interval_s=0.1, ping_timeout_s=0.1)
    reader, writer = await raw_station(system)
    assert await frame(reader) == (0x9, b"")
    closed = await system.services.connection("CS1", 2)
    assert (closed.state, closed.close_code) == (CONNECTION_STATE_CLOSED, 1006)
    assert closed.close_reason == "keepalive ping timeout"
    assert len(system.gateway.connections) == 0
    writer.close()


async def test_a_silent_station_that_answers_pings_stays(start: "Start") -> None:
    system = await start(ping_interval_s=0.05, ping_timeout_s=0.5)
    reader, writer = await raw_station(system)
    async with asyncio.timeout(10):
        for _ in range(3):
            assert await frame(reader) == (0x9, b"")
            writer.write(b"\x8a\x80\x00\x00\x00\x00")  # a masked, empty pong
    assert len(system.gateway.connections) == 1
    writer.close()
    await system.services.connection("CS1", 2)


async def test_a_station_that_takes_nothing_is_disconnected(start: "Start") -> None:
    system = await start(send_timeout_s=0.2, ping_interval_s=60)
    system.services.answers["DataTransfer"] = {"status": "Accepted", "data": "x" * 1_000_000}
    station = await system.connect(compression=None)
    station.socket.transport.pause_reading()
    for number in range(20):
        await station.send([2, f"m{number}", "DataTransfer", {"vendorId": "v"}])
    closed = await system.services.connection("CS1", 2)
    assert (closed.close_code, closed.close_reason) == (1006, "stuck while sending")


async def drain(system: "System") -> "asyncio.Task[None]":
    system.stop.set()
    return asyncio.ensure_future(system.shut_down())


def states(system: "System") -> list[int]:
    return [r.gateway_status.state for _, r in system.services.records if r.HasField("gateway_status")]


async def test_stopping_closes_idle_stations_with_1001(system: "System") -> None:
    stations = [await system.connect(f"CS{number}") for number in range(5)]
    await system.services.connection("CS4")
    assert system.health.ready
    await system.shut_down()
    assert [(await station.closed())[0] for station in stations] == [1001] * 5
    closed = [system.services.connections(f"CS{number}")[-1] for number in range(5)]
    assert [(record.state, record.close_code) for record in closed] == [(CONNECTION_STATE_CLOSED, 1001)] * 5
    assert states(system) == [GATEWAY_STATE_ALIVE, GATEWAY_STATE_DRAINING, GATEWAY_STATE_STOPPED]
    assert not system.health.ready


async def test_stopping_lets_open_calls_finish(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "ClearCache", {})
    await station.receive()
    await station.start_call("StatusNotification", STATUS)
    await system.services.call("StatusNotification")
    stopping = await drain(system)
    await system.services.until(lambda: GATEWAY_STATE_DRAINING in states(system))
    await system.services.answer(system.services.calls("StatusNotification")[0], {})
    assert (await station.receive())[0] == 3
    await station.send([3, command, {"status": "Accepted"}])
    assert (await system.services.result(command)).outcome == OUTCOME_RESULT
    assert (await station.closed())[0] == 1001
    await stopping


async def test_stopping_takes_no_new_commands_or_stations(start: "Start") -> None:
    system = await start(drain_calls_s=0.7)
    station = await system.connect()
    connection = await system.services.connection("CS1")
    open_command = await system.services.command(connection, "CS1", "ClearCache", {})
    await station.receive()
    stopping = await drain(system)
    await system.services.until(lambda: GATEWAY_STATE_DRAINING in states(system))
    late = await system.services.command(connection, "CS1", "ClearCache", {})
    assert (await system.services.result(late)).outcome == OUTCOME_NOT_CONNECTED
    with pytest.raises((OSError, InvalidStatus, EOFError)):
        await system.connect("CS2")
    await stopping  # the open command is given up after CSMS_DRAIN_CALLS_S
    assert (await system.services.result(open_command)).outcome == OUTCOME_UNKNOWN


async def test_stations_are_let_in_while_load_balancers_take_notice(start: "Start") -> None:
    system = await start(drain_delay_s=0.5)
    stopping = await drain(system)
    await system.services.until(lambda: GATEWAY_STATE_DRAINING in states(system))
    assert not system.health.ready
    station = await system.connect()
    assert (await station.call("Heartbeat", {}))[0] == 3
    assert (await station.closed())[0] == 1001
    with pytest.raises(OSError, match="onnect"):
        await system.connect("CS2")
    await stopping


async def test_stopping_does_not_wait_for_ever_for_a_dead_station(system: "System") -> None:
    _reader, writer = await raw_station(system)
    await system.services.connection("CS1")
    await system.shut_down()
    writer.close()


async def test_an_answer_just_before_the_station_closes_counts(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", {"type": "Immediate"})
    await station.receive()
    await station.send([3, command, {"status": "Accepted"}])
    await station.socket.close()
    assert (await system.services.result(command)).outcome == OUTCOME_RESULT


async def test_presence_tells_who_was_heard_from(start: "Start") -> None:
    system = await start(presence_interval_s=0.2, last_seen_s=0.1)
    active, _silent = await system.connect("CS1"), await system.connect("CS2")
    await system.services.connection("CS2")

    async def heartbeat_until_reported() -> None:
        while not only("CS1"):
            await active.call("Heartbeat", {})
            await asyncio.sleep(0)

    def only(name: str) -> bool:
        summaries = [r.presence for _, r in system.services.records if r.HasField("presence")]
        return any([presence.station_id for presence in summary.stations] == [name] for summary in summaries)

    async with asyncio.timeout(10):
        await heartbeat_until_reported()
    newest = [r.presence for _, r in system.services.records if r.HasField("presence")][-1]
    assert newest.gateway_epoch == system.gateway.id.epoch
    reported = newest.stations[0].last_seen_ms
    assert abs(reported - newest_record_ms(system)) < 5000


async def test_presence_is_told_seldom_and_at_the_end(start: "Start") -> None:
    system = await start(presence_interval_s=0.02)
    station = await system.connect()
    opened = await system.services.connection("CS1")
    for _ in range(5):
        await station.call("Heartbeat", {})
        await asyncio.sleep(0.03)
    await station.socket.close()
    closed = await system.services.connection("CS1", 2)
    assert opened.connected_at_ms + 100 <= closed.last_heard_at_ms <= closed.closed_at_ms
    assert not [record for _, record in system.services.records if record.HasField("presence")]


async def test_presence_that_could_not_be_told_is_told_later(start: "Start") -> None:
    system = await start(presence_interval_s=0.05, last_seen_s=0.01)
    system.bus.broken = frozenset({"gateway.presence"})
    station = await system.connect()
    await asyncio.sleep(0.02)
    await station.call("Heartbeat", {})
    await asyncio.sleep(0.2)
    system.bus.broken = frozenset()
    await system.services.until(
        lambda: any(record.presence.stations for _, record in system.services.records if record.HasField("presence"))
    )


def newest_record_ms(system: "System") -> int:
    return system.services.records[-1][1].produced_at_ms


async def test_the_status_is_repeated(start: "Start") -> None:
    system = await start(status_interval_s=0.05)
    await system.services.until(lambda: len(states(system)) >= 3)
    statuses = [r.gateway_status for _, r in system.services.records if r.HasField("gateway_status")]
    assert {status.gateway_epoch for status in statuses} == {system.gateway.id.epoch}


async def test_many_stations_at_once(system: "System") -> None:
    async def one(number: int) -> RawStation:
        station = await system.connect(f"CS{number}")
        assert (await station.call("Heartbeat", {}))[0] == 3
        return station

    stations = await asyncio.gather(*(one(number) for number in range(200)))
    assert len(system.gateway.connections) == len(stations) == 200
