"""Block J: meter values on the clock and sampled, within a transaction and without one."""

from datetime import UTC, datetime, timedelta

import pytest
from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import authorize
from csms_testing.conformance.station import now

SIGNED = {
    "signedMeterData": "T0NNRnx7IlJEIjpbXX18eyJTRCI6IiJ9",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkwEwYHKoZIzj0CAQ==",
}


@pytest.fixture
def transaction(station, tokens):
    return Transaction(station, tokens.valid)


def value(wh, context, *, minutes=0, **sample):
    """A meterValue some minutes after a fixed moment."""
    moment = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    return {"timestamp": f"{moment:%Y-%m-%dT%H:%M:%SZ}", "sampledValue": [{"value": wh, "context": context, **sample}]}


async def test_tc_j_01_csms(station, station_id, operator):
    for minutes in (0, 15, 30):
        await _on_the_clock(station, (0, 1, 2), minutes)
    for evse_id in (0, 1, 2):
        items = await operator.items(f"/stations/{station_id}/meter-values", evse_id=evse_id)
        assert [item["payload"]["meterValue"] for item in items] == [
            [value(100 * evse_id + minutes, "Sample.Clock", minutes=minutes)] for minutes in (30, 15, 0)
        ]
    assert await operator.items("/transactions", station_id=station_id) == []


async def test_tc_j_02_csms(transaction, station, station_id, operator):
    await transaction.energy_transfer_started()
    sent = []
    for minutes in (0, 15, 30):
        await _on_the_clock(station, (0, 2), minutes)
        sent.append(value(1000 + minutes, "Sample.Clock", minutes=minutes))
        assert await transaction.event("Updated", "MeterValueClock", meterValue=sent[-1:]) == {}
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "meter_start": 1000, "meter_stop": 1030, "energy_wh": 30}.items()
    assert await shown.meter_values(operator, seen) == sent
    items = await operator.items(f"/stations/{station_id}/meter-values")
    assert len(items) == 6, "the values of a transaction are its own"


async def test_tc_j_03_csms(transaction, operator):
    await _ended_with(transaction, operator, "Sample.Clock")


async def test_tc_j_04_csms(transaction, operator):
    await _ended_with(transaction, operator, "Sample.Clock", signedMeterValue=SIGNED)


async def test_tc_j_07_csms(transaction, operator):
    begin = value(5, "Transaction.Begin", unitOfMeasure={"unit": "kWh"})
    await _cable_plugged_in(transaction, begin)
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "evse_id": 1, "meter_start": 5000}.items()
    assert await shown.meter_values(operator, seen) == [begin]


async def test_tc_j_08_csms(transaction, tokens, operator):
    assert (await authorize(transaction.station, tokens.valid))["status"] == "Accepted"
    answer = await transaction.event("Started", "Authorized", token=tokens.valid, evse=None)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    transaction.is_authorized = True
    assert (await shown.transaction(operator, transaction))["meter_start"] is None
    await _cable_plugged_in(transaction, value(5000, "Transaction.Begin"))
    await transaction.energy_transfer_started()
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"evse_id": 1, "meter_start": 5000, "charging_state": "Charging"}.items()


async def test_tc_j_09_csms(transaction, operator):
    await transaction.energy_transfer_started()
    sent = [value(2000 + minutes, "Sample.Periodic", minutes=minutes) for minutes in (0, 1, 2)]
    for item in sent:
        assert await transaction.event("Updated", "MeterValuePeriodic", meterValue=[item]) == {}
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"meter_start": 2000, "meter_stop": 2002, "energy_wh": 2}.items()
    assert await shown.meter_values(operator, seen) == sent


async def test_tc_j_10_csms(transaction, operator):
    await _ended_with(transaction, operator, "Sample.Periodic")


async def test_tc_j_11_csms(transaction, operator):
    await _ended_with(transaction, operator, "Sample.Periodic", signedMeterValue=SIGNED)


async def _on_the_clock(station, evse_ids, minutes):
    """Each EVSE's value goes out twice, as stations of both kinds send it."""
    for evse_id in evse_ids:
        item = value(100 * evse_id + minutes, "Sample.Clock", minutes=minutes)
        assert await station.call("MeterValues", {"evseId": evse_id, "meterValue": [item]}) == {}
        event = {
            "eventId": minutes,
            "timestamp": item["timestamp"],
            "trigger": "Periodic",
            "actualValue": str(item["sampledValue"][0]["value"]),
            "eventNotificationType": "HardWiredMonitor",
            "component": {"name": "FiscalMetering", **({"evse": {"id": evse_id}} if evse_id else {})},
            "variable": {"name": "EnergyActiveImportRegister"},
        }
        request = {"generatedAt": now(), "seqNo": 0, "eventData": [event]}
        assert await station.call("NotifyEvent", request) == {}


async def _cable_plugged_in(transaction, item):
    """State EVConnectedPreSession, with a meter value in its event."""
    transaction.connected, transaction.charging_state = True, "EVConnected"
    kind = "Updated" if transaction.seq_no else "Started"
    assert await transaction.event(kind, "CablePluggedIn", meterValue=[item]) == {}


async def _ended_with(transaction, operator, context, **sample):
    """State EVDisconnected, where the Ended event has values of the whole transaction."""
    await transaction.ev_connected_post_session()
    history = [value(1000 + 10 * minutes, context, minutes=minutes, **sample) for minutes in (0, 1, 2)]
    history.append(value(1025, "Transaction.End", minutes=3, **sample))
    transaction.connected, transaction.charging_state = False, "Idle"
    info = {"stoppedReason": "EVDisconnected"}
    assert await transaction.event("Ended", "EVCommunicationLost", info=info, meterValue=history) == {}
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Ended", "meter_start": 1000, "meter_stop": 1025, "energy_wh": 25}.items()
    assert await shown.meter_values(operator, seen) == history, "kept as it came, signed data too"
