"""B01.FR.11, B01.FR.12: with security profile 3 the serial number at boot is the one of the certificate."""

import pytest
from csms_testing.conformance.states import boot
from csms_testing.conformance.station import CallRefusedError

NOT_THE_CERTIFICATES = "the serial number is not the one its certificate names"


@pytest.mark.parametrize("spelled", [str, str.lower])
async def test_the_same_serial_number(secured_connect, serial_number, spelled):
    async with secured_connect() as station:
        assert (await boot(station, serialNumber=spelled(serial_number)))["status"] == "Accepted"
        await station.expect_nothing()


@pytest.mark.parametrize("change", [lambda text: text[:-1], lambda text: f"{text}5", lambda text: f"{text}-5"])
async def test_another_serial_number_closes_the_connection(
    secured_connect, serial_number, operator, station_id, change
):
    async with secured_connect(quiet=False) as station:
        with pytest.raises((CallRefusedError, ConnectionError)):
            await boot(station, serialNumber=change(serial_number))
        await station.closed()
    shown = await operator.station(station_id)
    assert shown["registration_status"] is None
    assert (shown["last_refusal"]["http_status"], shown["last_refusal"]["reason"]) == (101, NOT_THE_CERTIFICATES)
    closed = await operator.closed_connection(station_id)
    assert closed["close_reason"] == NOT_THE_CERTIFICATES
    connected = await operator.items("/stations", connected="true", q=station_id)
    assert connected == []
