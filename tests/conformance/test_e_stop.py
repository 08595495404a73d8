"""Block E, cases about how a transaction ends, and about one that must not."""

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import status


@pytest.fixture
def transaction(station, tokens):
    return Transaction(station, tokens.valid)


@pytest.fixture
def ended(operator, transaction):
    """Asserts that the transaction is shown as ended for this reason."""

    async def look(reason):
        seen = await shown.transaction(operator, transaction)
        assert seen.items() >= {"state": "Ended", "stopped_reason": reason}.items()
        assert seen["ended_at"] is not None
        return seen

    return look


async def test_tc_e_07_csms(transaction, tokens, ended):
    await transaction.energy_transfer_started()
    transaction.charging_state = "EVConnected"
    answer = await transaction.event("Ended", "StopAuthorized", token=tokens.valid, info={"stoppedReason": "Local"})
    assert answer["idTokenInfo"]["status"] == "Accepted"
    seen = await ended("Local")
    assert (seen["id_token"], seen["stop_id_token"]) == (tokens.valid, tokens.valid)


async def test_tc_e_08_csms(transaction, ended):
    await transaction.stop_authorized()
    await transaction.event("Ended", "ChargingStateChanged", info={"stoppedReason": "Local"})
    assert (await ended("Local"))["charging_state"] == "EVConnected"


async def test_tc_e_14_csms(transaction, ended, operator, station_id):
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()
    assert (await ended("EVDisconnected"))["charging_state"] == "Idle"
    assert await shown.connector(operator, station_id) == "Available"


async def test_tc_e_15_csms(transaction, ended):
    await transaction.energy_transfer_started()
    assert await transaction.event("Ended", "StopAuthorized", info={"stoppedReason": "Local"}) == {}
    await ended("Local")


async def test_tc_e_16_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.unknown)
    answer = await transaction.event("Started", "Authorized", token=tokens.unknown)
    assert answer["idTokenInfo"]["status"] in {"Invalid", "Unknown"}
    seen = await shown.transaction(operator, transaction)
    assert (seen["id_token"], seen["group_id_token"]) == (tokens.unknown, None), "who tried to charge is to be seen"
    (tried,) = await shown.authorizations(operator, seen)
    assert (tried["token"], tried["status"]) == (tokens.unknown, answer["idTokenInfo"]["status"])
    await transaction.event("Ended", "Deauthorized", info={"stoppedReason": "DeAuthorized"})
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Ended", "stopped_reason": "DeAuthorized"}.items()


async def test_tc_e_17_csms(transaction, ended):
    await transaction.energy_transfer_suspended()
    transaction.charging_state = "Idle"
    await transaction.event("Ended", "EVCommunicationLost", info={"stoppedReason": "EVDisconnected"})
    await ended("EVDisconnected")


async def test_tc_e_19_csms(transaction, ended):
    """The state EVDisconnected ends the transaction already; the second Ended event tells the reason that counts."""
    await transaction.ev_connected_post_session()
    await transaction.ev_disconnected()
    assert await transaction.event("Ended", "EVDeparted", info={"stoppedReason": "Local"}) == {}
    await ended("Local")


async def test_tc_e_20_csms(transaction, ended):
    await transaction.energy_transfer_suspended()
    await transaction.ev_disconnected()
    await ended("EVDisconnected")


async def test_tc_e_21_csms(transaction, ended, operator, station):
    await transaction.energy_transfer_started()
    seen = await shown.transaction(operator, transaction)
    async with operator.posting(f"/transactions/{seen['id']}/remote-stop") as pending:
        request = await station.reply("RequestStopTransaction", {"status": "Accepted"})
    assert request == {"transactionId": transaction.transaction_id}
    assert pending.response == {"status": "Accepted"}
    seen = await shown.transaction(operator, transaction)
    assert seen["state"] == "Active", "the station's event ends it, not its answer"
    await transaction.event("Ended", "RemoteStop", info={"stoppedReason": "Remote"})
    await ended("Remote")


async def test_tc_e_22_csms(transaction, ended):
    await transaction.energy_transfer_started()
    transaction.charging_state = "SuspendedEV"
    await transaction.event("Ended", "ChargingStateChanged", info={"stoppedReason": "StoppedByEV"})
    await ended("StoppedByEV")


async def test_tc_e_26_csms(transaction, operator, station, tokens):
    await transaction.energy_transfer_suspended()
    for state, reason in (("Idle", "EVCommunicationLost"), ("EVConnected", "CablePluggedIn")):
        transaction.charging_state = state
        await transaction.event("Updated", reason)
        if state == "Idle":
            await status(station, "Available")
        seen = await shown.transaction(operator, transaction)
        assert seen.items() >= {"state": "Active", "charging_state": state, "ended_at": None}.items()
    transaction.charging_state = "Charging"
    await transaction.event("Updated", "ChargingStateChanged")
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "charging_state": "Charging", "id_token": tokens.valid}.items()
    assert len(await operator.items("/transactions", station_id=station.station_id)) == 1
    await station.expect_nothing()


async def test_tc_e_39_csms(transaction, ended):
    await transaction.authorized()
    await transaction.event("Ended", "EVConnectTimeout", info={"stoppedReason": "Timeout"})
    await ended("Timeout")
