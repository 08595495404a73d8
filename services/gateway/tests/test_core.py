from typing import TYPE_CHECKING

from csms.v1.station_pb2 import CONNECTION_STATE_CLOSED, CONNECTION_STATE_OPEN, OUTCOME_RESULT

if TYPE_CHECKING:
    from conftest import System

BOOT = {"reason": "PowerUp", "chargingStation": {"model": "M", "vendorName": "V"}}


def boot_answer(status: str) -> dict[str, object]:
    return {"currentTime": "2026-01-01T00:00:00Z", "interval": 300, "status": status}


async def test_a_station_boots_and_gets_the_services_answer(system: "System") -> None:
    system.services.answers["BootNotification"] = boot_answer("Accepted")
    station = await system.connect()
    assert await station.call("BootNotification", BOOT, "b1") == [3, "b1", boot_answer("Accepted")]
    call = await system.services.call("BootNotification")
    assert (call.protocol, call.message_id, call.security_profile) == ("ocpp2.0.1", "b1", 1)
    assert call.payload.startswith(b'{"reason"')


async def test_a_command_goes_to_the_station_and_its_answer_comes_back(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command_id = await system.services.command(connection, "CS1", "Reset", {"type": "Immediate"})
    assert await station.receive() == [2, command_id, "Reset", {"type": "Immediate"}]
    await station.send([3, command_id, {"status": "Accepted"}])
    result = await system.services.result(command_id)
    assert result.outcome == OUTCOME_RESULT
    assert result.payload == b'{"status":"Accepted"}'
    assert result.command.action == "Reset"
    assert 0 < result.sent_at_ms <= result.completed_at_ms


async def test_a_connection_is_announced_and_its_end_too(system: "System") -> None:
    station = await system.connect()
    opened = await system.services.connection("CS1")
    assert opened.state == CONNECTION_STATE_OPEN
    assert (opened.gateway_epoch, opened.protocol) == (system.gateway.id.epoch, "ocpp2.0.1")
    assert opened.remote_address == "127.0.0.1"
    await station.socket.close()
    closed = await system.services.connection("CS1", 2)
    assert closed.state == CONNECTION_STATE_CLOSED
    assert closed.connection_id == opened.connection_id
    assert closed.close_code == 1000
    assert len(system.gateway.connections) == 0


async def test_the_connection_is_announced_before_the_first_call(system: "System") -> None:
    system.services.answers["BootNotification"] = boot_answer("Accepted")
    station = await system.connect()
    await station.call("BootNotification", BOOT)
    bodies = [record.WhichOneof("body") for _, record in system.services.records]
    assert bodies.index("connection") < bodies.index("station_call")
