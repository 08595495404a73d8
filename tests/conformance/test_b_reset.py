"""Block B, Reset of the station and of an EVSE."""

import pytest
from csms_testing.conformance import Transaction
from csms_testing.conformance.states import booted, status


async def reset(operator, station, payload: dict, answer: str) -> None:
    async with operator.calling(station.station_id, "Reset", payload) as pending:
        assert await station.reply("Reset", {"status": answer}) == payload
    assert pending.response == {"status": answer}


async def the_transaction(operator, transaction: Transaction) -> dict:
    (shown,) = await operator.items("/transactions", station_id=transaction.station.station_id)
    assert shown["transaction_id"] == transaction.transaction_id
    return shown


async def test_tc_b_20_csms(connect, operator):
    async with connect() as station:
        await booted(station)
        await reset(operator, station, {"type": "OnIdle"}, "Accepted")
    async with connect() as station:
        await booted(station, "RemoteReset")
        await station.expect_nothing()
    assert (await operator.station(station.station_id))["boot"]["reason"] == "RemoteReset"


@pytest.mark.parametrize("answer", ["Rejected"])
async def test_tc_b_20_csms_refused_by_the_station(station, operator, answer):
    await reset(operator, station, {"type": "OnIdle"}, answer)
    await status(station, "Available")
    await station.expect_nothing()


async def test_tc_b_21_csms(connect, operator, tokens):
    async with connect() as station:
        await booted(station)
        transaction = Transaction(station, tokens.valid)
        await transaction.energy_transfer_started()
        await reset(operator, station, {"type": "OnIdle"}, "Scheduled")
        pending = (await operator.station(station.station_id))["pending_reset"]
        assert (pending["type"], pending["status"]) == ("OnIdle", "Scheduled")
        await transaction.stop_authorized()
        await transaction.ev_disconnected()
    async with connect() as station:
        await booted(station, "ScheduledReset")
        await station.expect_nothing()
    assert (await operator.station(station.station_id))["pending_reset"] is None
    assert (await the_transaction(operator, transaction))["stopped_reason"] == "EVDisconnected"


async def test_tc_b_22_csms(connect, operator, tokens):
    async with connect() as station:
        await booted(station, evses=((1, 1), (2, 1)))
        transaction = Transaction(station, tokens.valid)
        await transaction.energy_transfer_started()
        await reset(operator, station, {"type": "Immediate"}, "Accepted")
        transaction.charging_state = "EVConnected"
        answer = await transaction.event("Ended", "ResetCommand", info={"stoppedReason": "ImmediateReset"})
        assert "idTokenInfo" not in answer
    async with connect() as station:
        await booted(station, "RemoteReset", evses=())
        await status(station, "Occupied", (1, 1))
        await status(station, "Available", (2, 1))
        shown = await operator.station(station.station_id)
    assert (await the_transaction(operator, transaction))["stopped_reason"] == "ImmediateReset"
    assert [evse["connectors"][0]["status"] for evse in shown["evses"]] == ["Occupied", "Available"]


async def test_tc_b_25_csms(station, operator):
    await reset(operator, station, {"type": "OnIdle", "evseId": 1}, "Accepted")
    await station.expect_nothing()


async def test_tc_b_26_csms(station, operator, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    await reset(operator, station, {"type": "OnIdle", "evseId": 1}, "Scheduled")
    await transaction.stop_authorized()
    await transaction.ev_disconnected()
    await station.expect_nothing()
    assert (await the_transaction(operator, transaction))["stopped_reason"] == "EVDisconnected"


async def test_tc_b_27_csms(station, operator, tokens):
    transaction = Transaction(station, tokens.valid)
    await transaction.energy_transfer_started()
    await reset(operator, station, {"type": "Immediate", "evseId": 1}, "Accepted")
    transaction.charging_state = "EVConnected"
    await transaction.event("Ended", "ResetCommand", info={"stoppedReason": "ImmediateReset"})
    await station.expect_nothing()
    assert (await the_transaction(operator, transaction))["stopped_reason"] == "ImmediateReset"
