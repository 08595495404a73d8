"""Block P: data transfer to the CSMS, and custom data in other messages."""

import pytest
from csms_testing.conformance import Transaction
from csms_testing.conformance.states import status_notification
from csms_testing.conformance.tokens import id_token

CUSTOM = {"vendorId": "org.example.vendor", "text": "free", "nested": {"list": [1, 2.5, None, {"deep": True}]}}


@pytest.mark.parametrize("more", [{}, {"messageId": "unknown"}, {"messageId": "m", "data": {"any": ["thing"]}}])
async def test_tc_p_02_csms(operator, station, station_id, more):
    request = {"vendorId": "org.example.unknown", **more}
    assert await station.call("DataTransfer", request) == {"status": "UnknownVendorId"}
    (item,) = await operator.items(f"/stations/{station_id}/notifications", action="DataTransfer")
    assert item["payload"] == request


@pytest.mark.parametrize(("more", "answer"), [({}, "Rejected"), ({"messageId": "unknown"}, "UnknownMessageId")])
async def test_tc_p_02_csms_known_vendor(operator, station, station_id, more, answer):
    await operator.put_station(station_id, vendor_ids=["org.example.vendor"])
    assert await station.call("DataTransfer", {"vendorId": "org.example.vendor", **more}) == {"status": answer}


async def test_tc_p_03_csms(operator, station, station_id, tokens):
    assert await station.call("StatusNotification", {**status_notification("Occupied"), "customData": CUSTOM}) == {}
    evses = (await operator.station(station_id))["evses"]
    assert evses[0]["connectors"][0]["status"] == "Occupied"
    transaction = Transaction(station, tokens.valid)
    await transaction.authorized()
    await transaction.event(
        "Updated",
        "CablePluggedIn",
        info={"chargingState": "EVConnected", "customData": CUSTOM},
        customData=CUSTOM,
    )
    answer = await station.call("Authorize", {"idToken": id_token(tokens.valid), "customData": CUSTOM})
    assert answer["idTokenInfo"]["status"] == "Accepted"
    (shown,) = await operator.items("/transactions", station_id=station_id)
    events = await operator.items(f"/transactions/{shown['id']}/events")
    assert CUSTOM in [event["payload"].get("customData") for event in events]
