"""OCPP 1.6 with the security whitepaper: password, certificates, security events, security profile."""

from dataclasses import replace

import pytest
from csms_testing.conformance.station import now
from csms_testing.conformance.v16 import booted

UNAUTHORIZED, FORBIDDEN = 401, 403
NEW = "a1b2c3d4e5f60718293a4b5c6d7e8f90"
ACCEPTED = {"status": "Accepted"}
HASH = {"hashAlgorithm": "SHA384", "issuerNameHash": "ab" * 48, "issuerKeyHash": "cd" * 48, "serialNumber": "0C1D"}


async def test_tc_073_csms(connect, operator, station_id):
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": NEW}) as pending:
            request = await station.reply("ChangeConfiguration", ACCEPTED)
            assert request == {"key": "AuthorizationKey", "value": NEW}
        assert pending.response == ACCEPTED
    assert await connect.refused() == UNAUTHORIZED
    async with connect(password=NEW) as station:
        await booted(station)


@pytest.mark.parametrize("status", ["Rejected", "NotSupported"])
async def test_tc_073_csms_not_accepted(connect, operator, station_id, status):
    async with connect() as station:
        await booted(station)
        async with operator.posting(f"/stations/{station_id}/password", {"password": NEW}):
            await station.reply("ChangeConfiguration", {"status": status})
    assert await connect.refused(password=NEW) == UNAUTHORIZED
    async with connect() as station:
        await booted(station)


@pytest.fixture
def installs(operator, station, station_id, system):
    async def install(kind):
        request = {"certificateType": kind, "certificate": system.pki.root.pem.decode()}
        async with operator.calling(station_id, "InstallCertificate", request) as pending:
            assert await station.reply("InstallCertificate", ACCEPTED) == request
        assert pending.response == ACCEPTED

    return install


async def test_tc_075_1_csms(installs):
    await installs("ManufacturerRootCertificate")


async def test_tc_075_2_csms(installs):
    await installs("CentralSystemRootCertificate")


async def test_tc_076_csms(operator, station, station_id):
    asked = {"certificateType": "CentralSystemRootCertificate"}
    async with operator.calling(station_id, "GetInstalledCertificateIds", asked):
        answer = {"status": "Accepted", "certificateHashData": [HASH]}
        assert await station.reply("GetInstalledCertificateIds", answer) == asked
    path = f"/stations/{station_id}/installed-certificates"
    (item,) = await operator.items(path)
    named = item["certificate_hash_data"]
    assert named == HASH
    async with operator.calling(station_id, "DeleteCertificate", {"certificateHashData": named}) as pending:
        assert await station.reply("DeleteCertificate", ACCEPTED) == {"certificateHashData": HASH}
    assert pending.response == ACCEPTED
    assert await operator.items(path) == []


async def _security_event(operator, station, station_id, kind):
    event = {"type": kind, "timestamp": now(), "techInfo": "why"}
    assert await station.call("SecurityEventNotification", event) == {}
    (item,) = await operator.items(f"/stations/{station_id}/notifications", action="SecurityEventNotification")
    assert item["payload"] == event


async def test_tc_077_csms(operator, station, station_id):
    await _security_event(operator, station, station_id, "InvalidChargePointCertificate")


async def test_tc_078_csms(operator, station, station_id):
    await _security_event(operator, station, station_id, "InvalidCentralSystemCertificate")


async def test_tc_083_csms(connect, operator, station_id, system):
    path = f"/stations/{station_id}/security-profile"
    async with connect() as station:
        await booted(station)
        async with operator.posting(path, {"security_profile": 2}) as pending:
            request = await station.reply("ChangeConfiguration", ACCEPTED)
            assert request == {"key": "SecurityProfile", "value": "2"}
            assert await station.reply("Reset", ACCEPTED) == {"type": "Hard"}
        assert pending.http_status == 202
    upgraded = replace(connect, urls=system.ocpp_tls_urls, context=system.pki.context())
    async with upgraded() as station:
        await booted(station)

        async def done():
            shown = await operator.get(path)
            return shown if shown["change"]["step"] == "done" else None

        assert (await operator.eventually(done))["security_profile"] == 2
    assert await connect.refused() == FORBIDDEN
