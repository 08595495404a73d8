"""Block F, cases about TriggerMessage."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import status
from csms_testing.conformance.station import now


@pytest.fixture
def trigger(operator, station, station_id):
    """Asks for a message; the station gives this answer."""

    async def triggering(message, *, answer="Accepted", **request):
        request = {"requestedMessage": message, **request}
        async with operator.calling(station_id, "TriggerMessage", request) as pending:
            assert await station.reply("TriggerMessage", {"status": answer}) == request
        assert pending.response == {"status": answer}

    return triggering


def triggered(wh=1000):
    return [{"timestamp": now(), "sampledValue": [{"value": wh, "context": "Trigger"}]}]


async def test_tc_f_11_csms(trigger, station, station_id, operator):
    await trigger("MeterValues", evse={"id": 1})
    request = {"evseId": 1, "meterValue": triggered()}
    assert await station.call("MeterValues", request) == {}
    items = await operator.items(f"/stations/{station_id}/meter-values", evse_id=1)
    assert [item["payload"] for item in items] == [request]


async def test_tc_f_12_csms(trigger, station, station_id, operator):
    await trigger("MeterValues")
    for evse_id in (1, 2):
        assert await station.call("MeterValues", {"evseId": evse_id, "meterValue": triggered()}) == {}
    items = await operator.items(f"/stations/{station_id}/meter-values")
    assert {item["evse_id"] for item in items} == {1, 2}


async def test_tc_f_13_csms(trigger, station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    await trigger("TransactionEvent", evse={"id": 1})
    assert await transaction.event("Updated", "Trigger", meterValue=triggered()) == {}
    await _is_charging(operator, transaction)


async def test_tc_f_14_csms(trigger, station, tokens, operator):
    transactions = [Transaction(station, tokens.valid), Transaction(station, tokens.valid_2, evse=(2, 1))]
    for transaction in transactions:
        await transaction.energy_transfer_started()
    await trigger("TransactionEvent")
    for transaction in transactions:
        assert await transaction.event("Updated", "Trigger", evse=None, meterValue=triggered()) == {}
    for transaction in transactions:
        await _is_charging(operator, transaction)


async def test_tc_f_15_csms(trigger, station, station_id, operator):
    await trigger("LogStatusNotification")
    assert await station.call("LogStatusNotification", {"status": "Idle"}) == {}
    await _notified(operator, station_id, "LogStatusNotification")


async def test_tc_f_18_csms(trigger, station, station_id, operator):
    await trigger("FirmwareStatusNotification")
    assert await station.call("FirmwareStatusNotification", {"status": "Idle"}) == {}
    await _notified(operator, station_id, "FirmwareStatusNotification")


async def test_tc_f_20_csms(trigger, station):
    await trigger("Heartbeat")
    _is_now(await station.call("Heartbeat"))


async def test_tc_f_20_csms_message_before_the_answer(operator, station, station_id):
    """What was asked for may overtake the answer, and is answered while our CALL is open."""
    request = {"requestedMessage": "Heartbeat"}
    async with operator.calling(station_id, "TriggerMessage", request) as pending:
        await station.expect("TriggerMessage")
        _is_now(await station.call("Heartbeat"))
        await station.answer({"status": "Accepted"})
    assert pending.response == {"status": "Accepted"}


async def test_tc_f_23_csms(trigger, station, station_id, operator):
    await trigger("StatusNotification", evse={"id": 1, "connectorId": 1})
    await status(station, "Available")
    assert await shown.connector(operator, station_id) == "Available"


async def test_tc_f_24_csms(trigger, station, station_id, operator):
    await status(station, "Occupied")
    await trigger("StatusNotification", evse={"id": 1, "connectorId": 1})
    await status(station, "Occupied")
    assert await shown.connector(operator, station_id) == "Occupied"


@pytest.mark.parametrize("evse", [None, {"id": 1}])
async def test_tc_f_24_csms_never_without_connector(operator, station, station_id, evse):
    """F06.FR.13: refused before anything is sent."""
    request = {"requestedMessage": "StatusNotification", **({"evse": evse} if evse else {})}
    async with operator.calling(station_id, "TriggerMessage", request) as pending:
        pass
    assert pending.http_status == 422
    assert "F06.FR.13" in pending.body["errors"][0]["detail"]
    await station.expect_nothing()


async def test_tc_f_27_csms(trigger, station, station_id, operator):
    await trigger("SignV2GCertificate", answer="NotImplemented")
    call = await shown.last_call(operator, station_id)
    assert call.items() >= {"outcome": "result", "response": {"status": "NotImplemented"}}.items()
    await station.expect_nothing()


async def _is_charging(operator, transaction):
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "charging_state": "Charging", "meter_start": 1000}.items()
    assert (seen["evse_id"], seen["connector_id"]) == transaction.evse, "an event without evse moves nothing"


async def _notified(operator, station_id, action):
    items = await operator.items(f"/stations/{station_id}/notifications", action=action)
    assert [item["payload"] for item in items] == [{"status": "Idle"}]


def _is_now(heartbeat):
    current = datetime.fromisoformat(heartbeat["currentTime"])
    assert abs(datetime.now(UTC) - current) < timedelta(minutes=1)
