"""Block E, cases about how a transaction begins."""

from csms_testing.conformance import Transaction, shown
from csms_testing.conformance.states import authorize, status
from csms_testing.conformance.station import now

SIGNED = {
    "signedMeterData": "T0NNRnx7fXx7fQ==",
    "signingMethod": "ECDSA-secp256r1-SHA256",
    "encodingMethod": "OCMF",
    "publicKey": "MFkwEwYHKoZIzj0CAQ==",
}
PLACE = {"evse_id": 1, "connector_id": 1}


async def test_tc_e_01_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid, charging_state="SuspendedEVSE")
    assert (await authorize(station, tokens.valid))["status"] == "Accepted"
    await status(station, "Occupied")
    answer = await transaction.event("Started", "ChargingStateChanged", token=tokens.valid)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    transaction.charging_state = "Charging"
    await transaction.event("Updated", "ChargingStateChanged")
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {**PLACE, "state": "Active", "charging_state": "Charging"}.items()
    assert (seen["id_token"], seen["id_token_type"]) == (tokens.valid, "ISO14443")
    assert await shown.connector(operator, station.station_id) == "Occupied"


async def test_tc_e_02_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid, charging_state="Charging")
    assert (await authorize(station, tokens.valid))["status"] == "Accepted"
    await status(station, "Occupied")
    answer = await transaction.event("Started", "ChargingStateChanged", token=tokens.valid)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {**PLACE, "state": "Active", "charging_state": "Charging"}.items()


async def test_tc_e_03_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await transaction.ev_connected_pre_session()
    assert (await shown.transaction(operator, transaction))["id_token"] is None
    await transaction.authorized()
    await transaction.energy_transfer_started()
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {**PLACE, "id_token": tokens.valid, "charging_state": "Charging"}.items()
    assert [event["event_type"] for event in await shown.events(operator, seen)] == ["Started", "Updated", "Updated"]


async def test_tc_e_04_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await _authorized_anywhere(transaction)
    seen = await shown.transaction(operator, transaction)
    assert (seen["evse_id"], seen["connector_id"]) == (None, None), "no evse is not EVSE 1"
    await transaction.energy_transfer_started()
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {**PLACE, "id_token": tokens.valid, "charging_state": "Charging"}.items()


async def test_tc_e_09_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await transaction.ev_connected_pre_session()
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {**PLACE, "state": "Active", "id_token": None, "charging_state": "EVConnected"}.items()
    assert await shown.connector(operator, station.station_id) == "Occupied"


async def test_tc_e_10_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await _authorized_anywhere(transaction)
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "evse_id": None, "id_token": tokens.valid}.items()


async def test_tc_e_11_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid, charging_state="EVConnected")
    assert (await authorize(station, tokens.valid))["status"] == "Accepted"
    await status(station, "Occupied")
    sample = {"value": 0.0, "context": "Transaction.Begin", "signedMeterValue": SIGNED}
    value = {"timestamp": now(), "sampledValue": [sample]}
    answer = await transaction.event("Started", "SignedDataReceived", token=tokens.valid, meterValue=[value])
    assert answer["idTokenInfo"]["status"] == "Accepted"
    transaction.charging_state = "Charging"
    await transaction.event("Updated", "ChargingStateChanged")
    seen = await shown.transaction(operator, transaction)
    assert seen["meter_start"] == 0.0
    assert await shown.meter_values(operator, seen) == [value], "signed data is kept as it came"


async def test_tc_e_12_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    assert await transaction.event("Started", "EVDetected", evse=None) == {}
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "evse_id": None, "id_token": None}.items()


async def test_tc_e_38_csms(station, tokens, operator):
    transaction = Transaction(station, tokens.valid)
    await transaction.authorized()
    await transaction.ev_connected_pre_session()
    transaction.charging_state = "SuspendedEV"
    await transaction.event("Updated", "ChargingStateChanged")
    seen = await shown.transaction(operator, transaction)
    assert seen.items() >= {"state": "Active", "charging_state": "SuspendedEV"}.items()


async def test_tc_e_53_csms(station, tokens, operator):
    first, second = Transaction(station, tokens.valid), Transaction(station, tokens.valid)
    for transaction in (first, second):
        assert transaction.seq_no == 0
        await transaction.energy_transfer_started()
        await transaction.ev_connected_post_session()
        await transaction.ev_disconnected()
    for transaction in (first, second):
        seen = await shown.transaction(operator, transaction)
        assert seen["state"] == "Ended"
        assert (await shown.events(operator, seen))[0]["seq_no"] == 0


async def _authorized_anywhere(transaction: Transaction) -> None:
    """State Authorized at a station that does not know yet at which EVSE."""
    assert (await authorize(transaction.station, transaction.token))["status"] == "Accepted"
    answer = await transaction.event("Started", "Authorized", token=transaction.token, evse=None)
    assert answer["idTokenInfo"]["status"] == "Accepted"
    transaction.is_authorized = True
