import asyncio
from typing import TYPE_CHECKING

import pytest
from csms.v1.auth_pb2 import REGISTRATION_STATUS_REJECTED, ConnectionDecision
from csms.v1.station_pb2 import (
    OUTCOME_ERROR,
    OUTCOME_NOT_CONNECTED,
    OUTCOME_RESULT,
    OUTCOME_TIMEOUT,
    OUTCOME_UNKNOWN,
    CallError,
    CommandResult,
    ConnectionRecord,
    StationCommand,
)
from csms_gateway import command_router
from csms_gateway.taken_commands import TakenCommands, Taking

if TYPE_CHECKING:
    from conftest import Start, System

STATUS = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
RESET = {"type": "Immediate"}


async def test_commands_are_sent_one_after_the_other(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    first = await system.services.command(connection, "CS1", "Reset", RESET)
    second = await system.services.command(connection, "CS1", "ClearCache", {})
    assert (await station.receive())[1] == first
    # Nothing of the second command before the first is answered: the next frame is our own answer.
    assert (await station.call("Heartbeat", {}))[0] == 3
    await station.send([3, first, {"status": "Accepted"}])
    assert (await station.receive())[1] == second
    await station.send([3, second, {"status": "Rejected"}])
    assert (await system.services.result(second)).payload == b'{"status":"Rejected"}'
    assert (await system.services.result(first)).outcome == OUTCOME_RESULT


async def test_calls_cross_in_both_directions(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    await station.start_call("StatusNotification", STATUS, "up")
    await system.services.call("StatusNotification")
    command = await system.services.command(connection, "CS1", "Reset", RESET)
    assert (await station.receive())[1] == command
    await station.send([3, command, {"status": "Accepted"}])
    assert (await system.services.result(command)).outcome == OUTCOME_RESULT
    await system.services.answer(system.services.calls("StatusNotification")[0], {})
    assert await station.receive() == [3, "up", {}]


async def test_a_callerror_is_the_outcome(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", RESET)
    await station.receive()
    await station.send([4, command, "NotSupported", "no", {"a": 1}])
    result = await system.services.result(command)
    assert result.outcome == OUTCOME_ERROR
    assert (result.error.code, result.error.description, result.error.details) == ("NotSupported", "no", b'{"a":1}')
    assert result.error.source == CallError.SOURCE_STATION


async def test_an_invalid_answer_is_an_error(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", RESET)
    await station.receive()
    await station.send([3, command, {"status": "Perhaps"}])
    result = await system.services.result(command)
    assert (result.outcome, result.error.code) == (OUTCOME_ERROR, "PropertyConstraintViolation")
    assert result.error.source == CallError.SOURCE_CSMS


async def test_a_silent_station_is_a_timeout_and_its_late_answer_is_dropped(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", RESET, timeout_s=0.1)
    await station.receive()
    result = await system.services.result(command)
    assert result.outcome == OUTCOME_TIMEOUT
    assert result.sent_at_ms > 0
    await station.send([3, command, {"status": "Accepted"}])
    after = await system.services.command(connection, "CS1", "ClearCache", {})
    assert (await station.receive())[1] == after
    assert len(system.services.results()) == 1


async def test_a_command_past_its_deadline_is_not_sent(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", RESET, deadline_s=-1)
    result = await system.services.result(command)
    assert (result.outcome, result.sent_at_ms) == (OUTCOME_TIMEOUT, 0)
    assert (await station.call("Heartbeat", {}))[0] == 3


@pytest.mark.parametrize("change", ["connection", "station"])
async def test_a_command_for_another_connection_is_not_connected(system: "System", change: str) -> None:
    station = await system.connect()
    connection = ConnectionRecord()
    connection.CopyFrom(await system.services.connection("CS1"))
    if change == "connection":
        connection.connection_id = "another"
    name = "CS2" if change == "station" else "CS1"
    command = await system.services.command(connection, name, "Reset", RESET)
    result = await system.services.result(command)
    assert (result.outcome, result.sent_at_ms) == (OUTCOME_NOT_CONNECTED, 0)
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_what_became_of_a_command_for_an_earlier_process_is_not_known(system: "System") -> None:
    """It may have been sent by that one, and be read again by this one."""
    station = await system.connect()
    connection = ConnectionRecord()
    connection.CopyFrom(await system.services.connection("CS1"))
    connection.gateway_epoch -= 1
    command = await system.services.command(connection, "CS1", "Reset", RESET)
    result = await system.services.result(command)
    assert (result.outcome, result.sent_at_ms) == (OUTCOME_UNKNOWN, 0)
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_a_command_for_a_newer_process_in_our_slot_is_left_to_it(system: "System") -> None:
    await system.connect()
    connection = ConnectionRecord()
    connection.CopyFrom(await system.services.connection("CS1"))
    own = await system.services.command(connection, "CS2", "Reset", RESET)
    connection.gateway_epoch += 1
    await system.services.command(connection, "CS1", "Reset", RESET)
    connection.gateway_epoch -= 1
    after = await system.services.command(connection, "CS2", "Reset", RESET)
    await system.services.result(after)
    assert set(system.services.results()) == {own, after}


async def test_losing_the_connection_ends_all_its_commands(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    sent = await system.services.command(connection, "CS1", "Reset", RESET)
    queued = await system.services.command(connection, "CS1", "ClearCache", {})
    await station.receive()
    station.socket.transport.abort()
    assert (await system.services.result(sent)).outcome == OUTCOME_UNKNOWN
    assert (await system.services.result(sent)).sent_at_ms > 0
    assert (await system.services.result(queued)).outcome == OUTCOME_NOT_CONNECTED
    assert (await system.services.result(queued)).sent_at_ms == 0


async def test_a_repeated_command_is_sent_once_and_has_one_result(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    for _ in range(2):
        await system.services.command(connection, "CS1", "Reset", RESET, correlation_id="same")
    assert (await station.receive())[1] == "same"
    await station.send([3, "same", {"status": "Accepted"}])
    await system.services.result("same")
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_a_repeat_after_the_answer_is_not_sent(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    await system.services.command(connection, "CS1", "Reset", RESET, correlation_id="same")
    assert (await station.receive())[1] == "same"
    await station.send([3, "same", {"status": "Accepted"}])
    await system.services.result("same")
    await system.services.command(connection, "CS1", "Reset", RESET, correlation_id="same")
    after = await system.services.command(connection, "CS1", "ClearCache", {})
    assert (await station.receive())[1] == after
    assert set(system.services.results()) == {"same"}  # raises when there are two


async def test_a_repeat_after_the_connection_ended_has_no_result_of_its_own(system: "System") -> None:
    """It would say that the command never was sent."""
    station = await system.connect()
    connection = await system.services.connection("CS1")
    await system.services.command(connection, "CS1", "Reset", RESET, correlation_id="same")
    await station.receive()
    station.socket.transport.abort()
    assert (await system.services.result("same")).outcome == OUTCOME_UNKNOWN
    await system.services.command(connection, "CS1", "Reset", RESET, correlation_id="same")
    after = await system.services.command(connection, "CS1", "ClearCache", {})
    assert (await system.services.result(after)).outcome == OUTCOME_NOT_CONNECTED
    assert set(system.services.results()) == {"same", after}


async def test_a_call_may_follow_its_station_to_a_newer_connection(system: "System") -> None:
    old = await system.connect()
    first = await system.services.connection("CS1")
    await old.socket.close()
    await system.services.connection("CS1", 2)
    await system.services.command(first, "CS1", "Reset", RESET, correlation_id="same")
    assert (await system.services.result("same")).outcome == OUTCOME_NOT_CONNECTED
    system.services.records.clear()
    new = await system.connect()
    second = await system.services.connection("CS1")
    await system.services.command(second, "CS1", "Reset", RESET, correlation_id="same")
    assert (await new.receive())[1] == "same"
    await new.send([3, "same", {"status": "Accepted"}])
    assert (await system.services.result("same")).outcome == OUTCOME_RESULT


async def test_an_invalid_command_is_an_error_and_not_sent(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", {"type": "Never"})
    assert (await system.services.result(command)).outcome == OUTCOME_ERROR
    assert (await station.call("Heartbeat", {}))[0] == 3


def test_an_answer_larger_than_the_bus_carries_is_an_error() -> None:
    result = CommandResult(command=StationCommand(payload=bytes(4000)), outcome=OUTCOME_RESULT, payload=bytes(5000))
    fitted = command_router.fitted(result, 8000)
    assert (fitted.outcome, fitted.error.code, fitted.payload) == (OUTCOME_ERROR, "GenericError", b"")
    assert fitted.command.payload == bytes(4000)
    assert command_router.fitted(result, 2000).command.payload == b"{}"


async def test_too_many_commands_are_refused(start: "Start") -> None:
    system = await start(command_queue=1)
    station = await system.connect()
    connection = await system.services.connection("CS1")
    commands = [await system.services.command(connection, "CS1", "Reset", RESET) for _ in range(3)]
    assert (await system.services.result(commands[2])).outcome == OUTCOME_ERROR
    for command in commands[:2]:
        assert (await station.receive())[1] == command
        await station.send([3, command, {"status": "Accepted"}])
        assert (await system.services.result(command)).outcome == OUTCOME_RESULT


async def test_more_than_can_be_remembered_is_not_sent(system: "System", monkeypatch: pytest.MonkeyPatch) -> None:
    """If its record came again, that would not be noticed: so nobody says that it was not sent."""
    station = await system.connect()
    connection = await system.services.connection("CS1")
    monkeypatch.setattr(TakenCommands, "take", lambda *_: Taking.FULL)
    command = await system.services.command(connection, "CS1", "Reset", RESET)
    result = await system.services.result(command)
    assert (result.outcome, result.sent_at_ms) == (OUTCOME_UNKNOWN, 0)
    assert (await station.call("Heartbeat", {}))[0] == 3


async def test_bytes_of_waiting_commands_are_bounded(system: "System", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command_router, "MOST_BYTES", 3000)
    first, second = await system.connect("CS1"), await system.connect("CS2")
    data = {"vendorId": "V", "data": "x" * 2000}
    there, elsewhere = await system.services.connection("CS1"), await system.services.connection("CS2")
    large = await system.services.command(there, "CS1", "DataTransfer", data)
    refused = await system.services.command(elsewhere, "CS2", "DataTransfer", data)
    result = await system.services.result(refused)
    assert (result.outcome, result.sent_at_ms, "not sent" in result.error.description) == (OUTCOME_ERROR, 0, True)
    assert (await first.receive())[1] == large
    await first.send([3, large, {"status": "Accepted"}])
    await system.services.result(large)
    after = await system.services.command(elsewhere, "CS2", "DataTransfer", data)
    assert (await second.receive())[1] == after


async def test_a_rejected_station_gets_only_the_trigger_to_boot(system: "System") -> None:
    system.services.decide = lambda _request: ConnectionDecision(
        allowed=True, registration_status=REGISTRATION_STATUS_REJECTED
    )
    station = await system.connect()
    connection = await system.services.connection("CS1")
    refused = await system.services.command(connection, "CS1", "Reset", RESET)
    assert (await system.services.result(refused)).outcome == OUTCOME_ERROR
    sent = await system.services.command(connection, "CS1", "TriggerMessage", {"requestedMessage": "BootNotification"})
    assert (await station.receive())[1] == sent


async def test_what_was_triggered_may_come_before_acceptance(system: "System") -> None:
    system.services.decide = lambda _request: ConnectionDecision(allowed=True)
    system.services.answers["StatusNotification"] = {}
    station = await system.connect()
    connection = await system.services.connection("CS1")
    assert (await station.call("StatusNotification", STATUS))[2] == "SecurityError"
    payload = {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}}
    command = await system.services.command(connection, "CS1", "TriggerMessage", payload)
    await station.receive()
    await station.send([3, command, {"status": "Accepted"}])
    assert (await station.call("StatusNotification", STATUS))[2] == {}


async def test_results_survive_an_outage_of_the_bus(system: "System") -> None:
    station = await system.connect()
    connection = await system.services.connection("CS1")
    command = await system.services.command(connection, "CS1", "Reset", RESET)
    await station.receive()
    system.bus.broken = frozenset({"ocpp.results"})
    await station.send([3, command, {"status": "Accepted"}])
    async with asyncio.timeout(5):
        await system.bus.refused.wait()
    assert system.services.results() == {}
    system.bus.broken = frozenset()
    assert (await system.services.result(command)).outcome == OUTCOME_RESULT
