"""OCPP 1.6, cold boot and what a station tells of itself: TC_001, TC_024, TC_064, TC_088."""

import pytest
from csms_testing.conformance.v16 import boot, booted, status, status_notification

BAD_REQUEST = 400


async def test_tc_001_csms(connect, operator, station_id):
    async with connect() as station:
        answer = await boot(station)
        assert answer["status"] == "Accepted"
        assert answer["interval"] > 0
        for connector_id in (0, 1, 2):
            await status(station, "Available", connector_id)
        assert list(await station.call("Heartbeat")) == ["currentTime"]
        await station.expect_nothing()
        shown = await operator.station(station_id)
    assert (shown["protocol"], shown["registration_status"], shown["boot"]["model"]) == (
        "ocpp1.6",
        "Accepted",
        "Model 1",
    )
    assert (shown["status"], shown["reported"]["status"]) == ("Available", "Available")
    assert [(evse["evse_id"], evse["status"]) for evse in shown["evses"]] == [(1, "Available"), (2, "Available")]


@pytest.mark.parametrize("registration", ["Pending", "Rejected"])
async def test_tc_001_csms_not_accepted(connect, operator, station_id, registration):
    """Until it is accepted a station gets a SecurityError for all else; it is when an operator says so."""
    await operator.put_station(station_id, registration=registration)
    async with connect() as station:
        answer = await boot(station)
        assert (answer["status"], answer["interval"] > 0) == (registration, True)
        assert await station.refused("StatusNotification", status_notification("Available")) == "SecurityError"
        assert await station.refused("Heartbeat") == "SecurityError"
        await operator.put_station(station_id, registration="Accepted")
        await booted(station)


async def test_tc_024_csms(operator, station, station_id):
    await status(station, "Faulted", 1, errorCode="ConnectorLockFailure", info="stuck", vendorErrorCode="E1")
    connector = (await operator.station(station_id))["evses"][0]["connectors"][0]
    assert connector["status"] == "Faulted"
    assert connector["reported"] == {
        "status": "Faulted",
        "error_code": "ConnectorLockFailure",
        "info": "stuck",
        "vendor_error_code": "E1",
        "vendor_id": None,
    }
    await station.expect_nothing()


async def test_tc_024_csms_every_status(operator, station, station_id):
    """What the product shows of each status: OCPP 2's word, and the station's own beside it."""
    for said, meant in (("Preparing", "Occupied"), ("SuspendedEV", "Occupied"), ("Reserved", "Reserved")):
        await status(station, said, 2)
        connector = (await operator.station(station_id))["evses"][1]["connectors"][0]
        assert (connector["status"], connector["reported"]["status"]) == (meant, said)


@pytest.mark.parametrize("more", [{}, {"messageId": "unknown"}, {"messageId": "m", "data": "text"}])
async def test_tc_064_csms(operator, station, station_id, more):
    request = {"vendorId": "org.example.unknown", **more}
    assert await station.call("DataTransfer", request) == {"status": "UnknownVendorId"}
    (item,) = await operator.items(f"/stations/{station_id}/notifications", action="DataTransfer")
    assert item["payload"] == request


@pytest.mark.parametrize(("more", "answer"), [({}, "Rejected"), ({"messageId": "unknown"}, "UnknownMessageId")])
async def test_tc_064_csms_known_vendor(operator, station, station_id, more, answer):
    await operator.put_station(station_id, vendor_ids=["org.example.vendor"])
    assert await station.call("DataTransfer", {"vendorId": "org.example.vendor", **more}) == {"status": answer}


async def test_tc_088_csms(connect):
    assert await connect.refused(protocols=("ocpp0.1",)) == BAD_REQUEST
    assert await connect.refused(protocols=()) == BAD_REQUEST
    connect.protocols = ("ocpp0.1", "ocpp1.6")
    async with connect() as station:
        assert station.protocol == "ocpp1.6"
        await booted(station)


async def test_tc_086_csms(tls_connect):
    async with tls_connect() as station:
        await booted(station)
        assert station.socket.transport.get_extra_info("ssl_object").version() in {"TLSv1.2", "TLSv1.3"}


async def test_tc_087_csms(secured_connect, serial_number):
    async with secured_connect() as station:
        await booted(station, chargePointSerialNumber=serial_number)
        await station.expect_nothing()
