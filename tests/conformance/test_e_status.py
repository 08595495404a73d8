"""Block E, cases about GetTransactionStatus: what the station still has to deliver."""

from contextlib import asynccontextmanager

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import status_notification
from csms_testing.conformance.station import now

ACTION = "GetTransactionStatus"


@pytest.fixture
def ask(operator, station_id):
    """Asks the station, which gives this answer; returns the request it got. The operator sees the answer."""

    async def asking(station, request, answer):
        async with operator.calling(station_id, ACTION, request) as pending:
            received = await station.reply(ACTION, answer)
        assert pending.response == answer
        call = await shown.last_call(operator, station_id)
        assert call.items() >= {"action": ACTION, "outcome": "result", "response": answer}.items()
        return received

    return asking


@pytest.fixture
async def charging(station, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    return transaction


@pytest.fixture
def reconnected(connect, operator, station_id):
    """Drops the connection; the transaction goes on over a new one, which the CSMS knows."""

    @asynccontextmanager
    async def reconnecting(transaction):
        earlier = await operator.station(station_id)
        await transaction.station.socket.close()
        async with connect() as station:
            transaction.station = station
            await shown.reconnected(operator, station_id, earlier)
            yield station

    return reconnecting


def reading(wh):
    return [{"timestamp": now(), "sampledValue": [{"value": wh}]}]


async def test_tc_e_29_csms(charging, reconnected, ask, operator):
    async with reconnected(charging) as station:
        request = {"transactionId": charging.transaction_id}
        assert await ask(station, request, {"ongoingIndicator": True, "messagesInQueue": True}) == request
        assert await charging.event("Updated", "MeterValuePeriodic", offline=True, meterValue=reading(100)) == {}
        seen = await shown.transaction(operator, charging)
        assert seen.items() >= {"state": "Active", "offline_events": 1}.items()


async def test_tc_e_30_csms(charging, ask, operator):
    request = {"transactionId": charging.transaction_id}
    assert await ask(charging.station, request, {"ongoingIndicator": True, "messagesInQueue": False}) == request
    assert (await shown.transaction(operator, charging))["state"] == "Active"


async def test_tc_e_31_csms(charging, reconnected, ask, operator, tokens):
    skipped = charging.seq_no
    async with reconnected(charging) as station:
        assert await station.call("StatusNotification", status_notification("Available")) == {}
        charging.seq_no, charging.charging_state = skipped + 2, "Idle"
        assert await charging.event("Ended", "EVCommunicationLost", offline=True) == {}
        seen = await shown.listed(operator, charging)
        assert (seen["state"], seen["gaps"]) == ("Ended", [{"first": skipped, "last": skipped + 1}])

        request = {"transactionId": charging.transaction_id}
        assert await ask(station, request, {"ongoingIndicator": False, "messagesInQueue": True}) == request
        charging.seq_no, charging.charging_state = skipped, "EVConnected"
        answer = await charging.event("Updated", "StopAuthorized", token=tokens.valid, offline=True)
        assert answer["idTokenInfo"]["status"] == "Accepted"
        assert await charging.event("Updated", "ChargingStateChanged", offline=True) == {}

        charging.seq_no = skipped + 3
        seen = await shown.transaction(operator, charging)
        assert seen.items() >= {"state": "Ended", "charging_state": "Idle", "offline_events": 3}.items()
        assert seen["stop_id_token"] == tokens.valid
        assert [event["seq_no"] for event in await shown.events(operator, seen)] == list(range(skipped + 3))


async def test_tc_e_33_csms(charging, reconnected, ask, operator):
    async with reconnected(charging) as station:
        assert await ask(station, {}, {"messagesInQueue": True}) == {}
        assert await charging.event("Updated", "MeterValuePeriodic", offline=True, meterValue=reading(100)) == {}
        assert (await shown.transaction(operator, charging))["offline_events"] == 1


async def test_tc_e_34_csms(station, ask):
    assert await ask(station, {}, {"messagesInQueue": False}) == {}
