"""OCPP 2.1, what stations tell: each message is answered, and shown."""

import pytest
from csms_testing.conformance.station import now
from csms_testing.systems import RECEIPT_URL

TOKEN = {"idToken": "TAG", "type": "ISO14443"}


def settlement(status):
    return {"pspRef": "psp-1", "status": status, "settlementAmount": 12.5, "settlementTime": now()}


async def test_tc_c_113_csms(tells, transaction):
    await tells("NotifySettlement", settlement("Canceled") | {"transactionId": transaction.transaction_id})


async def test_tc_c_118_csms(tells, transaction):
    receipt = {"receiptUrl": RECEIPT_URL.format(psp_ref="psp-1")}
    await tells(
        "NotifySettlement", settlement("Settled") | {"transactionId": transaction.transaction_id}, answer=receipt
    )
    own = {"receiptId": "r-1", "receiptUrl": "https://terminal.example.org/r-1"}
    await tells("NotifySettlement", settlement("Settled") | own)


async def test_tc_c_119_csms(tells):
    await tells("NotifySettlement", settlement("Failed") | {"statusInfo": "no connection"})


async def test_tc_c_120_csms(tells):
    await tells("NotifySettlement", settlement("Rejected"))


@pytest.mark.parametrize("mode", ["ScheduledControl", "DynamicControl"])
async def test_tc_k_126_csms(tells, mode):
    needs = {"requestedEnergyTransfer": "DC", "controlMode": mode}
    await tells("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs}, answer={"status": "NoChargingProfile"})


async def test_tc_r_108_csms(tells):
    alarm = {"controlType": "VoltWatt", "gridEventFault": "OverVoltage", "timestamp": now()}
    await tells("NotifyDERAlarm", alarm)
    await tells("NotifyDERAlarm", alarm | {"alarmEnded": True})
    started = {"controlId": "c-1", "started": True, "timestamp": now(), "supersededIds": ["c-2"]}
    await tells("NotifyDERStartStop", started)
    await tells("NotifyDERStartStop", {"controlId": "c-1", "started": False, "timestamp": now()})


async def test_tc_s_103_csms(sends, tells, operator, station_id):
    await sends("RequestBatterySwap", {"requestId": 5, "idToken": TOKEN})
    (asked,) = await operator.items(f"/stations/{station_id}/battery-swaps")
    assert (asked["request_id"], asked["state"], asked["id_token"]) == (5, "Requested", "TAG")
    battery = {"evseId": 1, "serialNumber": "B-1", "soC": 20, "soH": 98}
    for event in ("BatteryIn", "BatteryOut"):
        await tells("BatterySwap", {"eventType": event, "requestId": 5, "idToken": TOKEN, "batteryData": [battery]})
    (swapped,) = await operator.items(f"/stations/{station_id}/battery-swaps")
    assert (swapped["state"], swapped["batteries_in"], swapped["batteries_out"]) == ("Completed", [battery], [battery])
