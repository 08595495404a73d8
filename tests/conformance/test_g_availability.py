"""Block G: availability as the operator changes it, and connectors as stations report them."""

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import status
from csms_testing.conformance.station import now

ACTION = "ChangeAvailability"
FIRST, SECOND = (1, 1), (2, 1)
"""The connectors of the station."""


@pytest.fixture
def change(operator, station, station_id):
    """Sends ChangeAvailability; the station gives this answer and tells the new status of connectors."""

    async def changing(operational, *, answer="Accepted", tells=(), **request):
        request = {"operationalStatus": operational, **request}
        async with operator.calling(station_id, ACTION, request) as pending:
            assert await station.reply(ACTION, {"status": answer}) == request, "what is not asked for is left out"
        assert pending.response == {"status": answer}
        for evse in tells:
            await status(station, "Unavailable" if operational == "Inoperative" else "Available", evse)

    return changing


@pytest.fixture
def statuses(operator, station_id):
    """The statuses of the two connectors."""

    async def looking():
        return [await shown.connector(operator, station_id, evse) for evse in (FIRST, SECOND)]

    return looking


async def test_tc_g_03_csms(change, statuses, station, station_id, operator):
    await change("Inoperative", evse={"id": 1}, tells=[FIRST])
    assert await station.call("NotifyEvent", _state_of({"name": "EVSE", "evse": {"id": 1}}, "Unavailable")) == {}
    assert await statuses() == ["Unavailable", "Available"]
    evses = (await operator.station(station_id))["evses"]
    assert [evse["status"] for evse in evses if evse["evse_id"] == 1] == ["Unavailable"]


async def test_tc_g_04_csms(change, statuses):
    await change("Inoperative", evse={"id": 1}, tells=[FIRST])
    await change("Operative", evse={"id": 1}, tells=[FIRST])
    assert await statuses() == ["Available", "Available"]


async def test_tc_g_05_csms(change, statuses, station):
    await change("Inoperative", tells=[FIRST, SECOND])
    assert await station.call("NotifyEvent", _state_of({"name": "ChargingStation"}, "Unavailable")) == {}
    assert await statuses() == ["Unavailable", "Unavailable"]


async def test_tc_g_06_csms(change, statuses):
    await change("Inoperative", tells=[FIRST, SECOND])
    await change("Operative", tells=[FIRST, SECOND])
    assert await statuses() == ["Available", "Available"]


async def test_tc_g_07_csms(change, statuses):
    await change("Inoperative", evse={"id": 1, "connectorId": 1}, tells=[FIRST])
    assert await statuses() == ["Unavailable", "Available"]


async def test_tc_g_08_csms(change, statuses):
    await change("Inoperative", evse={"id": 1, "connectorId": 1}, tells=[FIRST])
    await change("Operative", evse={"id": 1, "connectorId": 1}, tells=[FIRST])
    assert await statuses() == ["Available", "Available"]


async def test_tc_g_11_csms(change, statuses, station, tokens, operator):
    await _during_a_transaction(change, statuses, Transaction(station, tokens.valid), operator, evse={"id": 1})


async def test_tc_g_14_csms(change, statuses, station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await _during_a_transaction(change, statuses, transaction, operator, idle=[SECOND])
    assert await statuses() == ["Unavailable", "Unavailable"]


async def test_tc_g_17_csms(change, statuses, station, tokens, operator):
    place = {"id": 1, "connectorId": 1}
    await _during_a_transaction(change, statuses, Transaction(station, tokens.valid), operator, evse=place)


async def test_tc_g_20_csms(station, station_id, operator):
    component = {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}}
    request = _event(component, "Problem", "true")
    assert await station.call("NotifyEvent", request) == {}
    items = await operator.items(f"/stations/{station_id}/notifications", action="NotifyEvent")
    assert items[0]["payload"] == request
    assert await shown.connector(operator, station_id) == "Available", "a lock failure is no status"


async def _during_a_transaction(change, statuses, transaction, operator, *, idle=(), **request):
    """What is in use becomes unavailable when the station says so, not when it promises to."""
    await transaction.energy_transfer_started()
    await change("Inoperative", answer="Scheduled", tells=idle, **request)
    assert await statuses() == ["Occupied", "Unavailable" if idle else "Available"]
    await transaction.stop_authorized()
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()
    assert (await statuses())[0] == "Available"
    await status(transaction.station, "Unavailable", FIRST)
    assert (await statuses())[0] == "Unavailable"
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Ended", "stopped_reason": "EVDisconnected"}.items()


def _state_of(component, value):
    return _event(component, "AvailabilityState", value)


def _event(component, variable, value):
    event = {
        "eventId": 1,
        "timestamp": now(),
        "trigger": "Delta",
        "actualValue": value,
        "eventNotificationType": "HardWiredNotification",
        "component": component,
        "variable": {"name": variable},
    }
    return {"generatedAt": now(), "seqNo": 0, "eventData": [event]}
